"""What a token says of itself."""

from __future__ import annotations

import base64
import json
import unittest
from datetime import datetime, timezone
from typing import Any

from entra_risk import AsyncEntraRisk, EntraRisk, InvalidArgument, TokenCheck, TokenRequest

from .model import PRESENT, Model

TENANT = "6f1e9a4c-3f5d-4c9e-8a31-0a8f4f8a2b11"
PERSON = "2b1c8d3e-9f40-4a57-8c6d-1e2f3a4b5c6d"


def token(payload: Any) -> str:
    part = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    return f"{part}.{part}.signature"


class Checks(unittest.TestCase):
    def test_a_delegated_token_has_its_scopes_compared_with_the_action(self) -> None:
        claims = {"oid": PERSON, "tid": TENANT, "exp": 1_800_000_000, "scp": "openid User.Read IdentityRiskyUser.ReadWrite.All"}
        check = EntraRisk(token(claims)).check("dismiss-sign-ins")
        expires = datetime.fromtimestamp(1_800_000_000, timezone.utc)
        permissions = ("openid", "User.Read", "IdentityRiskyUser.ReadWrite.All")
        self.assertEqual(check, TokenCheck("delegated", PERSON, TENANT, expires, permissions, (), ("User.Read",)))
        self.assertIn("not verified", str(check))
        check = EntraRisk(token(claims)).check("dismiss-risky-agents")
        self.assertEqual(check.missing, ("IdentityRiskyAgent.ReadWrite.All",))

    def test_an_application_needs_another_permission_for_sign_ins(self) -> None:
        check = EntraRisk(token({"roles": ["IdentityRiskyUser.ReadWrite.All"]})).check("dismiss-sign-ins")
        self.assertEqual((check.kind, check.missing), ("application", ("IdentityRiskEvent.ReadWrite.All",)))
        self.assertEqual(check.extra, ("IdentityRiskyUser.ReadWrite.All",))

    def test_what_cannot_be_read_is_opaque(self) -> None:
        for value in ("opaque", "a.b.c.d.e", "a.!.c", token([1]), token({"scp": "x" * 65_536})):
            self.assertEqual(EntraRisk(value).check("dismiss-sign-ins"), TokenCheck("opaque"))

    def test_claims_of_other_types_are_left_out(self) -> None:
        check = EntraRisk(token({"oid": 1, "tid": "a\x1b[2J", "exp": 1e300, "scp": ["a"], "roles": {}})).check("dismiss-sign-ins")
        self.assertEqual(check, TokenCheck("application", tenant="a\ufffd[2J", missing=("IdentityRiskEvent.ReadWrite.All",)))

    def test_the_credential_learns_tenant_endpoint_and_permission(self) -> None:
        asked: list[TokenRequest] = []

        def credential(request: TokenRequest) -> str:
            asked.append(request)
            return "opaque"

        EntraRisk(credential, cloud="us-gov-l4").check("dismiss-risky-users", tenant=TENANT)
        graph = "https://graph.microsoft.us"
        permissions = ("IdentityRiskyUser.ReadWrite.All",)
        self.assertEqual(asked, [TokenRequest(f"{graph}/.default", TENANT, graph, False, None, permissions)])
        with self.assertRaisesRegex(InvalidArgument, "unknown action"):
            EntraRisk(credential).check("dismiss")  # type: ignore[arg-type]


class Forbidden(unittest.TestCase):
    def test_a_403_names_the_permission_of_the_action(self) -> None:
        with Model("--write-permission", "writer") as model:
            report = EntraRisk(token({}), endpoint=model.endpoint).dismiss_sign_ins([PRESENT])
        assert report.cause is not None
        self.assertIn(
            "dismiss-sign-ins needs IdentityRiskyUser.ReadWrite.All, or IdentityRiskEvent.ReadWrite.All as an application",
            report.cause.message,
        )


class AsyncChecks(unittest.IsolatedAsyncioTestCase):
    async def test_a_coroutine_supplies_the_token(self) -> None:
        async def credential(_: TokenRequest) -> str:
            return token({"scp": "IdentityRiskyUser.ReadWrite.All"})

        self.assertEqual((await AsyncEntraRisk(credential).check("dismiss-risky-users")).missing, ())
