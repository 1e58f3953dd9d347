"""Tokens, and the exceptions of what supplies them."""

from __future__ import annotations

import json
import unittest
from typing import Any

from entra_risk import EntraRisk, TokenRequest, report_of

from .model import FAST, PRESENT, Model, some_ids


class Token:
    def __init__(self, token: str) -> None:
        self.token = token


class Recorded:
    """A credential with the interface of azure-identity that records how it was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[str, ...], dict[str, Any]]] = []
        self.tokens = 1

    def get_token(self, *scopes: str, **options: Any) -> Token:
        self.calls.append((scopes, options))
        self.tokens += "claims" in options
        return Token(f"token-{self.tokens}")


class FailsAfter:
    """A callable that raises `error` once it has returned `tokens` tokens."""

    def __init__(self, tokens: int, error: BaseException) -> None:
        self.tokens = tokens
        self.error = error

    def __call__(self, request: TokenRequest) -> str:
        if self.tokens == 0:
            raise self.error
        self.tokens -= 1
        return "token"


class Credentials(unittest.TestCase):
    def test_get_token_is_called_with_scope_tenant_and_client_capability(self) -> None:
        credential = Recorded()
        with Model() as model:
            risk = EntraRisk(credential, endpoint=model.endpoint, cloud="us-gov-l4")
            risk.dismiss_risky_users([PRESENT], tenant="contoso")
            risk.dismiss_risky_users([PRESENT])
        scope = ("https://graph.microsoft.us/.default",)
        self.assertEqual(credential.calls, [
            (scope, {"enable_cae": True, "tenant_id": "contoso"}),
            (scope, {"enable_cae": True}),
        ])

    def test_callable_receives_the_request(self) -> None:
        requests: list[TokenRequest] = []

        def credential(request: TokenRequest) -> str:
            requests.append(request)
            return "token"

        with Model() as model:
            EntraRisk(credential, endpoint=model.endpoint, tenant="contoso").dismiss_risky_users([PRESENT])
            scope = "https://graph.microsoft.com/.default"
            self.assertEqual(requests, [TokenRequest(scope, "contoso", model.endpoint, False, None, ("IdentityRiskyUser.ReadWrite.All",))])

    def test_revoked_token_is_refreshed_past_the_cache(self) -> None:
        credential = Recorded()
        with Model("--revoke-after", "0") as model:
            EntraRisk(credential, endpoint=model.endpoint, rate_limit=FAST).dismiss_risky_users([PRESENT])
            self.assertEqual(model.statuses(), [401, 204])
        [first, second] = [options.get("claims") for _, options in credential.calls]
        self.assertIsNone(first)
        self.assertIn("access_token", json.loads(second or ""))

    def test_rejected_token_without_challenge_is_refreshed_past_the_cache(self) -> None:
        credential = Recorded()
        with Model("--token", "token-2") as model:
            EntraRisk(credential, endpoint=model.endpoint, rate_limit=FAST).dismiss_risky_users([PRESENT])
            self.assertEqual(model.statuses(), [401, 204])
        self.assertEqual([options.get("claims") for _, options in credential.calls], [None, "{}"])

    def test_revoked_str_ends_the_call_with_the_reason(self) -> None:
        with Model("--revoke-after", "0") as model:
            report = EntraRisk("token", endpoint=model.endpoint).dismiss_risky_users([PRESENT])
        assert report.cause is not None
        self.assertEqual(report.cause.kind, "no-token")
        self.assertIn("cannot be renewed", report.cause.message)
        self.assertEqual(report.to_retry, [PRESENT])

    def test_exception_reaches_the_caller_as_itself_with_the_outcomes(self) -> None:
        error, ids = LookupError("the vault is sealed"), some_ids(300)
        with Model() as model:
            with self.assertRaises(LookupError) as raised:
                EntraRisk(FailsAfter(2, error), endpoint=model.endpoint, rate_limit=FAST).dismiss_risky_users(ids)
            self.assertIs(raised.exception, error)
            report = report_of(error)
            assert report is not None
            self.assertIs(getattr(error, "report"), report)
            self.assertEqual(report.accepted + report.to_retry, ids)
            self.assertEqual(set(report.accepted), model.applied())
            self.assertEqual(len(report.accepted), 120)
            assert report.cause is not None
            self.assertEqual(report.cause.kind, "no-token")
            self.assertNotIn("vault", report.cause.message)

    def test_iterator_yields_every_batch_before_it_raises_the_exception(self) -> None:
        ids, yielded = some_ids(300), list[str]()
        with Model() as model:
            risk = EntraRisk(FailsAfter(2, LookupError()), endpoint=model.endpoint, rate_limit=FAST)
            with self.assertRaises(LookupError):
                for batch in risk.start("dismiss-risky-users", ids):
                    yielded += batch.ids
        self.assertEqual(sorted(yielded), ids)

    def test_exceptions_that_are_not_errors_reach_the_caller_too(self) -> None:
        for error in (SystemExit(3), KeyboardInterrupt(), GeneratorExit()):
            with Model() as model, self.assertRaises(type(error)) as raised:
                EntraRisk(FailsAfter(0, error), endpoint=model.endpoint).dismiss_risky_users([PRESENT])
            self.assertIs(raised.exception, error)

    def test_call_after_an_exception_succeeds(self) -> None:
        credential = FailsAfter(0, LookupError())
        with Model() as model:
            risk = EntraRisk(credential, endpoint=model.endpoint, rate_limit=FAST)
            with self.assertRaises(LookupError):
                risk.dismiss_risky_users([PRESENT])
            credential.tokens = 1
            risk.dismiss_risky_users([PRESENT])

    def test_unusable_credentials_are_type_errors(self) -> None:
        with self.assertRaisesRegex(TypeError, "got int"):
            EntraRisk(5)  # type: ignore[arg-type]
        with Model() as model, self.assertRaisesRegex(TypeError, "returned bytes"):
            credential: Any = lambda request: b"token"
            EntraRisk(credential, endpoint=model.endpoint).dismiss_risky_users([PRESENT])

    def test_class_of_a_credential_is_a_type_error_that_says_so(self) -> None:
        credential: Any = Recorded
        with self.assertRaisesRegex(TypeError, r"got the class Recorded; pass an instance of it, such as Recorded\(\)"):
            EntraRisk(credential)

    def test_word_bearer_before_a_token_is_understood(self) -> None:
        with Model("--token", "token-1") as model:
            for token in ("Bearer token-1", "bearer token-1", "token-1"):
                risk = EntraRisk(token, endpoint=model.endpoint, rate_limit=FAST)
                self.assertEqual(risk.dismiss_risky_users([PRESENT]).accepted, [PRESENT])

    def test_asynchronous_credential_needs_the_asynchronous_client(self) -> None:
        async def credential(request: TokenRequest) -> str:
            return "token"

        with Model() as model, self.assertRaisesRegex(TypeError, "use AsyncEntraRisk"):
            EntraRisk(credential, endpoint=model.endpoint).dismiss_risky_users([PRESENT])

    def test_unsendable_tokens_are_reported_and_not_sent(self) -> None:
        with Model() as model:
            report = EntraRisk("", endpoint=model.endpoint).dismiss_risky_users([PRESENT])
            assert report.cause is not None
            self.assertEqual(report.cause.kind, "no-token")
            for token in ("t\u00f6ken", "\ud800"):
                with self.assertRaisesRegex(ValueError, "other than ASCII"):
                    EntraRisk(token, endpoint=model.endpoint).dismiss_risky_users([PRESENT])
            self.assertFalse(model.arrivals())
