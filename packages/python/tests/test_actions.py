"""What the actions send, report and raise."""

from __future__ import annotations

import dataclasses
import pickle
import unittest
import uuid
from datetime import timedelta
from typing import Any, get_args

from entra_risk import Action, Batch, EntraRisk, EntraRiskError, InvalidArgument, RateLimit, Report

from .model import ABSENT, CANARY, FAST, PRESENT, Model, some_ids


PATHS = [
    "/v1.0/auditLogs/signIns/dismiss",
    "/beta/auditLogs/signIns/confirmSafe",
    "/beta/auditLogs/signIns/confirmCompromised",
    "/v1.0/identityProtection/riskyUsers/dismiss",
    "/v1.0/identityProtection/riskyUsers/confirmSafe",
    "/v1.0/identityProtection/riskyUsers/confirmCompromised",
    "/v1.0/identityProtection/riskyServicePrincipals/dismiss",
    "/v1.0/identityProtection/riskyServicePrincipals/confirmCompromised",
    "/beta/identityProtection/riskyAgents/dismiss",
    "/beta/identityProtection/riskyAgents/confirmSafe",
    "/beta/identityProtection/riskyAgents/confirmCompromised",
]


def client(model: Model) -> EntraRisk:
    return EntraRisk(CANARY, endpoint=model.endpoint, rate_limit=FAST)


class Actions(unittest.TestCase):
    def test_every_action_reports_accepted_ids(self) -> None:
        with Model() as model:
            risk = client(model)
            for action in get_args(Action):
                report = getattr(risk, action.replace("-", "_"))([PRESENT])
                self.assertEqual([(batch.ids, batch.outcome) for batch in report.batches], [((PRESENT,), "accepted")])
                self.assertIsNotNone(report.batches[0].receipt)
                self.assertIsNone(report.batches[0].error)
                self.assertIsNone(report.cause)
            self.assertEqual(model.statuses(), [204] * 11)
            self.assertEqual(model.paths(), PATHS)

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

    def test_report_contains_every_id_once_in_order(self) -> None:
        ids = [*some_ids(70), ABSENT, *some_ids(20, first=100)]
        with Model("--absent", ABSENT) as model:
            report = client(model).dismiss_risky_users(ids)
        self.assertEqual([id for batch in report.batches for id in batch.ids], ids)
        self.assertEqual(report.refused, [ABSENT])
        self.assertEqual(report.accepted, [id for id in ids if id != ABSENT])
        self.assertEqual(report.to_retry, [])
        [refused] = [batch for batch in report.batches if batch.outcome == "refused"]
        assert refused.error is not None and refused.error.response is not None
        self.assertEqual(refused.error.kind, "client-error")
        self.assertEqual(refused.error.response.status, 404)
        self.assertEqual(refused.error.response.code, "Request_ResourceNotFound")
        assert report.cause is not None
        self.assertEqual(report.cause.kind, "client-error")
        self.assertIn("90 of 91 ids accepted, 1 refused, 0 to retry; cause: client-error: ", str(report))

    def test_repeated_id_is_reported_once_in_its_first_spelling(self) -> None:
        with Model() as model:
            report = client(model).dismiss_risky_users([PRESENT.upper(), ABSENT, PRESENT])
            self.assertEqual([batch.ids for batch in report.batches], [(PRESENT.upper(), ABSENT)])

    def test_empty_list_is_a_success_without_batches_or_a_token(self) -> None:
        def credential(_: object) -> str:
            raise AssertionError("a token was requested")

        with Model() as model:
            report = EntraRisk(credential, endpoint=model.endpoint).dismiss_risky_users([])
            self.assertEqual(report, Report(()))
            self.assertEqual(str(report.raise_for_failure()), "0 of 0 ids accepted")
            self.assertFalse(model.arrivals())

    def test_raise_for_failure_raises_unless_every_id_was_accepted(self) -> None:
        with Model("--absent", ABSENT) as model:
            accepted = client(model).dismiss_risky_users([PRESENT])
            self.assertIs(accepted.raise_for_failure(), accepted)
            refused = client(model).dismiss_risky_users([PRESENT, ABSENT])
        with self.assertRaisesRegex(EntraRiskError, "1 of 2 ids accepted, 1 refused") as raised:
            refused.raise_for_failure()
        self.assertIs(raised.exception.report, refused)
        copied = pickle.loads(pickle.dumps(raised.exception))
        self.assertEqual(copied.report, refused)

    def test_deadline_leaves_ids_to_retry(self) -> None:
        ids = some_ids(300)
        with Model() as model:
            risk = EntraRisk(CANARY, endpoint=model.endpoint, rate_limit=RateLimit(1, timedelta(minutes=1)))
            report = risk.dismiss_risky_users(ids, deadline=2)
            self.assertEqual(report.accepted + report.to_retry, ids)
            self.assertEqual(model.applied(), set(report.accepted))
            assert report.cause is not None
            self.assertEqual(report.cause.kind, "deadline-exceeded")

    def test_invalid_arguments_are_value_errors_that_name_the_argument(self) -> None:
        with Model() as model:
            risk = client(model)
            cases: list[tuple[str, Any, dict[str, Any]]] = [
                ("ids[1]", [PRESENT, "no-guid"], {}),
                ("ids[0]", ["\ud800"], {}),
                ("ids[0]", [str(uuid.UUID(int=0))], {}),
                ("ids: expected an iterable", PRESENT, {}),
                ("ids_per_request: 61", [PRESENT], {"ids_per_request": 61}),
                ("max_in_flight: 33", [PRESENT], {"max_in_flight": 33}),
                ("max_attempts: 0", [PRESENT], {"max_attempts": 0}),
                ("deadline: expected 0.001 to", [PRESENT], {"deadline": -1}),
                ("deadline", [PRESENT], {"deadline": "2 s"}),
                ("deadline", [PRESENT], {"deadline": True}),
                ("patience", [PRESENT], {"patience": float("nan")}),
                ("patience", [PRESENT], {"patience": timedelta(days=50)}),
                ("attempt_timeout: expected 0.001 to 600 seconds; got 601", [PRESENT], {"attempt_timeout": 601}),
                ("isolate_refused", [PRESENT], {"isolate_refused": 1}),
                ("api_version", [PRESENT], {"api_version": "v2"}),
                ("tenant", [PRESENT], {"tenant": "\ud800"}),
                ("rate_limit.requests: 0", [PRESENT], {"rate_limit": RateLimit(0, 1)}),
                ("rate_limit.requests: 100001", [PRESENT], {"rate_limit": RateLimit(100_001, 1)}),
                ("rate_limit.window", [PRESENT], {"rate_limit": RateLimit(1, 0)}),
                ("rate_limit: expected RateLimit", [PRESENT], {"rate_limit": (1, 1)}),
            ]
            for text, ids, options in cases:
                with self.subTest(text), self.assertRaises(InvalidArgument) as raised:
                    risk.dismiss_risky_users(ids, **options)
                self.assertIsInstance(raised.exception, ValueError)
                self.assertTrue(str(raised.exception).startswith(text), raised.exception)
            self.assertFalse(model.arrivals())

    def test_unknown_action_is_named_before_anything_else(self) -> None:
        action: Any = "dismiss-risky-user"
        ids: Any = 5
        message = "^unknown action 'dismiss-risky-user'; the actions are dismiss-sign-ins, "
        with self.assertRaisesRegex(InvalidArgument, message):
            EntraRisk(CANARY).start(action, ids, tennant="x")  # type: ignore[call-arg]

    def test_invalid_settings_are_value_errors(self) -> None:
        cloud: Any = "moon"
        with self.assertRaisesRegex(InvalidArgument, "^cloud: expected one of global"):
            EntraRisk(CANARY, cloud=cloud)
        with self.assertRaisesRegex(InvalidArgument, "^max_instances: expected a whole number from 1"):
            EntraRisk(CANARY, max_instances=0)
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

    def test_nothing_printed_contains_the_token(self) -> None:
        with Model("--absent", ABSENT, "--token", "another") as model, self.assertLogs("entra_risk", "DEBUG") as logs:
            risk = client(model)
            report = risk.dismiss_risky_users([PRESENT])
        printed = [*logs.output, repr(risk), str(vars(risk)), repr(report), str(report)]
        self.assertNotIn(CANARY, "".join(printed))
        self.assertIn("cannot be renewed", str(report))
