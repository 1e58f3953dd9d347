"""Actions that are performed while another one asks for something: they run, or are refused."""

from __future__ import annotations

import asyncio
import logging
import unittest

from entra_risk import AsyncEntraRisk, EntraRisk, Progress, Report, TokenRequest

from .model import ABSENT, FAST, PRESENT, Model, some_ids


class Reentry(unittest.TestCase):
    def test_on_progress_may_perform_an_action_for_the_same_tenant(self) -> None:
        def on_progress(progress: Progress) -> None:
            if not accepted:
                accepted.extend(risk.confirm_risky_users_safe([PRESENT], deadline=20).accepted)

        accepted: list[str] = []
        with Model() as model:
            risk = EntraRisk("token", endpoint=model.endpoint, rate_limit=FAST)
            report = risk.dismiss_risky_users(some_ids(180), on_progress=on_progress)
            self.assertEqual(accepted, [PRESENT])
            self.assertEqual(report.accepted, some_ids(180))

    def test_credential_that_performs_an_action_for_its_own_tenant_is_refused(self) -> None:
        def credential(request: TokenRequest) -> str:
            risk.dismiss_risky_users([ABSENT], tenant=request.tenant)
            return "token"

        with Model() as model:
            risk = EntraRisk(credential, endpoint=model.endpoint)
            with self.assertRaisesRegex(RuntimeError, "would wait for itself"):
                risk.dismiss_risky_users([PRESENT])
            with self.assertRaisesRegex(RuntimeError, "would wait for itself"):
                risk.dismiss_risky_users([PRESENT], tenant="contoso")
            self.assertFalse(model.arrivals())

    def test_credentials_that_wait_for_each_other_are_refused(self) -> None:
        def credential(request: TokenRequest) -> str:
            risk.dismiss_risky_users([ABSENT], tenant="one" if request.tenant == "two" else "two")
            return "token"

        with Model() as model:
            risk = EntraRisk(credential, endpoint=model.endpoint)
            with self.assertRaisesRegex(RuntimeError, "would wait for itself"):
                risk.dismiss_risky_users([PRESENT], tenant="one")

    def test_credential_may_perform_an_action_for_another_tenant(self) -> None:
        def credential(request: TokenRequest) -> str:
            if request.tenant == "one":
                risk.dismiss_risky_users([ABSENT], tenant="two")
            return "token"

        with Model() as model:
            risk = EntraRisk(credential, endpoint=model.endpoint)
            self.assertEqual(risk.dismiss_risky_users([PRESENT], tenant="one").accepted, [PRESENT])
            self.assertEqual(model.applied(), {PRESENT, ABSENT})

    def test_log_handler_that_performs_an_action_is_refused(self) -> None:
        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                try:
                    risk.dismiss_risky_users([ABSENT])
                except RuntimeError as error:
                    refused.append(str(error))

        handler, refused = Handler(logging.INFO), list[str]()
        logger = logging.getLogger("entra_risk")
        with Model() as model, self.assertLogs(logger, "INFO"):
            risk = EntraRisk("token", endpoint=model.endpoint)
            logger.addHandler(handler)
            try:
                self.assertEqual(risk.dismiss_risky_users([PRESENT]).accepted, [PRESENT])
            finally:
                logger.removeHandler(handler)
            self.assertEqual(model.applied(), {PRESENT})
        self.assertIn("would wait for itself", refused[0])


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_on_progress_may_start_an_action_for_the_same_tenant(self) -> None:
        tasks: list[asyncio.Task[Report]] = []

        def on_progress(progress: Progress) -> None:
            if not tasks:
                tasks.append(asyncio.create_task(risk.confirm_risky_users_safe([PRESENT])))

        with Model() as model:
            risk = AsyncEntraRisk("token", endpoint=model.endpoint, rate_limit=FAST)
            await asyncio.wait_for(risk.dismiss_risky_users(some_ids(180), on_progress=on_progress), 30)
            self.assertEqual((await asyncio.wait_for(tasks[0], 30)).accepted, [PRESENT])

    async def test_credential_that_performs_an_action_for_its_own_tenant_is_refused(self) -> None:
        async def credential(request: TokenRequest) -> str:
            await risk.dismiss_risky_users([ABSENT])
            return "token"

        with Model() as model:
            risk = AsyncEntraRisk(credential, endpoint=model.endpoint)
            with self.assertRaisesRegex(RuntimeError, "would wait for itself"):
                await asyncio.wait_for(risk.dismiss_risky_users([PRESENT]), 30)

    async def test_task_of_a_credential_may_perform_an_action_afterwards(self) -> None:
        tasks = []

        async def later() -> list[str]:
            await asyncio.sleep(0.5)
            return (await risk.dismiss_risky_users([ABSENT])).accepted

        async def credential(request: TokenRequest) -> str:
            tasks.append(asyncio.create_task(later()))
            return "token"

        with Model() as model:
            risk = AsyncEntraRisk(credential, endpoint=model.endpoint, rate_limit=FAST)
            await risk.dismiss_risky_users([PRESENT])
            self.assertEqual(await tasks[0], [ABSENT])
            for task in tasks[1:]:
                task.cancel()
