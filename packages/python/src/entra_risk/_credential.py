"""What supplies tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, Union


@dataclass(frozen=True)
class TokenRequest:
    """What a token is needed for: the argument of a credential that is a callable."""

    scope: str
    """The OAuth scope, such as `https://graph.microsoft.com/.default`."""
    tenant: str | None
    """`tenant` of the call."""
    endpoint: str
    """Where the token will be sent."""
    refresh: bool
    """Microsoft Graph rejected a token of this call: do not return it again."""
    claims: str | None
    """The claims challenge of the rejection, a JSON object for the token endpoint."""


class TokenCredential(Protocol):
    """A credential of azure-identity, or anything with the same `get_token`."""

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """Returns something with the attribute `token`."""


Credential = Union[TokenCredential, Callable[[TokenRequest], Union[str, Awaitable[str]]], str]
"""A credential of azure-identity, a callable that returns a token, or a token. Credentials of
`azure.identity.aio` and coroutine functions are for `AsyncEntraRisk` only."""


class CannotRenew(Exception):
    """Microsoft Graph rejected a token that was given as a str."""


def check(credential: object) -> None:
    """Raises TypeError if `credential` cannot supply tokens."""
    if isinstance(credential, type):
        name = credential.__name__
        raise TypeError(f"credential: got the class {name}; pass an instance of it, such as {name}()")
    if not (isinstance(credential, str) or callable(credential) or hasattr(credential, "get_token")):
        raise TypeError(
            "credential: expected a credential of azure-identity, a callable or a str;"
            f" got {type(credential).__name__}"
        )


def fetch(credential: Credential, request: TokenRequest) -> Any:
    """Returns a token, or an awaitable or an object that contains it: see `token_of`."""
    if isinstance(credential, str):
        if request.refresh:
            raise CannotRenew
        return credential
    get_token = getattr(credential, "get_token", None)
    if get_token is None:
        assert callable(credential)
        return credential(request)
    # `enable_cae` declares the client capability cp1: Microsoft Graph then sends claims challenges.
    options: dict[str, Any] = {"enable_cae": True}
    if request.tenant is not None:
        options["tenant_id"] = request.tenant
    if request.refresh:
        # Claims are what makes azure-identity and MSAL bypass their caches. An empty object claims
        # nothing.
        options["claims"] = request.claims or "{}"
    return get_token(request.scope, **options)


def token_of(fetched: Any) -> str:
    """Returns the token in a `str`, or in azure-core's `AccessToken`, without the word `Bearer` in
    front."""
    token = getattr(fetched, "token", fetched)
    if not isinstance(token, str):
        # Not the value: it may contain a token.
        kind = type(fetched).__name__
        raise TypeError(f"the credential returned {kind}; expected a str, or an object with the str `token`")
    if not token.isascii():
        raise ValueError("the credential returned a token with characters other than ASCII")
    return token[7:].lstrip() if token[:7].lower() == "bearer " else token
