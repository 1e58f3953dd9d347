"""The actions in asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import unittest
from typing import Any, get_args

from entra_risk import Action, AsyncCall, AsyncEntraRisk, InvalidArgument, Progress, RateLimit, TokenRequest, report_of

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
        asked, answered = threading.Event(), threading.Event()

        def credential(request: TokenRequest) -> str:
            asked.set()
            assert answered.wait(30), "the event loop is blocked"
            return "token"

        async def answer() -> None:
            while not asked.is_set():
                await asyncio.sleep(0.01)
            answered.set()

        with Model() as model:
            risk = AsyncEntraRisk(credential, endpoint=model.endpoint)
            await asyncio.gather(risk.dismiss_risky_users([PRESENT]), answer())

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
