"""What an access token says of itself."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from ._credential import Secret
from ._graph import delegated, of_application
from ._printable import printable

_MAX_TOKEN = 65_536
"""Maximum length of a token that is read, in characters. Source: the contract."""
_MAX_TEXT = 128
"""Maximum length of a claim that is shown, in characters."""
_OF_EVERYBODY = {"openid", "profile", "email", "offline_access"}
"""Permissions that say who signed in, and give access to nothing."""


@dataclass(frozen=True)
class TokenCheck:
    """What a token says of itself. None of it was verified: only Microsoft Graph can do that."""

    kind: Literal["delegated", "application", "opaque"]
    """`delegated`: somebody signed in. `application`: the token is that of an application. `opaque`:
    the token cannot be read, and everything else is empty. It may be valid nevertheless."""
    object_id: str | None = None
    """`oid`: the object id of the person or the application."""
    tenant: str | None = None
    """`tid`: the tenant that the token is for."""
    expires: datetime | None = None
    """`exp`: until when the token is valid."""
    permissions: tuple[str, ...] = ()
    """`scp` or `roles`: the permissions of the token."""
    missing: tuple[str, ...] = ()
    """The permissions that the action needs and the token lacks."""
    extra: tuple[str, ...] = ()
    """The permissions that the token has and the action does not need."""

    def __str__(self) -> str:
        if self.kind == "opaque":
            return "the token cannot be read, because it is opaque or encrypted: it may be valid nevertheless"
        until = "no time given" if self.expires is None else f"{self.expires:%Y-%m-%d %H:%M:%S} UTC"
        lines = [
            f"{self.kind} token of {self.object_id or 'nobody named'}, tenant {self.tenant or 'not named'},"
            f" until {until} (not verified)",
            f"permissions: {', '.join(self.permissions) or 'none'}",
            f"missing: {', '.join(self.missing) or 'none'}",
            f"more than needed: {', '.join(self.extra) or 'none'}",
        ]
        return "\n".join(lines)


def check_token(token: Secret, action: str) -> TokenCheck:
    """Reads a token for an action."""
    claims = claims_of(token)
    if claims is None:
        return TokenCheck("opaque")
    scopes = claims.get("scp")
    is_delegated = isinstance(scopes, str)
    given = scopes.split() if isinstance(scopes, str) else claims.get("roles")
    permissions = tuple(_text(name) for name in given if isinstance(name, str)) if isinstance(given, list) else ()
    needed = delegated(action) if is_delegated else of_application(action)
    return TokenCheck(
        "delegated" if is_delegated else "application",
        object_id=_claim(claims, "oid"),
        tenant=_claim(claims, "tid"),
        expires=_time(claims.get("exp")),
        permissions=permissions,
        missing=tuple(name for name in needed if name not in permissions),
        extra=tuple(name for name in permissions if name not in needed and name not in _OF_EVERYBODY),
    )


def claims_of(token: Secret) -> dict[str, Any] | None:
    """The claims of a token, unverified. None: it cannot be read."""
    parts = Secret(token.value.split(".") if len(token.value) <= _MAX_TOKEN else [])
    if len(parts.value) != 3:  # An encrypted token has five parts.
        return None
    try:
        padding = "=" * (-len(parts.value[1]) % 4)
        claims = json.loads(base64.urlsafe_b64decode(parts.value[1] + padding))
    except (ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def _claim(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return _text(value) if isinstance(value, str) else None


def _text(value: str) -> str:
    return printable(value[:_MAX_TEXT])


def _time(value: object) -> datetime | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(value, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return None
