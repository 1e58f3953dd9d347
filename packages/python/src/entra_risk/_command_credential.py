"""The credential of the command: a person who signs in, `GRAPH_TOKEN`, or one of azure-identity."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import truststore

from ._credential import Denied, Secret, TokenRequest, azure_options, token_of
from ._graph_token import check_destination, graph_token
from ._network import is_loopback
from ._printable import printable
from ._sign_in import NEEDS_AZURE_IDENTITY, SignIn, SignInError, authority_for, check_tenant
from ._token import Stopped

_MAX_REASON = 128
"""Maximum length of a reason in bytes. The components cut what is longer."""
_NOT_CONFIGURED = (
    "no credential: use --sign-in, set GRAPH_TOKEN, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
)


class CommandCredential:
    """Supplies the tokens of a run. Whatever goes wrong is raised as `Denied`."""

    def __init__(self, needs: dict[str, Any], show: Callable[[str], None]) -> None:
        self._needs = needs
        self._show = show
        self._credential: Any = None

    def __call__(self, request: TokenRequest, _: Stopped) -> Secret:
        try:
            return self._token(request)
        except Denied as denied:
            if len(str(denied).encode()) > _MAX_REASON and not self._needs["check"]:
                self._show(str(denied))
            raise

    def _token(self, request: TokenRequest) -> Secret:
        audience = request.scope.removesuffix("/.default")
        check_destination(request.endpoint, audience)
        token = self._chosen(request, audience)
        try:
            # A managed identity ignores the tenant that is asked for.
            check_tenant(token, request.tenant)
        except SignInError as error:
            raise Denied(str(error)) from None
        return token

    def _chosen(self, request: TokenRequest, audience: str) -> Secret:
        if self._needs["signIn"] is None and os.environ.get("GRAPH_TOKEN"):
            return graph_token(audience, request.refresh)
        try:
            if self._credential is None:
                _trust_like_the_forwarder()
                self._credential = self._sign_in() if self._needs["signIn"] else _configured(audience, request.tenant)
            if self._needs["signIn"]:
                return token_of(Secret(self._credential(request)))
            return token_of(Secret(self._credential.get_token(request.scope, **azure_options(request))))
        except Denied:
            raise
        except Exception as error:
            raise Denied(_explain(error)) from None

    def _sign_in(self) -> SignIn:
        client, tenant = self._needs["clientId"], self._needs["tenant"]
        return SignIn(self._needs["signIn"], client_id=client, tenant=tenant, show=self._show)


def _configured(audience: str, tenant: str | None) -> Any:
    """The credential of azure-identity that the environment configures."""
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError:
        raise Denied(f"{NEEDS_AZURE_IDENTITY}; without it, set GRAPH_TOKEN") from None
    # The credentials of developers, such as az login, lack the permissions.
    os.environ.setdefault("AZURE_TOKEN_CREDENTIALS", "prod")
    if tenant is not None:
        os.environ["AZURE_TENANT_ID"] = tenant
    authority = os.environ.get("AZURE_AUTHORITY_HOST") or authority_for(audience)
    is_here = is_loopback(urlsplit(authority).hostname)
    return DefaultAzureCredential(authority=authority, disable_instance_discovery=is_here)


def _trust_like_the_forwarder() -> None:
    """Lets azure-identity trust the certificates that count for Microsoft Graph."""
    if os.environ.get("REQUESTS_CA_BUNDLE"):
        return
    if file := os.environ.get("SSL_CERT_FILE"):
        os.environ["REQUESTS_CA_BUNDLE"] = file
    else:
        truststore.inject_into_ssl()


def _explain(error: Exception) -> str:
    """Says what is wrong. Texts of azure-identity contain no secrets."""
    lines = str(error).splitlines()
    attempts = [line.strip() for line in lines if line.startswith("\t")]
    failed = [line for line in attempts if "unavailable" not in line]
    if attempts and not failed:
        return _NOT_CONFIGURED
    return printable((failed or lines or [type(error).__name__])[0])
