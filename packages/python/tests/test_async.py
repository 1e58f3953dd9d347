"""The actions in asyncio."""

from __future__ import annotations

import asyncio
import threading
import unittest
from typing import Any, get_args

from entra_risk import Action, AsyncEntraRisk, InvalidArgument, Progress, RateLimit, TokenRequest, report_of

from .model import ABSENT, FAST, PRESENT, Model, some_ids
from .test_credential import FailsAfter, Token


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_every_action_reports_accepted_ids(self) -> None:
        with Model() as model:
            risk = AsyncEntraRisk("token", endpoint=model.endpoint, rate_limit=FAST)
            for action in get_args(Action):
                report = await getattr(risk, action.replace("-", "_"))([PRESENT])
                self.assertEqual(report.accepted, [PRESENT])

    async def test_event_loop_runs_during_a_call(self) -> None:
        asked, replied = threading.Event(), threading.Event()

        def credential(request: TokenRequest) -> str:
            asked.set()
            assert replied.wait(30), "the event loop is blocked"
            return "token"

        async def reply() -> None:
            while not asked.is_set():
                await asyncio.sleep(0.01)
            replied.set()

        with Model() as model:
            risk = AsyncEntraRisk(credential, endpoint=model.endpoint)
            await asyncio.gather(risk.dismiss_risky_users([PRESENT]), reply())

    async def test_iterator_yields_each_batch_when_it_ends(self) -> None:
        ids, seen = some_ids(180), []
        with Model() as model:
            call = AsyncEntraRisk("token", endpoint=model.endpoint).start("dismiss-risky-users", ids)
            async for batch in call:
                seen.append((batch.ids, len(model.arrivals())))
        self.assertEqual(seen, [(tuple(ids[at : at + 60]), at // 60 + 1) for at in (0, 60, 120)])
        self.assertEqual(call.report().accepted, ids)

    async def test_leaving_the_loop_early_sends_nothing_more(self) -> None:
        ids = some_ids(300)
        with Model() as model:
            call = AsyncEntraRisk("token", endpoint=model.endpoint).start("dismiss-risky-users", ids)
            async for batch in call:
                break
            await asyncio.sleep(1.5)
            report = call.report()
            self.assertEqual(model.applied(), set(report.accepted))
        self.assertEqual(report.accepted + report.to_retry, ids)

    async def test_leaving_the_loop_early_gives_requests_in_flight_no_grace(self) -> None:
        with Model("--latency-ms", "1500") as model:
            risk = AsyncEntraRisk("token", endpoint=model.endpoint, rate_limit=RateLimit(1, 0.5), ids_per_request=1)
            call = risk.start("dismiss-risky-users", some_ids(10))
            async for batch in call:
                break
            while call.report().left:
                await asyncio.sleep(0.01)
        outcomes = [batch.outcome for batch in call.report().batches]
        self.assertEqual(set(outcomes), {"accepted", "unknown", "not-applied"})

    async def test_exception_in_a_with_block_ends_the_call_and_has_its_report(self) -> None:
        with Model() as model:
            risk = AsyncEntraRisk("token", endpoint=model.endpoint)
            with self.assertRaises(LookupError) as raised:
                async with risk.start("dismiss-risky-users", some_ids(300)) as call:
                    async for batch in call:
                        raise LookupError
            report = report_of(raised.exception)
            assert report is not None
            self.assertEqual(model.applied(), set(report.accepted))
            self.assertEqual(len(report.to_retry), 240)

    async def test_on_progress_is_called_in_the_event_loop(self) -> None:
        seen: list[Progress] = []

        def on_progress(progress: Progress) -> None:
            asyncio.get_running_loop()
            seen.append(progress)

        with Model() as model:
            risk = AsyncEntraRisk("token", endpoint=model.endpoint, rate_limit=FAST)
            await risk.dismiss_risky_users(some_ids(180), on_progress=on_progress)
        self.assertEqual((seen[-1].done, seen[-1].left, seen[-1].requests), (180, 0, 3))

    async def test_coroutine_function_runs_in_the_event_loop(self) -> None:
        loops = []

        async def credential(request: TokenRequest) -> str:
            loops.append(asyncio.get_running_loop())
            return "token"

        with Model() as model:
            await AsyncEntraRisk(credential, endpoint=model.endpoint).dismiss_risky_users([PRESENT])
        self.assertEqual(loops, [asyncio.get_running_loop()])

    async def test_asynchronous_get_token_is_awaited(self) -> None:
        class Credential:
            async def get_token(self, *scopes: str, **options: Any) -> Token:
                await asyncio.sleep(0)
                return Token("token")

        with Model() as model:
            report = await AsyncEntraRisk(Credential(), endpoint=model.endpoint).dismiss_risky_users([PRESENT])
        self.assertEqual(report.accepted, [PRESENT])

    async def test_reports_and_exceptions_are_those_of_the_blocking_client(self) -> None:
        error = LookupError()
        with Model("--absent", ABSENT) as model:
            report = await AsyncEntraRisk("token", endpoint=model.endpoint).dismiss_risky_users([ABSENT])
            self.assertEqual(report.refused, [ABSENT])
            with self.assertRaisesRegex(InvalidArgument, r"^ids\[0\]"):
                await AsyncEntraRisk("token", endpoint=model.endpoint).dismiss_risky_users(["no-guid"])
            with self.assertRaises(LookupError) as other:
                await AsyncEntraRisk(FailsAfter(0, error), endpoint=model.endpoint).dismiss_risky_users([PRESENT])
            self.assertIs(other.exception, error)

    async def test_exception_that_ends_iterations_does_not_hang(self) -> None:
        with Model() as model:
            risk = AsyncEntraRisk(FailsAfter(0, StopIteration()), endpoint=model.endpoint)
            with self.assertRaisesRegex(RuntimeError, "StopIteration"):
                await asyncio.wait_for(risk.dismiss_risky_users([PRESENT]), 30)
