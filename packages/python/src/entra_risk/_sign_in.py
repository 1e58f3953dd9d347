"""Signing in as a person."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlsplit

from ._check import claims_of
from ._credential import Secret, TokenRequest, azure_options
from ._graph import AUTHORITIES, ROOTS
from ._network import is_loopback
from ._printable import printable, shown

How = Literal["browser", "device-code"]

GRAPH_COMMAND_LINE_TOOLS = "graph-command-line-tools"
"""The name of the public client that `Connect-MgGraph` uses, for `client_id`."""
_ID_OF_GRAPH_COMMAND_LINE_TOOLS = "14d82eec-204b-4c2f-b7e8-296a70dab67e"
_WARNING = (
    "The token of Microsoft Graph Command Line Tools may hold every permission that was ever consented to it, and"
    " consent that is given now stays."
)

_NO_LONGER_VALID = (
    "the sign-in is no longer valid, and nobody can be asked again without a terminal: sign in, and process the ids"
    " that remain"
)
_BROWSER_SECONDS = 300
"""How long a person may take in the browser, in seconds."""
_MAX_TEXT = 300
"""Maximum length of a text of the service in an error, in characters."""
_GUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class SignInError(Exception):
    """Nobody signed in. The text says why, and what to do."""


class SignIn:
    """A credential: a person signs in, in a browser (`browser`, with PKCE) or with a code that is
    entered on any device (`device-code`). Needs azure-identity.

    Only the delegated permissions of the action are requested. Tokens stay in memory. When a token
    expires it is renewed, as long as the sign-in is valid; after that, somebody is asked again only
    in a terminal.

    `client_id`, or else `AZURE_CLIENT_ID`, is the application to sign in to: a public client with
    the redirect URI `http://localhost`. `graph-command-line-tools` is the one of `Connect-MgGraph`.
    `tenant`, or else `AZURE_TENANT_ID`, is used for calls without a `tenant`. `show` is called with
    what the person must know, and prints it to standard error by default."""

    def __init__(
        self,
        how: How,
        *,
        client_id: str | None = None,
        tenant: str | None = None,
        show: Callable[[str], None] | None = None,
    ) -> None:
        if how not in ("browser", "device-code"):
            raise ValueError(f"how: expected browser or device-code; got {shown(how)}")
        client = client_id or os.environ.get("AZURE_CLIENT_ID")
        if not client:
            raise ValueError(
                "no application to sign in to: set client_id or AZURE_CLIENT_ID to the id of a public client, or"
                f" client_id to {GRAPH_COMMAND_LINE_TOOLS}"
            )
        self._how = how
        self._is_shared = client == GRAPH_COMMAND_LINE_TOOLS
        self._client_id = _ID_OF_GRAPH_COMMAND_LINE_TOOLS if self._is_shared else client
        self._tenant = tenant or os.environ.get("AZURE_TENANT_ID")
        self._show = show or _print
        self._lock = threading.Lock()
        self._credentials: dict[tuple[str, str | None], Any] = {}
        self._asked: set[tuple[str, str | None, str]] = set()

    def __call__(self, request: TokenRequest) -> str:
        """Returns a token with the permissions of the request. Raises `SignInError`."""
        audience = request.scope.removesuffix("/.default")
        authority = authority_for(audience)
        tenant = request.tenant or self._tenant
        scopes = [f"{audience}/{permission}" for permission in request.permissions]
        options = azure_options(request)
        options.pop("tenant_id", None)
        with self._lock:  # Somebody is asked once.
            token = self._token(authority, tenant, scopes, options)
        check_tenant(token, tenant)
        return str(token.value)

    def _token(self, authority: str, tenant: str | None, scopes: list[str], options: dict[str, Any]) -> Secret:
        try:
            from azure.core.exceptions import ClientAuthenticationError
            from azure.identity import AuthenticationRequiredError
        except ImportError:
            raise SignInError(NEEDS_AZURE_IDENTITY) from None
        credential = self._credentials.get((authority, tenant))
        question = (authority, tenant, " ".join(scopes))
        claims = None
        try:
            try:
                if credential is not None:
                    return Secret(credential.get_token(*scopes, **options).token)
            except AuthenticationRequiredError as required:
                if question in self._asked and not _in_terminal():
                    raise SignInError(_NO_LONGER_VALID) from None
                claims = required.claims
            credential = credential or self._credential(authority, tenant)
            self._announce()
            credential.authenticate(scopes=scopes, claims=claims, enable_cae=True)
            self._credentials[(authority, tenant)] = credential
            self._asked.add(question)
            return Secret(credential.get_token(*scopes, enable_cae=True).token)
        except ClientAuthenticationError as error:
            raise SignInError(_explain(error, self._how, tenant, scopes)) from None

    def _announce(self) -> None:
        if self._is_shared:
            self._show(_WARNING)
        if self._how == "browser":
            self._show("Sign in in the browser that opens now.")

    def _credential(self, authority: str, tenant: str | None) -> Any:
        from azure.identity import DeviceCodeCredential, InteractiveBrowserCredential

        settings: dict[str, Any] = {
            "authority": authority,
            "client_id": self._client_id,
            "tenant_id": tenant,
            "disable_automatic_authentication": True,
            "disable_instance_discovery": is_loopback(urlsplit(authority).hostname),
        }
        if self._how == "browser":
            return InteractiveBrowserCredential(timeout=_BROWSER_SECONDS, **settings)
        return DeviceCodeCredential(prompt_callback=self._show_code, **settings)

    def _show_code(self, address: str, code: str, until: Any) -> None:
        where = f"Open {printable(address)} and enter the code {printable(code)}"
        self._show(f"{where}, before {until.astimezone():%H:%M}, to sign in.")


NEEDS_AZURE_IDENTITY = "azure-identity is not installed: pip install azure-identity installs it"


def authority_for(audience: str) -> str:
    """Where to sign in for a token: `AZURE_AUTHORITY_HOST`, or else that of the cloud. Raises
    SignInError if it is neither one of the four clouds nor on loopback."""
    configured = os.environ.get("AZURE_AUTHORITY_HOST")
    if not configured:
        return f"https://{AUTHORITIES.get(audience, AUTHORITIES[ROOTS['global']])}"
    authority = configured if "://" in configured else f"https://{configured}"
    parts = urlsplit(authority)
    is_known = parts.netloc in AUTHORITIES.values() or is_loopback(parts.hostname)
    if parts.scheme != "https" or not is_known or parts.path.strip("/") or parts.query or parts.fragment:
        hosts = ", ".join(sorted(set(AUTHORITIES.values())))
        raise SignInError(f"AZURE_AUTHORITY_HOST: expected {hosts}, or https:// with a loopback host")
    return authority.rstrip("/")


def check_tenant(token: Secret, tenant: str | None) -> None:
    """Raises SignInError if the token is for another tenant than the one asked for."""
    claims = claims_of(token) or {}
    actual = claims.get("tid")
    if tenant and _GUID.fullmatch(tenant) and isinstance(actual, str) and actual.lower() != tenant.lower():
        raise SignInError(f"the wrong tenant: the token is for {printable(actual[:64])}, not for {printable(tenant)}")


# The codes are those of https://learn.microsoft.com/entra/identity-platform/reference-error-codes,
# and the words those of RFC 6749 and RFC 8628.
_REASONS = [
    ("AADSTS65004|access_denied|authorization_declined", "the sign-in was canceled, or the permission was declined"),
    ("AADSTS70019|expired_token|code_expired|Timed out", "nobody signed in in time"),
    ("AADSTS(50020|50034|90002|90072|900023)", "the wrong tenant: this account does not belong to {tenant}"),
    ("AADSTS700016", "there is no such application in {tenant}: check the client id and the tenant"),
    ("AADSTS(65001|90094|90095)", "an administrator must consent to {permissions} for this application"),
    ("AADSTS7000218", "the application is no public client: allow public client flows in its registration"),
    ("AADSTS(50011|500113)", "the application lacks the redirect URI http://localhost of a public client"),
    ("AADSTS5300", "a policy blocks this sign-in{other}"),
    ("Failed to open a browser|HTTP server", "no browser can be used here: device-code signs in without one"),
]


def _explain(error: Any, how: How, tenant: str | None, scopes: list[str]) -> str:
    """Says why nobody signed in, with the text of the service."""
    said = printable(str(error.message).partition("\n")[0])[:_MAX_TEXT].removeprefix("Authentication failed: ")
    other = "; many tenants block device codes, browser is the other way" if how == "device-code" else ""
    for pattern, reason in _REASONS:
        if re.search(pattern, said):
            permissions = ", ".join(scope.rpartition("/")[2] for scope in scopes)
            known = reason.format(tenant=tenant or "the tenant", permissions=permissions, other=other)
            return f"{known} ({said})"
    return f"nobody signed in: {said}"


def _in_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
