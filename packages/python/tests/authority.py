"""A stub of Microsoft Entra ID on loopback: it issues tokens to applications and to people.
`python -m tests.authority COMMAND…` runs a command with the variables of an application."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import trustme

TENANT = "6f1e9a4c-3f5d-4c9e-8a31-0a8f4f8a2b11"
PERSON = "2b1c8d3e-9f40-4a57-8c6d-1e2f3a4b5c6d"
CLIENT = "b7a2f3c4-1d5e-4f60-9a7b-8c9d0e1f2a3b"
SECRET = "the-secret"
CA = trustme.CA(organization_name="A company")

CANCELED = ("access_denied", "AADSTS65004: User declined to consent to access the app.")
EXPIRED = ("expired_token", "AADSTS70019: Verification code expired.")
WRONG_TENANT = ("invalid_grant", "AADSTS50020: User account from identity provider does not exist in tenant.")


class Authority:
    """Serves while the `with` block runs. The tokens of applications are `token-1`, `token-2` and so
    on, and those of people have claims. `requests` has the fields of each request for a token."""

    def __init__(self, refuses: tuple[str, str] | None = None, tid: str = TENANT) -> None:
        self.requests: list[dict[str, str]] = []
        self.authorizations: list[dict[str, str]] = []
        self.refuses = refuses
        self._tid = tid
        self._folder = tempfile.TemporaryDirectory()
        self.roots = str(Path(self._folder.name, "roots.pem"))
        CA.cert_pem.write_to_path(self.roots)
        certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        CA.issue_cert("127.0.0.1").configure_cert(certificate)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handling", (Handler,), {"authority": self}))
        self._server.daemon_threads = True
        self._server.socket = certificate.wrap_socket(self._server.socket, server_side=True)
        self.address = f"https://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Authority:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()

    def environment(self) -> dict[str, str]:
        """The variables with which azure-identity asks this authority."""
        return {"AZURE_AUTHORITY_HOST": self.address, "REQUESTS_CA_BUNDLE": self.roots}

    def browser(self, address: str, *_: object) -> bool:
        """Signs in like a person with a browser, while the caller waits for the redirect."""
        threading.Thread(target=follow, args=(address, self.roots), daemon=True).start()
        return True

    def application(self, secret: str = SECRET) -> dict[str, str]:
        """The variables of an application. Everything trusts the authority by `SSL_CERT_FILE`."""
        return {
            "AZURE_AUTHORITY_HOST": self.address,
            "SSL_CERT_FILE": self.roots,
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": CLIENT,
            "AZURE_CLIENT_SECRET": secret,
        }

    def managed_identity(self) -> dict[str, str]:
        """What App Service sets for a managed identity."""
        address = f"{self.address}/managed-identity"
        return {"IDENTITY_ENDPOINT": address, "IDENTITY_HEADER": "header", "REQUESTS_CA_BUNDLE": self.roots}

    def signs_in(self) -> Any:
        """For a `with` block: a person uses the browser that opens."""
        return patch("webbrowser.open", self.browser)

    def token_for(self, fields: dict[str, str]) -> dict[str, Any]:
        """The response to a request for a token."""
        self.requests.append(fields)
        kind = fields["grant_type"]
        if kind == "client_credentials" and fields["client_secret"] != SECRET:
            return failure("invalid_client", "AADSTS7000215: Invalid client secret provided.")
        if kind == "client_credentials":
            name = f"token-{len(self.requests)}"
            return {"token_type": "Bearer", "expires_in": 3599, "access_token": name}
        if self.refuses:
            return failure(*self.refuses)
        nonce = None
        if kind == "authorization_code":
            asked = self.authorizations[-1]
            digest = hashlib.sha256(fields["code_verifier"].encode()).digest()
            assert asked["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            nonce = asked["nonce"]
        now = int(time.time())
        person = {"tid": self._tid, "oid": PERSON, "iss": f"{self.address}/{self._tid}/v2.0", "exp": now + 3599}
        scopes = " ".join(scope for scope in fields.get("scope", "").split() if scope.startswith("https:"))
        return {
            "token_type": "Bearer",
            "expires_in": 3599,
            "scope": scopes,
            "refresh_token": f"refresh-{len(self.requests)}",
            "client_info": encoded({"uid": PERSON, "utid": self._tid}),
            "access_token": token(**person, scp=" ".join(scope.rpartition("/")[2] for scope in scopes.split())),
            "id_token": token(
                **person, aud=fields["client_id"], sub=PERSON, preferred_username="a@b.test", iat=now, nonce=nonce
            ),
        }


def follow(address: str, roots: str) -> None:
    """Opens an address of the authority, and follows the redirect to the program that signs in."""
    with urllib.request.urlopen(address, context=ssl.create_default_context(cafile=roots), timeout=10) as page:
        form = json.load(page)
    urllib.request.urlopen(form["action"], urllib.parse.urlencode(form["fields"]).encode(), 10).close()


def failure(error: str, description: str) -> dict[str, Any]:
    return {"error": error, "error_description": description}


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def token(**claims: Any) -> str:
    """A token with these claims, and no signature."""
    return f"{encoded({'alg': 'none'})}.{encoded(claims)}.{encoded(str(uuid.uuid4()))}"


class Handler(BaseHTTPRequestHandler):
    authority: Authority

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/managed-identity":
            self.authority.requests.append({})
            name, expires_on = f"token-{len(self.authority.requests)}", str(int(time.time()) + 86_400)
            self.respond({"token_type": "Bearer", "expires_on": expires_on, "access_token": name})
            return
        if path.endswith("/authorize"):
            fields = dict(urllib.parse.parse_qsl(query))
            self.authority.authorizations.append(fields)
            answer = {"code": "a-code", "client_info": encoded({"uid": PERSON, "utid": TENANT})}
            if self.authority.refuses:
                answer = failure(*self.authority.refuses)
            self.respond({"action": fields["redirect_uri"], "fields": {**answer, "state": fields["state"]}})
            return
        tenant = path.split("/")[1]
        root = f"{self.authority.address}/{tenant}"
        # The discovery document, which names the endpoints.
        self.respond({
            "issuer": f"{root}/v2.0",
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
        })

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        fields = dict(urllib.parse.parse_qsl(body))
        if self.path.endswith("/devicecode"):
            self.authority.authorizations.append(fields)
            self.respond({
                "device_code": "a-device-code",
                "user_code": "ABC123",
                "verification_uri": f"{self.authority.address}/device",
                "expires_in": 900,
                "interval": 1,
                "message": "not shown",
            })
            return
        self.respond(self.authority.token_for(fields))

    def respond(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(400 if "error" in value else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


if __name__ == "__main__":
    with Authority() as running:
        variables = {**os.environ, **running.application()}
        variables.pop("REQUESTS_CA_BUNDLE", None)  # It would take precedence.
        sys.exit(subprocess.run(sys.argv[1:], env=variables).returncode)
