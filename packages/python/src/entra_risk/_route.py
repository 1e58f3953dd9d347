"""The requests of one call on their way through the forwarder: which token they carry, and what
prevented them from being sent."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterable
from typing import Any

from ._credential import Secret
from ._graph import request_line
from ._report import Error

_RUN = 24
"""The length of a part of a token that must not appear in any text, in characters."""
_MAX_TOKEN = 65_536
"""Maximum length of a token in bytes. Source: the contract."""


class Route:
    """What the forwarder knows of a call: its tokens, and the actions and collections that it is
    about. The plugin gets a placeholder for each token, and nothing
    that contains a token ever enters it."""

    def __init__(self, upstream: str, accepted: dict[str, Route], names: Iterable[str]) -> None:
        self._accepted = accepted
        self._lock = threading.Lock()
        self._closed = False
        self._permitted = [request_line(name) for name in names]
        self.upstream = upstream
        """The address of Microsoft Graph, as the credential and the caller see it."""
        self.tokens: dict[str, Secret] = {}
        """The token of each placeholder."""
        self.errors: dict[str, Error] = {}
        """What happened to the requests that the forwarder could not send, by their
        `client-request-id`."""

    def placeholder(self, token: Secret) -> str:
        """Returns the placeholder of this token, always the same one. For an invalid token, returns a
        value that the plugin rejects for the same reason."""
        if not token.value or len(token.value) > _MAX_TOKEN:
            return "x" * min(len(token.value), _MAX_TOKEN + 1)
        if not all("!" <= character <= "~" for character in token.value):
            return " "
        for known, other in self.tokens.items():
            if secrets.compare_digest(other.value, token.value):
                return known
        placeholder = secrets.token_hex(32)
        with self._lock:
            self.tokens[placeholder] = token
            if not self._closed:
                self._accepted[placeholder] = self
        return placeholder

    def permits(self, method: str, path: str) -> bool:
        """Whether this is a request of the call."""
        return any(pattern.fullmatch(f"{method} {path}") for pattern in self._permitted)

    def close(self) -> None:
        """Ends the call: the forwarder accepts its placeholders no more."""
        with self._lock:
            self._closed = True
            for placeholder in self.tokens:
                self._accepted.pop(placeholder, None)

    def clean(self, text: bytes) -> bytes:
        """Removes every part of the call's tokens from a text of the service."""
        for token in list(self.tokens.values()):
            text = _without(text, token)
        return text

    def clean_body(self, body: bytes) -> bytes:
        """Removes every part of the call's tokens from a body, also from strings of JSON that spell
        it with escapes."""
        body = self.clean(body)
        if b"\\" not in body:
            return body
        # Only what was read here may be read by the plugin: it reads some bodies differently.
        try:
            value = json.loads(body.decode("utf-8-sig", errors="replace"))
            return json.dumps(self._clean_value(value)).encode()
        except (ValueError, RecursionError):
            return b""

    def _clean_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.clean(value.encode(errors="replace")).decode()
        if isinstance(value, list):
            return [self._clean_value(item) for item in value]
        if isinstance(value, dict):
            return {self._clean_value(name): self._clean_value(item) for name, item in value.items()}
        return value


def _without(text: bytes, token: Secret) -> bytes:
    secret = Secret(token.value.encode())
    length = min(_RUN, len(secret.value))
    # A run contains a whole one of the parts that the text is divided into. This takes milliseconds
    # for a long text, and what follows seconds.
    part = (length + 1) // 2
    parts = Secret({secret.value[at : at + part] for at in range(len(secret.value) - part + 1)})
    if parts.value.isdisjoint(text[at : at + part] for at in range(0, len(text), part)):
        return text
    runs = Secret({secret.value[at : at + length] for at in range(len(secret.value) - length + 1)})
    kept = bytearray()
    hidden_to = 0
    for at in range(len(text)):
        if text[at : at + length] in runs.value:
            if at >= hidden_to:
                kept += b"[token]"
            hidden_to = at + length
        if at >= hidden_to:
            kept.append(text[at])
    return bytes(kept)
