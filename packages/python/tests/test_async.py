"""The actions in asyncio."""

from __future__ import annotations

import asyncio
import threading
import unittest
from typing import Any

from entra_risk import AsyncEntraRisk, InvalidArgument, PartialFailure, Progress, TokenRequest, partial_failure

from .model import ABSENT, FAST, PRESENT, Model, some_ids
from .test_credential import FailsAfter, Token


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_every_action_reports_accepted_ids(self) -> None:
        with Model() as model:
            risk = AsyncEntraRisk("token", endpoint=model.endpoint, rate_limit=FAST)
            for action in (
                risk.dismiss_sign_ins,
                risk.confirm_sign_ins_safe,
                risk.confirm_sign_ins_compromised,
                risk.dismiss_risky_users,
            ):
                self.assertEqual([batch.outcome for batch in await action([PRESENT])], ["accepted"])

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
            await AsyncEntraRisk(Credential(), endpoint=model.endpoint).dismiss_risky_users([PRESENT])

    async def test_exceptions_are_those_of_the_blocking_client(self) -> None:
        error = LookupError()
        with Model("--absent", ABSENT) as model:
            with self.assertRaises(PartialFailure) as raised:
                await AsyncEntraRisk("token", endpoint=model.endpoint).dismiss_risky_users([ABSENT])
            self.assertEqual(raised.exception.refused, [ABSENT])
            with self.assertRaises(InvalidArgument):
                await AsyncEntraRisk("token", endpoint=model.endpoint).dismiss_risky_users([])
            with self.assertRaises(LookupError) as other:
                await AsyncEntraRisk(FailsAfter(0, error), endpoint=model.endpoint).dismiss_risky_users([PRESENT])
            self.assertIs(other.exception, error)

    async def test_exception_that_ends_iterations_does_not_hang(self) -> None:
        with Model() as model:
            risk = AsyncEntraRisk(FailsAfter(0, StopIteration()), endpoint=model.endpoint)
            with self.assertRaisesRegex(RuntimeError, "StopIteration"):
                await asyncio.wait_for(risk.dismiss_risky_users([PRESENT]), 30)

    async def test_cancelled_task_ends_the_call_with_every_outcome(self) -> None:
        ids, second = some_ids(6000), asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_progress(progress: Progress) -> None:
            if progress.attempts == 2:
                loop.call_soon_threadsafe(second.set)

        with Model() as model:
            risk = AsyncEntraRisk("token", endpoint=model.endpoint)
            task = asyncio.create_task(risk.dismiss_risky_users(ids, on_progress=on_progress))
            await second.wait()
            task.cancel()
            with self.assertRaises(asyncio.CancelledError) as raised:
                await task
            failure = partial_failure(raised.exception)
            # Python 3.10 raises another CancelledError in the task that awaits.
            if failure is None:
                context = raised.exception.__context__
                failure = None if context is None else partial_failure(context)
            assert failure is not None
            self.assertEqual(failure.accepted + failure.to_retry, ids)
            self.assertEqual(set(failure.accepted), model.applied())

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
            with self.assertRaises(asyncio.CancelledError):
                await second
            self.assertFalse(first.done())
            leave.set()
            await first
            self.assertEqual(model.applied(), {PRESENT})
