"""Exceptions that end several calls: each call reports its own ids."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import traceback
import unittest
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from entra_risk import AsyncEntraRisk, EntraRisk, EntraRiskError, Progress, Report, TokenRequest, report_of

from .model import FAST, Model, some_ids
from .test_credential import FailsAfter


@dataclass(frozen=True)
class Frozen(Exception):
    reason: str


class Uncopyable(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


class Shared(unittest.TestCase):
    def failure(self, risk: EntraRisk, ids: list[str]) -> tuple[BaseException, Report]:
        try:
            risk.dismiss_risky_users(ids)
        except BaseException as error:
            report = report_of(error)
            assert report is not None
            return error, report
        raise AssertionError("the call succeeded")

    def test_calls_that_are_given_the_same_exception_report_their_own_ids(self) -> None:
        for error in (LookupError("sealed"), KeyboardInterrupt(), SystemExit(3), OSError(5, "x")):
            future: concurrent.futures.Future[str] = concurrent.futures.Future()
            future.set_exception(error)
            with self.subTest(error), Model() as model:
                risk = EntraRisk(lambda _: future.result(), endpoint=model.endpoint, rate_limit=FAST)
                first, report = self.failure(risk, some_ids(2))
                self.assertIs(first, error)
                second, other = self.failure(risk, some_ids(3, first=100))
                self.assertEqual(report.to_retry, some_ids(2))
                self.assertEqual(other.to_retry, some_ids(3, first=100))
                # As before: the second call has not changed what the first one raised.
                self.assertEqual(report_of(first), report)
                self.assertIs(type(second), type(error))
                self.assertEqual((second.args, str(second)), (error.args, str(error)))
                self.assertIs(second.__cause__, error)

    def test_calls_at_the_same_time_report_their_own_ids(self) -> None:
        error, together = LookupError(), threading.Barrier(8, timeout=30)

        def credential(_: TokenRequest) -> str:
            together.wait()
            raise error

        with Model() as model, ThreadPoolExecutor(8) as pool:
            risk = EntraRisk(credential, endpoint=model.endpoint)

            def dismiss(number: int) -> bool:
                ids = some_ids(60, first=100 * number + 1)
                try:
                    risk.dismiss_risky_users(ids, tenant=f"tenant-{number}")
                except LookupError as raised:
                    report = report_of(raised)
                    return report is not None and report.to_retry == ids
                return False

            self.assertEqual(list(pool.map(dismiss, range(8))), [True] * 8)

    def test_exception_that_cannot_be_copied_becomes_a_cause(self) -> None:
        for error in (Uncopyable("one", "two"), Frozen("sealed")):
            with self.subTest(type(error)), Model() as model:
                risk = EntraRisk(FailsAfter(0, error), endpoint=model.endpoint)
                self.failure(risk, some_ids(1))
                second, report = self.failure(risk, some_ids(2, first=100))
                self.assertIsInstance(second, EntraRiskError)
                self.assertIs(second.__cause__, error)
                self.assertEqual(report.to_retry, some_ids(2, first=100))

    def test_notes_and_tracebacks_do_not_pile_up(self) -> None:
        error = LookupError()

        def credential(_: TokenRequest) -> str:
            raise error

        with Model() as model:
            risk = EntraRisk(credential, endpoint=model.endpoint)
            for number in range(60):
                with self.assertRaises(LookupError) as raised:
                    risk.dismiss_risky_users(some_ids(1, first=number + 1))
        self.assertLessEqual(len(traceback.extract_tb(error.__traceback__)), 100)
        self.assertLessEqual(len(traceback.extract_tb(raised.exception.__traceback__)), 20)
        for notes in (getattr(each, "__notes__", ["one"]) for each in (error, raised.exception)):
            self.assertEqual(len(notes), 1)

    def test_exception_through_two_with_blocks_has_the_report_of_each(self) -> None:
        with Model() as model:
            risk = EntraRisk("token", endpoint=model.endpoint)
            with self.assertRaises(LookupError) as raised:
                with risk.start("dismiss-risky-users", some_ids(300)) as outer:
                    with risk.start("dismiss-risky-users", some_ids(200, first=1000)) as inner:
                        raise LookupError("both")
        self.assertEqual(report_of(raised.exception), outer.report())
        assert raised.exception.__cause__ is not None
        self.assertEqual(report_of(raised.exception.__cause__), inner.report())

    def test_interrupt_in_on_progress_has_the_report_of_each_call(self) -> None:
        def inner(progress: Progress) -> None:
            raise KeyboardInterrupt

        def outer(progress: Progress) -> None:
            risk.dismiss_risky_users(some_ids(200, first=1000), on_progress=inner)

        with Model() as model:
            risk = EntraRisk("token", endpoint=model.endpoint)
            with self.assertRaises(KeyboardInterrupt) as raised:
                risk.dismiss_risky_users(some_ids(300), on_progress=outer)
        for error, ids in ((raised.exception, some_ids(300)), (raised.exception.__cause__, some_ids(200, first=1000))):
            assert error is not None
            report = report_of(error)
            assert report is not None
            self.assertEqual(sorted(report.accepted + report.to_retry), ids)

    def test_exception_raised_while_that_of_another_call_is_handled_has_no_report_of_it(self) -> None:
        def credential(_: TokenRequest) -> str:
            raise LookupError

        with Model() as model:
            risk = EntraRisk(credential, endpoint=model.endpoint)
            try:
                risk.dismiss_risky_users(some_ids(1))
            except LookupError:
                with self.assertRaises(ValueError) as raised:
                    risk.dismiss_risky_users(["no-guid"])
        self.assertIsNone(report_of(raised.exception))


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_tasks_that_await_the_same_token_report_their_own_ids(self) -> None:
        token: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def credential(_: TokenRequest) -> str:
            return await token

        with Model() as model:
            risk = AsyncEntraRisk(credential, endpoint=model.endpoint)
            ids = [some_ids(60, first=100 * number + 1) for number in range(8)]
            tasks = [
                asyncio.create_task(risk.dismiss_risky_users(each, tenant=f"tenant-{number}"))
                for number, each in enumerate(ids)
            ]
            await asyncio.sleep(0.3)
            token.set_exception(LookupError("sealed"))
            reports = []
            for task in tasks:
                with self.assertRaises(LookupError) as raised:
                    await task
                reports.append(report_of(raised.exception))
        self.assertEqual([None if report is None else report.to_retry for report in reports], ids)

    async def test_exception_through_two_with_blocks_has_the_report_of_each(self) -> None:
        with Model() as model:
            risk = AsyncEntraRisk("token", endpoint=model.endpoint)
            with self.assertRaises(LookupError) as raised:
                async with risk.start("dismiss-risky-users", some_ids(300)) as outer:
                    async with risk.start("dismiss-risky-users", some_ids(200, first=1000)) as inner:
                        raise LookupError("both")
        self.assertEqual(report_of(raised.exception), outer.report())
        assert raised.exception.__cause__ is not None
        self.assertEqual(report_of(raised.exception.__cause__), inner.report())
