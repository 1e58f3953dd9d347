"""What the actions send, return and raise."""

from __future__ import annotations

import dataclasses
import pickle
import unittest
import uuid
from typing import Any

from entra_risk import Batch, EntraRisk, InvalidArgument, PartialFailure, Progress, RateLimit, partial_failure

from .model import ABSENT, CANARY, FAST, PRESENT, Model, some_ids


def client(model: Model) -> EntraRisk:
    return EntraRisk(CANARY, endpoint=model.endpoint, rate_limit=FAST)


class Actions(unittest.TestCase):
    def test_every_action_reports_accepted_ids(self) -> None:
        with Model() as model:
            risk = client(model)
            for action in (
                risk.dismiss_sign_ins,
                risk.confirm_sign_ins_safe,
                risk.confirm_sign_ins_compromised,
                risk.dismiss_risky_users,
            ):
                batches = action([PRESENT])
                self.assertEqual([(batch.ids, batch.outcome) for batch in batches], [((PRESENT,), "accepted")])
                self.assertIsNotNone(batches[0].receipt)
                self.assertIsNone(batches[0].error)
            self.assertEqual(model.statuses(), [204] * 4)

    def test_ids_may_be_uuids_and_come_from_a_generator(self) -> None:
        with Model() as model:
            client(model).dismiss_risky_users(uuid.UUID(int=number) for number in range(1, 71))
            self.assertEqual([len(arrival["ids"]) for arrival in model.arrivals()], [60, 10])

    def test_options_of_a_call_replace_those_of_the_object(self) -> None:
        with Model() as model:
            risk = EntraRisk(CANARY, endpoint=model.endpoint, rate_limit=FAST, ids_per_request=5)
            risk.dismiss_risky_users(some_ids(10))
            risk.dismiss_risky_users(some_ids(10), ids_per_request=10)
            self.assertEqual([len(arrival["ids"]) for arrival in model.arrivals()], [5, 5, 10])

    def test_partial_failure_contains_every_id_once_in_order(self) -> None:
        ids = [*some_ids(70), ABSENT, *some_ids(20, first=100)]
        with Model("--absent", ABSENT) as model:
            with self.assertRaises(PartialFailure) as raised:
                client(model).dismiss_risky_users(ids)
            failure = raised.exception
            self.assertEqual([id for batch in failure.batches for id in batch.ids], ids)
            self.assertEqual(failure.refused, [ABSENT])
            self.assertEqual(set(failure.accepted), set(ids) - {ABSENT})
            self.assertEqual(failure.to_retry, [])
            self.assertEqual(failure.cause.kind, "client-error")
            [refused] = [batch for batch in failure.batches if batch.outcome == "refused"]
            assert refused.error is not None and refused.error.graph is not None
            self.assertEqual((refused.error.graph.status, refused.error.graph.code), (404, "Request_ResourceNotFound"))
            self.assertIn("90 of 91 ids accepted, 1 refused, 0 to retry; cause: client-error: 404", str(failure))
            self.assertIs(partial_failure(failure), failure)

    def test_partial_failure_can_be_pickled(self) -> None:
        with Model("--absent", ABSENT) as model:
            with self.assertRaises(PartialFailure) as raised:
                client(model).dismiss_risky_users([ABSENT])
        copied = pickle.loads(pickle.dumps(raised.exception))
        self.assertEqual(copied.batches, raised.exception.batches)
        self.assertEqual(str(copied), str(raised.exception))

    def test_deadline_leaves_ids_to_retry(self) -> None:
        ids = some_ids(300)
        with Model() as model:
            risk = EntraRisk(CANARY, endpoint=model.endpoint, rate_limit=RateLimit(1, 60_000))
            with self.assertRaises(PartialFailure) as raised:
                risk.dismiss_risky_users(ids, deadline_ms=2000)
            self.assertEqual(raised.exception.accepted + raised.exception.to_retry, ids)
            self.assertEqual(model.applied(), set(raised.exception.accepted))
            self.assertEqual(raised.exception.cause.kind, "deadline-exceeded")

    def test_invalid_arguments_are_value_errors_that_name_the_argument(self) -> None:
        with Model() as model:
            risk = client(model)
            cases: list[tuple[str, Any, dict[str, Any]]] = [
                ("user_ids[1]", [PRESENT, "no-guid"], {}),
                ("user_ids[0]", ["\ud800"], {}),
                ("user_ids: empty", [], {}),
                ("ids: expected an iterable", PRESENT, {}),
                ("ids_per_request: 61", [PRESENT], {"ids_per_request": 61}),
                ("max_in_flight: 33", [PRESENT], {"max_in_flight": 33}),
                ("max_attempts: 0", [PRESENT], {"max_attempts": 0}),
                ("deadline_ms", [PRESENT], {"deadline_ms": -1}),
                ("patience_ms", [PRESENT], {"patience_ms": 2**32}),
                ("attempt_timeout_ms", [PRESENT], {"attempt_timeout_ms": 1.5}),
                ("isolate_refused", [PRESENT], {"isolate_refused": 1}),
                ("api_version", [PRESENT], {"api_version": "v2"}),
                ("tenant", [PRESENT], {"tenant": "\ud800"}),
                ("rate_limit.requests: 0", [PRESENT], {"rate_limit": RateLimit(0, 1)}),
                ("rate_limit", [PRESENT], {"rate_limit": (1, 1000)}),
            ]
            for text, ids, options in cases:
                with self.subTest(text), self.assertRaises(InvalidArgument) as raised:
                    risk.dismiss_risky_users(ids, **options)
                self.assertIsInstance(raised.exception, ValueError)
                self.assertTrue(str(raised.exception).startswith(text), raised.exception)
            self.assertFalse(model.arrivals())

    def test_invalid_settings_are_value_errors(self) -> None:
        cloud: Any = "moon"
        with self.assertRaisesRegex(InvalidArgument, "^cloud: expected one of global"):
            EntraRisk(CANARY, cloud=cloud)
        with self.assertRaisesRegex(InvalidArgument, "^endpoint: "):
            EntraRisk(CANARY, endpoint="http://example.com").dismiss_risky_users([PRESENT])

    def test_call_cannot_choose_where_the_token_goes(self) -> None:
        options: Any = {"endpoint": "https://example.com"}
        with self.assertRaisesRegex(TypeError, "endpoint"):
            EntraRisk(CANARY).dismiss_risky_users([PRESENT], **options)

    def test_unknown_options_are_type_errors(self) -> None:
        with self.assertRaisesRegex(TypeError, "tennant"):
            EntraRisk(CANARY, tennant="x")  # type: ignore[call-arg]
        with self.assertRaisesRegex(TypeError, "tennant"):
            EntraRisk(CANARY).dismiss_risky_users([PRESENT], tennant="x")  # type: ignore[call-arg]

    def test_results_are_frozen(self) -> None:
        batch = Batch((PRESENT,), 1, "accepted")
        with self.assertRaises(dataclasses.FrozenInstanceError):
            setattr(batch, "outcome", "refused")

    def test_progress_is_reported_before_each_attempt(self) -> None:
        seen: list[Progress] = []
        with Model() as model:
            client(model).dismiss_risky_users(some_ids(180), on_progress=seen.append)
        self.assertEqual(seen, [Progress(attempts, 3) for attempts in range(3)])

    def test_exception_of_on_progress_ends_the_call(self) -> None:
        def stop_at_two(progress: Progress) -> None:
            if progress.attempts == 2:
                raise LookupError("enough")

        with Model() as model:
            with self.assertRaises(LookupError) as raised:
                client(model).dismiss_risky_users(some_ids(300), on_progress=stop_at_two)
            failure = partial_failure(raised.exception)
            assert failure is not None
            self.assertEqual(set(failure.accepted), model.applied())
            self.assertEqual((len(failure.accepted), len(failure.to_retry)), (120, 180))

    def test_nothing_printed_contains_the_token(self) -> None:
        with Model("--absent", ABSENT, "--token", "another") as model, self.assertLogs("entra_risk", "DEBUG") as logs:
            risk = client(model)
            with self.assertRaises(PartialFailure) as raised:
                risk.dismiss_risky_users([PRESENT])
        printed = [*logs.output, repr(risk), str(vars(risk)), repr(raised.exception), str(raised.exception)]
        self.assertNotIn(CANARY, "".join(printed))
        self.assertIn("cannot be renewed", str(raised.exception))
