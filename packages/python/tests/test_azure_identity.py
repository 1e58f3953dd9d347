"""Credentials of azure-identity, against a stub of Microsoft Entra ID. Skipped if azure-identity or
trustme is not installed."""

from __future__ import annotations

import json
import os
import unittest
from typing import Any
from unittest.mock import patch

from entra_risk import AsyncEntraRisk, EntraRisk, report_of

from .model import FAST, PRESENT, Model, some_ids

try:
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import ClientSecretCredential, ManagedIdentityCredential

    from .authority import CLIENT, SECRET, TENANT, Authority
except ImportError as missing:
    raise unittest.SkipTest(str(missing))


def credential(authority: Authority, secret: str = SECRET) -> ClientSecretCredential:
    return ClientSecretCredential(
        TENANT, CLIENT, secret,
        authority=authority.address, disable_instance_discovery=True, connection_verify=authority.roots,
    )


class AzureIdentity(unittest.TestCase):
    def test_first_token_is_requested_once_and_cached(self) -> None:
        with Authority() as authority, Model() as model:
            risk = EntraRisk(credential(authority), endpoint=model.endpoint, rate_limit=FAST)
            risk.dismiss_risky_users(some_ids(180))
            risk.dismiss_risky_users(some_ids(180))
            [request] = authority.requests
            self.assertEqual(request["scope"].split()[0], "https://graph.microsoft.com/.default")
            self.assertIn("CP1", request["claims"].upper())
            self.assertEqual(model.statuses(), [204] * 6)

    def test_token_rejected_without_challenge_is_replaced_in_the_cache(self) -> None:
        with Authority() as authority:
            self.check_replaced(authority, credential(authority))

    def check_replaced(self, authority: Authority, credential: Any) -> None:
        with Model("--token", "token-2") as model:
            risk = EntraRisk(credential, endpoint=model.endpoint, rate_limit=FAST)
            risk.dismiss_risky_users([PRESENT])
            risk.dismiss_risky_users([PRESENT])
            self.assertEqual(model.statuses(), [401, 204, 204])
            self.assertEqual(len(authority.requests), 2)

    def test_claims_challenge_reaches_the_token_endpoint(self) -> None:
        with Authority() as authority, Model("--revoke-after", "0") as model:
            EntraRisk(credential(authority), endpoint=model.endpoint, rate_limit=FAST).dismiss_risky_users([PRESENT])
            self.assertEqual(model.statuses(), [401, 204])
            [_, challenged] = authority.requests
            self.assertEqual(json.loads(challenged["claims"])["access_token"].keys() - {"xms_cc"}, {"nbf"})

    def test_wrong_secret_raises_the_exception_of_azure_identity(self) -> None:
        with Authority() as authority, Model() as model:
            risk = EntraRisk(credential(authority, "wrong"), endpoint=model.endpoint)
            with self.assertRaisesRegex(ClientAuthenticationError, "AADSTS7000215") as raised:
                risk.dismiss_risky_users([PRESENT])
            report = report_of(raised.exception)
            assert report is not None
            self.assertEqual(report.to_retry, [PRESENT])
            self.assertFalse(model.arrivals())

    def test_managed_identity_replaces_a_rejected_token(self) -> None:
        with Authority() as authority, patch.dict(os.environ, authority.managed_identity()):
            self.check_replaced(authority, ManagedIdentityCredential())

    def test_another_tenant_raises_the_exception_of_azure_identity(self) -> None:
        with Authority() as authority, Model() as model:
            risk = EntraRisk(credential(authority), endpoint=model.endpoint, tenant="another.example")
            with self.assertRaisesRegex(ClientAuthenticationError, "additionally_allowed_tenants"):
                risk.dismiss_risky_users([PRESENT])


class AsyncAzureIdentity(unittest.IsolatedAsyncioTestCase):
    async def test_blocking_credential_serves_the_asynchronous_client(self) -> None:
        with Authority() as authority, Model() as model:
            risk = AsyncEntraRisk(credential(authority), endpoint=model.endpoint, tenant=TENANT)
            await risk.dismiss_risky_users([PRESENT])
            self.assertEqual(len(authority.requests), 1)
