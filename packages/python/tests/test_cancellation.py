"""Tasks of asyncio that are cancelled, and event loops that end, while a call is open."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import unittest

from entra_risk import AsyncCall, AsyncEntraRisk, Progress, TokenRequest, report_of

from .model import ABSENT, PRESENT, Model, some_ids


class Cancellation(unittest.IsolatedAsyncioTestCase):
    async def test_cancelled_task_ends_the_call_with_every_outcome(self) -> None:
        ids, second = some_ids(6000), asyncio.Event()

        def on_progress(progress: Progress) -> None:
            if progress.done == 120:
                second.set()

        with Model() as model:
            risk = AsyncEntraRisk("token", endpoint=model.endpoint)
            task = asyncio.create_task(risk.dismiss_risky_users(ids, on_progress=on_progress))
            await second.wait()
            task.cancel()
            with self.assertRaises(asyncio.CancelledError) as raised:
                await task
            report = report_of(raised.exception)
            assert report is not None and report.cause is not None
            self.assertEqual(report.cause.kind, "cancelled")
            self.assertEqual(report.accepted + report.to_retry, ids)
            self.assertEqual(set(report.accepted), model.applied())

    async def test_iterating_task_that_is_cancelled_has_the_report(self) -> None:
        ids, begun = some_ids(6000), asyncio.Event()

        async def iterate() -> None:
            async for _ in risk.start("dismiss-risky-users", ids):
                begun.set()

        with Model() as model:
            risk = AsyncEntraRisk("token", endpoint=model.endpoint)
            task = asyncio.create_task(iterate())
            await begun.wait()
            await asyncio.sleep(0.2)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError) as raised:
                await task
            report = report_of(raised.exception)
            assert report is not None
            self.assertEqual(set(report.accepted), model.applied())

    async def test_task_is_cancelled_while_its_credential_blocks(self) -> None:
        asked, forever = threading.Event(), threading.Event()
        self.addCleanup(forever.set)
        cancelled = asyncio.Event()

        def blocking(request: TokenRequest) -> str:
            asked.set()
            forever.wait()
            return "token"

        async def waiting(request: TokenRequest) -> str:
            asked.set()
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled.set()
                raise
            return "token"

        with Model() as model:
            for credential in (blocking, waiting):
                asked.clear()
                risk = AsyncEntraRisk(credential, endpoint=model.endpoint)
                task = asyncio.create_task(risk.dismiss_risky_users([PRESENT]))
                while not asked.is_set():
                    await asyncio.sleep(0.01)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError) as raised:
                    await asyncio.wait_for(task, 5)
                report = report_of(raised.exception)
                assert report is not None
                self.assertEqual([batch.outcome for batch in report.batches], ["not-applied"])
            await asyncio.wait_for(cancelled.wait(), 5)
            self.assertFalse(model.arrivals())

    async def test_wait_for_returns_while_an_asynchronous_credential_hangs(self) -> None:
        cancelled = asyncio.Event()

        async def hanging(request: TokenRequest) -> str:
            try:
                await asyncio.sleep(3600)
            finally:
                cancelled.set()
            return "token"

        async def deaf(request: TokenRequest) -> str:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)
            cancelled.set()
            await asyncio.sleep(30)
            return "token"

        with Model() as model:
            for credential in (hanging, deaf):
                cancelled.clear()
                risk = AsyncEntraRisk(credential, endpoint=model.endpoint)
                began = time.monotonic()
                with self.assertRaises(asyncio.TimeoutError) as raised:
                    await asyncio.wait_for(risk.dismiss_risky_users([PRESENT]), 0.3)
                self.assertLess(time.monotonic() - began, 5)
                report = report_of(raised.exception)
                assert report is not None
                self.assertEqual(report.to_retry, [PRESENT])
                await asyncio.wait_for(cancelled.wait(), 5)
            self.assertFalse(model.arrivals())

    async def test_second_cancellation_does_not_wait(self) -> None:
        with Model("--latency-ms", "60000") as model:
            risk = AsyncEntraRisk("token", endpoint=model.endpoint)
            task = asyncio.create_task(risk.dismiss_risky_users([PRESENT]))
            while not model.arrivals():
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.sleep(0.3)
            self.assertFalse(task.done())
            began = time.monotonic()
            task.cancel()
            with self.assertRaises(asyncio.CancelledError) as raised:
                await task
            self.assertLess(time.monotonic() - began, 5)
            report = report_of(raised.exception)
            assert report is not None
            self.assertEqual([batch.outcome for batch in report.batches], ["unknown"])

    async def test_cancelled_task_does_not_wait_for_another_call_of_its_tenant(self) -> None:
        entered, leave = threading.Event(), threading.Event()

        def credential(request: TokenRequest) -> str:
            entered.set()
            assert leave.wait(30)
            return "token"

        with Model() as model:
            risk = AsyncEntraRisk(credential, endpoint=model.endpoint)
            first = asyncio.create_task(risk.dismiss_risky_users([PRESENT]))
            await asyncio.to_thread(entered.wait)
            second = asyncio.create_task(risk.dismiss_risky_users([ABSENT]))
            await asyncio.sleep(0)
            second.cancel()
            began = time.monotonic()
            with self.assertRaises(asyncio.CancelledError) as raised:
                await second
            self.assertLess(time.monotonic() - began, 5)
            report = report_of(raised.exception)
            assert report is not None
            self.assertEqual([(batch.ids, batch.outcome) for batch in report.batches], [((ABSENT,), "not-applied")])
            self.assertFalse(first.done())
            leave.set()
            await first
            self.assertEqual(model.applied(), {PRESENT})


class Loops(unittest.TestCase):
    """Event loops that end while a call is open."""

    def test_call_ends_when_its_loop_was_closed_while_its_credential_hangs(self) -> None:
        async def hanging(request: TokenRequest) -> str:
            await asyncio.sleep(3600)
            return "token"

        async def begin() -> AsyncCall:
            call = risk.start("dismiss-risky-users", [PRESENT])
            await asyncio.sleep(0.3)
            return call

        with Model() as model:
            risk = AsyncEntraRisk(hanging, endpoint=model.endpoint)
            loop = asyncio.new_event_loop()  # `asyncio.run` would cancel the task of the credential.
            call = loop.run_until_complete(begin())
            loop.close()
            self.assert_ends(call)
        self.assertEqual(call.report().to_retry, [PRESENT])

    def test_call_ends_when_its_loop_was_closed(self) -> None:
        ids = some_ids(6000)

        async def begin() -> AsyncCall:
            call = risk.start("dismiss-risky-users", ids)
            async for _ in call:
                return call
            raise AssertionError

        async def iterate() -> AsyncCall:
            call = risk.start("dismiss-risky-users", ids)
            await asyncio.sleep(0.3)
            return call

        with Model() as model:
            risk = AsyncEntraRisk("token", endpoint=model.endpoint)
            for main in (begin, iterate):
                call = asyncio.run(main())
                self.assert_ends(call)
                report = call.report()
                self.assertEqual(report.accepted + report.to_retry, ids)

    def assert_ends(self, call: AsyncCall) -> None:
        until = time.monotonic() + 10
        while call.report().left and time.monotonic() < until:
            time.sleep(0.01)
        self.assertEqual(call.report().left, 0)
