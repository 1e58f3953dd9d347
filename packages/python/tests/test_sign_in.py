"""Signing in as a person, against a stub of Microsoft Entra ID. Skipped if azure-identity or
trustme is not installed."""

from __future__ import annotations

import os
import unittest
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from entra_risk import EntraRisk, SignIn, SignInError, TokenRequest

from .model import FAST, PRESENT, Model

try:
    import azure.identity  # noqa: F401

    from .authority import CANCELED, CLIENT, EXPIRED, TENANT, WRONG_TENANT, Authority
except ImportError as missing:
    raise unittest.SkipTest(str(missing))

PERMISSION = "IdentityRiskyUser.ReadWrite.All"
REQUEST = TokenRequest("https://graph.microsoft.com/.default", None, "https://graph.microsoft.com", False, None, (PERMISSION,))


def refreshed(claims: str | None) -> TokenRequest:
    return TokenRequest(REQUEST.scope, None, REQUEST.endpoint, True, claims, (PERMISSION,))


class SigningIn(unittest.TestCase):
    def setUp(self) -> None:
        self.shown: list[str] = []

    def sign_in(self, how: Any = "browser", client_id: str = CLIENT, tenant: str = TENANT) -> SignIn:
        return SignIn(how, client_id=client_id, tenant=tenant, show=self.shown.append)

    def test_a_browser_is_asked_for_the_permission_of_the_action_alone(self) -> None:
        with Authority() as authority, patch.dict(os.environ, authority.environment()), authority.signs_in():
            with Model() as model:
                risk = EntraRisk(self.sign_in(), endpoint=model.endpoint, rate_limit=FAST)
                self.assertEqual(risk.dismiss_risky_users([PRESENT]).accepted, [PRESENT])
                self.assertEqual(risk.check("dismiss-sign-ins").missing, ())
        [asked] = authority.authorizations
        self.check_scopes(asked["scope"])
        self.assertEqual((asked["client_id"], asked["code_challenge_method"]), (CLIENT, "S256"))
        self.assertRegex(asked["redirect_uri"], "^http://localhost:")
        self.assertEqual(len(authority.requests), 1, "the token is kept")
        self.assertEqual(self.shown, ["Sign in in the browser that opens now."])

    def test_a_device_code_is_shown_and_asked_for_the_permission_alone(self) -> None:
        with Authority() as authority, patch.dict(os.environ, authority.environment()):
            self.assertTrue(self.sign_in("device-code")(REQUEST))
        [asked] = authority.authorizations
        self.check_scopes(asked["scope"])
        [shown] = self.shown
        self.assertRegex(shown, rf"^Open {authority.address}/device and enter the code ABC123, before \d\d:\d\d, to sign in\.$")

    def check_scopes(self, scope: str) -> None:
        basic = {"offline_access", "openid", "profile"}
        self.assertEqual(set(scope.split()) - basic, {f"https://graph.microsoft.com/{PERMISSION}"})

    def test_the_shared_application_is_named_only_on_request_and_with_a_warning(self) -> None:
        with Authority() as authority, patch.dict(os.environ, authority.environment()), authority.signs_in():
            self.sign_in(client_id="graph-command-line-tools")(REQUEST)
        self.assertEqual(authority.authorizations[0]["client_id"], "14d82eec-204b-4c2f-b7e8-296a70dab67e")
        self.assertIn("every permission that was ever consented to it", self.shown[0])
        with patch.dict(os.environ):
            os.environ.pop("AZURE_CLIENT_ID", None)
            with self.assertRaisesRegex(ValueError, "AZURE_CLIENT_ID"):
                SignIn("browser")

    def test_canceled_expired_and_wrong_tenant_are_told_apart(self) -> None:
        for how in ("browser", "device-code"):
            for refuses, message in (
                (CANCELED, "^the sign-in was canceled, .*AADSTS65004"),
                (EXPIRED, "^nobody signed in in time .*AADSTS70019"),
                (WRONG_TENANT, f"^the wrong tenant: this account does not belong to {TENANT} .*AADSTS50020"),
            ):
                with (
                    self.subTest(how, refuses=refuses),
                    Authority(refuses) as authority,
                    patch.dict(os.environ, authority.environment()),
                    authority.signs_in(),
                    self.assertRaisesRegex(SignInError, message),
                ):
                    self.sign_in(how)(REQUEST)

    def test_a_token_for_another_tenant_is_an_error(self) -> None:
        other = "00000000-1111-4222-8333-444444444444"
        with Authority(tid=other) as authority, patch.dict(os.environ, authority.environment()), authority.signs_in():
            with self.assertRaisesRegex(SignInError, f"the token is for {other}, not for {TENANT}"):
                self.sign_in()(REQUEST)

    def test_a_rejected_token_is_renewed_without_asking(self) -> None:
        with Authority() as authority, patch.dict(os.environ, authority.environment()), authority.signs_in():
            sign_in = self.sign_in()
            tokens = {sign_in(REQUEST), sign_in(refreshed(None)), sign_in(refreshed('{"access_token":{}}'))}
        self.assertEqual(len(tokens), 3)
        self.assertEqual([request["grant_type"] for request in authority.requests][1:], ["refresh_token"] * 2)
        self.assertEqual(len(authority.authorizations), 1)

    def test_somebody_is_asked_again_only_in_a_terminal(self) -> None:
        with Authority() as authority, patch.dict(os.environ, authority.environment()), authority.signs_in():
            sign_in = self.sign_in()
            sign_in(REQUEST)
            for in_terminal in (False, True):
                with patch("entra_risk._sign_in._in_terminal", return_value=in_terminal):
                    authority.refuses = ("invalid_grant", "AADSTS70008: The refresh token has expired.")
                    with self.assertRaises(SignInError) as raised:
                        sign_in(refreshed(None))
                self.assertEqual("without a terminal" in str(raised.exception), not in_terminal)
            self.assertEqual(len(authority.authorizations), 2)

    def test_another_permission_may_be_asked_for_without_a_terminal(self) -> None:
        with Authority() as authority, patch.dict(os.environ, authority.environment()), authority.signs_in():
            sign_in = self.sign_in()
            sign_in(REQUEST)
            authority.refuses = ("consent_required", "AADSTS65001: The user has not consented.")
            with patch("entra_risk._sign_in._in_terminal", return_value=False), self.assertRaises(SignInError) as raised:
                sign_in(replace(REQUEST, permissions=("IdentityRiskyUser.Read.All",)))
        self.assertRegex(str(raised.exception), "^an administrator must consent to IdentityRiskyUser.Read.All ")
        self.assertEqual(len(authority.authorizations), 2)

    def test_authorities_are_those_of_the_clouds_or_on_loopback(self) -> None:
        for host in ("login.attacker.test", "https://127.attacker.test", "http://127.0.0.1:1", "https://login.microsoftonline.com/x"):
            with self.subTest(host), patch.dict(os.environ, AZURE_AUTHORITY_HOST=host):
                with self.assertRaisesRegex(SignInError, "^AZURE_AUTHORITY_HOST: expected login"):
                    self.sign_in()(REQUEST)

    def test_a_missing_browser_names_the_other_way(self) -> None:
        with Authority() as authority, patch.dict(os.environ, authority.environment()):
            with patch("webbrowser.open", return_value=False), self.assertRaisesRegex(SignInError, "device-code"):
                self.sign_in()(REQUEST)
