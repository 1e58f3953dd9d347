"""Credentials of azure-identity, against a stub of the token endpoint. Skipped if azure-identity is
not installed."""

from __future__ import annotations

import json
import os
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs

from entra_risk import AsyncEntraRisk, EntraRisk, report_of

from .model import FAST, PRESENT, Model, some_ids

try:
    from azure.core.exceptions import ClientAuthenticationError
    from azure.core.pipeline.transport import RequestsTransport
    from azure.identity import ClientSecretCredential, ManagedIdentityCredential
except ImportError as missing:
    raise unittest.SkipTest(str(missing))

TENANT = "6f1e9a4c-3f5d-4c9e-8a31-0a8f4f8a2b11"
AUTHORITY = "login.stub.example"
SECRET = "the-secret"


class TokenEndpoint:
    """Issues `token-1`, `token-2`, … to the right secret. `requests` contains the fields of each
    request for a token."""

    def __init__(self) -> None:
        endpoint = self
        self.requests: list[dict[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/managed-identity"):
                    endpoint.requests.append({})
                    token, expires_on = f"token-{len(endpoint.requests)}", str(int(time.time()) + 86_400)
                    self.respond(200, {"token_type": "Bearer", "expires_on": expires_on, "access_token": token})
                    return
                # The discovery document, which names the token endpoint.
                root = f"https://{AUTHORITY}/{TENANT}"
                self.respond(200, {
                    "issuer": f"{root}/v2.0",
                    "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{root}/oauth2/v2.0/token",
                })

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                fields = {name: values[0] for name, values in parse_qs(body).items()}
                endpoint.requests.append(fields)
                if fields["client_secret"] == SECRET:
                    token = f"token-{len(endpoint.requests)}"
                    self.respond(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": token})
                else:
                    description = "AADSTS7000215: Invalid client secret provided."
                    self.respond(401, {"error": "invalid_client", "error_description": description})

            def respond(self, status: int, value: Any) -> None:
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def credential(self, secret: str = SECRET) -> ClientSecretCredential:
        port = self._server.server_port

        class ToStub(RequestsTransport):  # type: ignore[misc]
            """azure-identity insists on HTTPS; the stub has no certificate."""

            def send(self, request: Any, **options: Any) -> Any:
                request.url = request.url.replace(f"https://{AUTHORITY}", f"http://127.0.0.1:{port}")
                return super().send(request, **options)

        return ClientSecretCredential(
            TENANT, "client", secret, authority=AUTHORITY, disable_instance_discovery=True, transport=ToStub()
        )

    def environment(self) -> dict[str, str]:
        """What App Service sets for a managed identity."""
        address = f"http://127.0.0.1:{self._server.server_port}/managed-identity"
        return {"IDENTITY_ENDPOINT": address, "IDENTITY_HEADER": "header"}

    def __enter__(self) -> TokenEndpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class AzureIdentity(unittest.TestCase):
    def test_first_token_is_requested_once_and_cached(self) -> None:
        with TokenEndpoint() as endpoint, Model() as model:
            risk = EntraRisk(endpoint.credential(), endpoint=model.endpoint, rate_limit=FAST)
            risk.dismiss_risky_users(some_ids(180))
            risk.dismiss_risky_users(some_ids(180))
            [request] = endpoint.requests
            self.assertEqual(request["scope"].split()[0], "https://graph.microsoft.com/.default")
            self.assertIn("CP1", request["claims"].upper())
            self.assertEqual(model.statuses(), [204] * 6)

    def test_token_rejected_without_challenge_is_replaced_in_the_cache(self) -> None:
        with TokenEndpoint() as endpoint, Model("--token", "token-2") as model:
            risk = EntraRisk(endpoint.credential(), endpoint=model.endpoint, rate_limit=FAST)
            risk.dismiss_risky_users([PRESENT])
            risk.dismiss_risky_users([PRESENT])
            self.assertEqual(model.statuses(), [401, 204, 204])
            self.assertEqual(len(endpoint.requests), 2)

    def test_claims_challenge_reaches_the_token_endpoint(self) -> None:
        with TokenEndpoint() as endpoint, Model("--revoke-after", "0") as model:
            EntraRisk(endpoint.credential(), endpoint=model.endpoint, rate_limit=FAST).dismiss_risky_users([PRESENT])
            self.assertEqual(model.statuses(), [401, 204])
            [_, challenged] = endpoint.requests
            self.assertEqual(json.loads(challenged["claims"])["access_token"].keys() - {"xms_cc"}, {"nbf"})

    def test_wrong_secret_raises_the_exception_of_azure_identity(self) -> None:
        with TokenEndpoint() as endpoint, Model() as model:
            risk = EntraRisk(endpoint.credential("wrong"), endpoint=model.endpoint)
            with self.assertRaisesRegex(ClientAuthenticationError, "AADSTS7000215") as raised:
                risk.dismiss_risky_users([PRESENT])
            report = report_of(raised.exception)
            assert report is not None
            self.assertEqual(report.to_retry, [PRESENT])
            self.assertFalse(model.arrivals())

    def test_managed_identity_replaces_a_rejected_token(self) -> None:
        with TokenEndpoint() as endpoint, Model("--token", "token-2") as model:
            with patch.dict(os.environ, endpoint.environment()):
                risk = EntraRisk(ManagedIdentityCredential(), endpoint=model.endpoint, rate_limit=FAST)
                risk.dismiss_risky_users([PRESENT])
                risk.dismiss_risky_users([PRESENT])
            self.assertEqual(model.statuses(), [401, 204, 204])
            self.assertEqual(len(endpoint.requests), 2)

    def test_another_tenant_raises_the_exception_of_azure_identity(self) -> None:
        with TokenEndpoint() as endpoint, Model() as model:
            risk = EntraRisk(endpoint.credential(), endpoint=model.endpoint, tenant="another.example")
            with self.assertRaisesRegex(ClientAuthenticationError, "additionally_allowed_tenants"):
                risk.dismiss_risky_users([PRESENT])


class AsyncAzureIdentity(unittest.IsolatedAsyncioTestCase):
    async def test_blocking_credential_serves_the_asynchronous_client(self) -> None:
        with TokenEndpoint() as endpoint, Model() as model:
            risk = AsyncEntraRisk(endpoint.credential(), endpoint=model.endpoint, tenant=TENANT)
            await risk.dismiss_risky_users([PRESENT])
            self.assertEqual(len(endpoint.requests), 1)
