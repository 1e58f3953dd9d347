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
        self._hidden: list[_Hidden] = []
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
            self._hidden.append(_Hidden(token))
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
        for hidden in list(self._hidden):
            text = hidden.removed_from(text)
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


class _Hidden:
    """A token that must not appear in any text."""

    def __init__(self, token: Secret) -> None:
        self._token = Secret(token.value.encode())
        self._length = min(_RUN, len(self._token.value))
        # A run contains a whole one of the parts that a text is divided into. To look for these takes
        # milliseconds for a long text, and to look for runs at each position seconds.
        self._part = (self._length + 1) // 2
        self._parts = self._runs(self._part)

    def removed_from(self, text: bytes) -> bytes:
        """Replaces every part of the token in a text."""
        if self._parts.value.isdisjoint(text[at : at + self._part] for at in range(0, len(text), self._part)):
            return text
        runs = self._runs(self._length)
        kept = bytearray()
        hidden_to = 0
        for at in range(len(text)):
            if text[at : at + self._length] in runs.value:
                if at >= hidden_to:
                    kept += b"[token]"
                hidden_to = at + self._length
            if at >= hidden_to:
                kept.append(text[at])
        return bytes(kept)

    def _runs(self, length: int) -> Secret:
        last = len(self._token.value) - length
        return Secret({self._token.value[at : at + length] for at in range(last + 1)})
