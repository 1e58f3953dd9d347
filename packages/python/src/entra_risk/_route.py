"""The requests of one call on their way through the forwarder: which token they carry, and what
prevented them from being sent."""

from __future__ import annotations

import json
import secrets
from typing import Any

from ._credential import Secret
from ._report import Error

_RUN = 24
"""How many characters of a token in a row must not appear anywhere."""
_MAX_TOKEN = 65_536
"""Maximum length of a token in bytes. Source: the contract."""


class Route:
    """What the forwarder knows of a call. The plugin gets a placeholder for each token, and nothing
    that contains a token ever enters it."""

    def __init__(self, upstream: str, accepted: dict[str, Route]) -> None:
        self._accepted = accepted
        self.upstream = upstream
        """The address of Microsoft Graph, as the credential and the caller see it."""
        self.tokens: dict[str, Secret] = {}
        """The token of each placeholder."""
        self.errors: dict[str, Error] = {}
        """What happened to the requests that the forwarder could not send, by their
        `client-request-id`."""

    def placeholder(self, token: Secret) -> str:
        """Returns what stands for this token: always the same for the same one. For a token that
        the plugin would not accept, something that it does not accept for the same reason."""
        if not token.value or len(token.value) > _MAX_TOKEN:
            return "x" * min(len(token.value), _MAX_TOKEN + 1)
        if not all("!" <= character <= "~" for character in token.value):
            return " "
        for known, other in self.tokens.items():
            if secrets.compare_digest(other.value, token.value):
                return known
        placeholder = secrets.token_hex(32)
        self.tokens[placeholder] = token
        self._accepted[placeholder] = self
        return placeholder

    def close(self) -> None:
        """Ends the call: the forwarder accepts its placeholders no more."""
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
        try:
            value = json.loads(body)
        except ValueError:
            return body
        cleaned = self._clean_value(value)
        return body if cleaned == value else json.dumps(cleaned).encode()

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
