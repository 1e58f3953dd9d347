"""Lists of what is at risk, and whether actions have taken effect, against the model."""

from __future__ import annotations

import json
import threading
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from entra_risk import (
    Action,
    AsyncEntraRisk,
    EntraRisk,
    Entry,
    InvalidArgument,
    ListError,
    RateLimit,
    TokenRequest,
    Verification,
)
from entra_risk import _forwarder
from entra_risk._verification import Rule, Verifier, rule_of

from .model import FAST, Model, some_ids

try:
    from .test_forwarder import Handler, Server, environment
except ImportError as missing:
    raise unittest.SkipTest(str(missing))

TOKEN = "canary-b7c1d09e5f3a4c62-is-long-enough"
AT_RISK = "riskState eq 'atRisk'"
PATH = "/v1.0/identityProtection/riskyUsers"


def page(entries: int, next_link: str | None = None, name: str = "a") -> bytes:
    value = [{"id": id, "userPrincipalName": name, "riskState": "atRisk"} for id in some_ids(entries)]
    return json.dumps({"value": value, **({"@odata.nextLink": next_link} if next_link else {})}).encode()


class Lists(unittest.TestCase):
    def test_every_page_is_read(self) -> None:
        with Model("--risky-users", "1200") as model:
            risk = EntraRisk(TOKEN, endpoint=model.endpoint, rate_limit=FAST)
            entries = list(risk.list_risky_users(AT_RISK))
            self.assertEqual(sorted(entry.id for entry in entries), some_ids(1200))
            high = list(risk.list_risky_users(f"{AT_RISK} and riskLevel eq 'high'", page_size=100))
            self.assertEqual({entry.risk_level for entry in high}, {"high"})
            self.assertEqual(model.statuses(), [200] * (3 + 4))
            [first] = [entry for entry in entries if entry.id == some_ids(1)[0]]
            expected = Entry(some_ids(1)[0], "user1@contoso.example", "high", "atRisk", "none", first.last_updated, False, False)
            self.assertEqual(first, expected)

    def test_sign_ins_and_service_principals_are_listed(self) -> None:
        with Model("--risky-sign-ins", "2", "--risky-service-principals", "3") as model:
            risk = EntraRisk(TOKEN, endpoint=model.endpoint, rate_limit=FAST)
            self.assertEqual(len(list(risk.list_sign_ins())), 2)
            self.assertEqual(len(list(risk.list_risky_service_principals())), 3)

    def test_a_page_is_requested_when_it_is_wanted(self) -> None:
        with Model("--risky-users", "20") as model:
            entries = EntraRisk(TOKEN, endpoint=model.endpoint, rate_limit=FAST).list_risky_users(page_size=10)
            time.sleep(0.3)
            self.assertEqual(model.statuses(), [])
            for _ in zip(range(10), entries):
                pass
            time.sleep(0.3)
            self.assertEqual(model.statuses(), [200])

    def test_what_is_not_permitted_is_no_empty_list(self) -> None:
        with Model("--read-permission", "reader", "--risky-users", "5") as model:
            with self.assertRaises(ListError) as raised:
                list(EntraRisk(TOKEN, endpoint=model.endpoint).list_risky_users())
            error = raised.exception.error
            assert error.response is not None
            self.assertEqual((error.kind, error.response.status), ("forbidden", 403))
            self.assertIn("risky-users needs IdentityRiskyUser.Read.All: ", str(raised.exception))

    def test_invalid_arguments_and_exceptions_of_the_credential_are_raised(self) -> None:
        def fails(_: TokenRequest) -> str:
            raise LookupError("no token here")

        risk = EntraRisk(fails)
        with self.assertRaisesRegex(InvalidArgument, "^page_size: "):
            list(risk.list_risky_users(page_size=501))
        with self.assertRaisesRegex(InvalidArgument, "^filter: expected a str; got int"):
            risk.list_risky_users(5)  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "unexpected keyword argument 'max_in_flight'"):
            risk.list_risky_users(max_in_flight=5)  # type: ignore[call-arg]
        with self.assertRaisesRegex(LookupError, "no token here"):
            list(risk.list_risky_users())

    def test_the_credential_is_asked_for_the_permissions_to_read(self) -> None:
        asked: list[tuple[str, ...]] = []

        def credential(request: TokenRequest) -> str:
            asked.append(request.permissions)
            return TOKEN

        with Model("--risky-users", "1", "--risky-sign-ins", "1") as model:
            risk = EntraRisk(credential, endpoint=model.endpoint)
            list(risk.list_risky_users())
            list(risk.list_sign_ins())
        self.assertEqual(asked, [("IdentityRiskyUser.Read.All",), ("AuditLog.Read.All", "Directory.Read.All")])


class Pages(unittest.TestCase):
    """What a service may send, and what others on the machine may try."""

    def read(self, respond: Callable[[Handler], None], seen: list[str]) -> list[Entry]:
        def get(handler: Handler) -> None:
            seen.append(handler.path)
            respond(handler)

        with environment(), Server(get) as server:
            risk = EntraRisk(TOKEN, endpoint=f"http://127.0.0.1:{server.port}", rate_limit=FAST)
            return list(risk.list_risky_users(patience=1))

    def test_a_long_page_is_read_and_a_longer_one_is_an_error(self) -> None:
        entries = self.read(lambda handler: handler.answer(200, body=page(50, name="a" * 160_000)), [])
        self.assertEqual((len(entries), len(entries[0].name)), (50, 256))
        with self.assertRaises(ListError):
            self.read(lambda handler: handler.answer(200, body=page(50, name="a" * 170_000)), [])

    def test_a_link_to_the_endpoint_is_followed_and_no_other(self) -> None:
        def here(handler: Handler) -> None:
            is_last = "$skiptoken=2%20x" in handler.path
            link = f"http://{handler.headers['host']}{PATH}?$skiptoken=2%20x"
            handler.answer(200, body=page(1, None if is_last else link))

        seen: list[str] = []
        self.assertEqual(len(self.read(here, seen)), 2)
        self.assertEqual(seen[1], f"{PATH}?$skiptoken=2%20x")
        for link in ("http://attacker.test/v1.0/identityProtection/riskyUsers?a=b", "http://127.0.0.1:9{path}?a=b"):
            seen = []
            with self.subTest(link), self.assertRaisesRegex(ListError, "next link leads to another host"):
                self.read(lambda handler: handler.answer(200, body=page(1, link.format(path=PATH))), seen)
            self.assertEqual(len(seen), 1)

    def test_the_longest_filter_is_sent(self) -> None:
        seen: list[str] = []

        def get(handler: Handler) -> None:
            seen.append(handler.path)
            handler.answer(200, body=page(1))

        with environment(), Server(get) as server:
            risk = EntraRisk(TOKEN, endpoint=f"http://127.0.0.1:{server.port}")
            self.assertEqual(len(list(risk.list_risky_users("(" * 8192))), 1)
        self.assertIn("%28" * 8192, seen[0])

    def test_the_token_does_not_come_back(self) -> None:
        [entry] = self.read(lambda handler: handler.answer(200, body=page(1, name=handler.headers["authorization"])), [])
        self.assertEqual(entry.name, "Bearer [token]")

    def test_a_placeholder_serves_its_own_kind_of_call(self) -> None:
        statuses: list[int] = []

        def get(handler: Handler) -> None:
            [forwarder] = _forwarder._forwarders.values()
            [placeholder] = forwarder._routes
            for method, path in [("POST", f"{PATH}/dismiss"), ("GET", "/v1.0/auditLogs/signIns"), ("GET", "/v1.0/me")]:
                statuses.append(handler.ask(forwarder.address, method, path, {"authorization": f"Bearer {placeholder}"}))
            handler.answer(200, body=page(1))

        self.read(get, [])
        self.assertEqual(statuses, [404, 404, 404])


class AsyncLists(unittest.IsolatedAsyncioTestCase):
    async def test_a_list_is_read_and_verified_in_the_event_loop(self) -> None:
        with Model("--risky-users", "600") as model:
            risk = AsyncEntraRisk(TOKEN, endpoint=model.endpoint, rate_limit=FAST)
            ids = [entry.id async for entry in risk.list_risky_users(AT_RISK)]
            self.assertEqual(sorted(ids), some_ids(600))
            report = await risk.confirm_risky_users_safe(ids[:60])
            verification = await risk.verify("confirm-risky-users-safe", report.accepted, within=20)
            self.assertEqual(verification, Verification(tuple(ids[:60]), (), ()))
            with self.assertRaises(InvalidArgument):
                async for _ in risk.list_risky_users(page_size=501):
                    pass


class Verifications(unittest.TestCase):
    def test_what_has_not_changed_is_named(self) -> None:
        first, second, *_ = ids = some_ids(10)
        with Model("--risky-users", "10", "--unchanged", first, "--changes-after-ms", "1500") as model:
            risk = EntraRisk(TOKEN, endpoint=model.endpoint, rate_limit=FAST)
            self.assertEqual(risk.dismiss_risky_users(ids).accepted, ids)
            early = risk.verify("dismiss-risky-users", [second], within=0.001)
            self.assertEqual(early, Verification((), (second,), ()))
            late = risk.verify("dismiss-risky-users", ids, within=4)
            self.assertEqual(late, Verification(tuple(ids[1:]), (), (first,)))

    def test_what_was_seen_is_kept_when_the_list_cannot_be_read_again(self) -> None:
        first, second = some_ids(2)

        def respond(handler: Handler) -> None:
            if len(seen) < 2:
                seen.append(handler.path)
                handler.answer(200, body=page(1))
            else:
                handler.answer(403, body=b'{"error":{"code":"Authorization_RequestDenied"}}')

        seen: list[str] = []
        with environment(), Server(respond) as server, self.assertRaises(ListError) as raised:
            risk = EntraRisk(TOKEN, endpoint=f"http://127.0.0.1:{server.port}", rate_limit=FAST)
            risk.verify("dismiss-risky-users", [first, second], within=9)
        self.assertEqual(raised.exception.verification, Verification((second,), (), (first,)))

    def test_the_first_reading_waits_for_a_window_of_the_limit(self) -> None:
        def wait(rule: Rule, within: float, window: float | None = None) -> float | None:
            return Verifier(rule, some_ids(1), within, window).wait()

        sign_ins, users = rule_of("dismiss-sign-ins"), rule_of("dismiss-risky-users")
        self.assertEqual((wait(sign_ins, 300), wait(users, 300), wait(sign_ins, 300, 2)), (10, 1, 2))
        self.assertEqual(wait(sign_ins, 4), 2)

    def test_rules_and_statuses_are_those_of_every_language(self) -> None:
        truth = json.loads((Path(__file__).parents[3] / "engine/tests/verification.json").read_text())
        self.assertEqual({rule["action"] for rule in truth["rules"]}, set(get_args(Action)))
        for rule in truth["rules"]:
            if rule["collection"] is None:
                with self.assertRaisesRegex(InvalidArgument, "agents cannot be listed"):
                    rule_of(rule["action"])
            else:
                expected = Rule(rule["collection"], rule["filter"], rule["listed"] == "done")
                self.assertEqual(rule_of(rule["action"]), expected)
        id = some_ids(1)[0]
        for case in truth["cases"]:
            verifier = Verifier(rule_of(case["action"]), [id], 300)
            for reading, status in zip(case["readings"], case["status"]):
                verifier.begin()
                if reading != "absent":
                    verifier.saw(id.upper(), reading == "processing")
                verifier.end()
                with self.subTest(case, reading=reading):
                    self.assertEqual(getattr(verifier.result(), status), (id,))
