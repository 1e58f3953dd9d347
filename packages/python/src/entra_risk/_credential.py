"""The credential, which supplies tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, Union

from ._printable import printable, type_of


@dataclass(frozen=True)
class TokenRequest:
    """What a token is needed for: the argument of a credential that is a callable."""

    scope: str
    """The OAuth scope, such as `https://graph.microsoft.com/.default`."""
    tenant: str | None
    """The option `tenant` of the call."""
    endpoint: str
    """Where the token will be sent."""
    refresh: bool
    """Whether Microsoft Graph rejected a token of this call: then do not return it again."""
    claims: str | None = field(repr=False)
    """The claims challenge of the rejection, a JSON object for the token endpoint. It is not
    printed, because the service chooses its content."""
    permissions: tuple[str, ...]
    """The delegated permissions that the call needs, such as `IdentityRiskyUser.ReadWrite.All`. A
    person who signs in is asked for these alone."""


class TokenCredential(Protocol):
    """A credential of azure-identity, or anything with the same `get_token`."""

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """Returns something with the attribute `token`."""


Credential = Union[TokenCredential, Callable[[TokenRequest], Union[str, Awaitable[str]]], str]
"""A credential of azure-identity, a callable that returns a token, or a token. Credentials of
`azure.identity.aio` and coroutine functions are for `AsyncEntraRisk` only."""


class Denied(Exception):
    """There is no token until somebody changes something. It ends the call, whose error has this
    text, and is not raised. The text is printable and contains no secret."""


_REJECTED = "Microsoft Graph rejected it, and a str cannot be renewed: pass a new token, or a credential"


class Secret:
    """A token, or something that may contain one. Some tools print the local variables of a
    traceback: functions keep the secret in a variable, never its value, so that nothing shows."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "<secret>"


class Source:
    """A credential. It is a secret too, because a str is a token."""

    __slots__ = ("_credential",)

    def __init__(self, credential: object) -> None:
        self._credential = Secret(credential)

    def check(self) -> None:
        """Raises TypeError if the credential cannot supply tokens."""
        secret = self._credential
        if isinstance(secret.value, type):
            name = printable(secret.value.__name__)
            raise TypeError(f"credential: got the class {name}; pass an instance of it, such as {name}()")
        if not (isinstance(secret.value, str) or callable(secret.value) or hasattr(secret.value, "get_token")):
            raise TypeError(
                "credential: expected a credential of azure-identity, a callable or a str;"
                f" got {type_of(secret.value)}"
            )

    def fetch(self, request: TokenRequest) -> Secret:
        """Returns a token, or an awaitable or an object that contains it: see `token_of`."""
        secret = self._credential
        if isinstance(secret.value, str):
            if request.refresh:
                raise Denied(_REJECTED)
            return secret
        get_token = getattr(secret.value, "get_token", None)
        if get_token is None:
            return Secret(secret.value(request))
        return Secret(get_token(request.scope, **azure_options(request)))


def token_of(fetched: Secret) -> Secret:
    """Returns the token in a `str`, or in azure-core's `AccessToken`, without the word `Bearer` in
    front."""
    token = Secret(getattr(fetched.value, "token", fetched.value))
    if not isinstance(token.value, str):
        kind = type_of(fetched.value)
        raise TypeError(f"the credential returned {kind}; expected a str, or an object with the str `token`")
    if not token.value.isascii():
        raise ValueError("the credential returned a token with characters other than ASCII")
    return Secret(token.value[7:].lstrip()) if token.value[:7].lower() == "bearer " else token


def azure_options(request: TokenRequest) -> dict[str, Any]:
    """The keyword arguments for `get_token` of azure-identity."""
    # `enable_cae` declares the client capability cp1: Microsoft Graph then sends claims challenges.
    options: dict[str, Any] = {"enable_cae": True}
    if request.tenant is not None:
        options["tenant_id"] = request.tenant
    if request.refresh:
        # Claims are what makes azure-identity and MSAL bypass their caches. An empty object claims
        # nothing.
        options["claims"] = request.claims or "{}"
    return options
