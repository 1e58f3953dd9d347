"""What people put into the variable `GRAPH_TOKEN`, and where a token may go. The rules are those of
the adapter `default-credential`."""

from __future__ import annotations

import json
import os
import re
from urllib.parse import urlsplit

from ._credential import Denied, Secret
from ._graph import ROOTS
from ._network import is_loopback
from ._options import canonical

_ALLOWED = "ENTRA_RISK_ALLOWED_ENDPOINTS"


def graph_token(audience: str, is_rejected: bool) -> Secret:
    """The token in the variable. Raises Denied, with what to set it to."""
    value = _bare(Secret(os.environ["GRAPH_TOKEN"]))
    if value.value.startswith("{"):
        value = _of_json(value)
        if not value.value:
            raise Denied(f"GRAPH_TOKEN holds JSON without a token: set it to an access token for {audience}")
    if value.value.startswith(("System.", "Microsoft.")):
        raise Denied(
            "GRAPH_TOKEN holds the name of a type, which PowerShell prints in place of the token: convert it with"
            f" ConvertFrom-SecureString -AsPlainText, and set the variable to an access token for {audience}"
        )
    if not value.value:
        raise Denied(f"GRAPH_TOKEN holds no token: set it to an access token for {audience}")
    if is_rejected:
        raise Denied(
            f"Microsoft Graph rejected the token in GRAPH_TOKEN: set it to a fresh access token for {audience}"
        )
    return Secret("".join(line.strip() for line in value.value.splitlines()))


def check_destination(endpoint: str, audience: str) -> None:
    """Raises Denied if a token for `audience` must not be sent to `endpoint`: it must be Microsoft
    Graph itself, or listed in the environment."""
    if endpoint == audience and endpoint in ROOTS.values():
        return
    listed = []
    for entry in re.split(r"[,\s]+", os.environ.get(_ALLOWED, "")):
        if entry:
            listed.append(_address(entry))
    if endpoint not in listed:
        raise Denied(f"{_ALLOWED} does not list {endpoint}: add it if the token may be sent there")


def _address(entry: str) -> str:
    """Parses an entry of the list. It is not repeated in the error: it may contain a password."""
    address = entry.lower().removesuffix("/")
    try:
        parts = urlsplit(address)
        is_secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
        is_plain = re.fullmatch(r"https?://[a-z0-9.-]+(:\d+)?|https?://\[::1\](:\d+)?", address)
        if is_secure and is_plain and (parts.port is None or parts.port):
            return canonical(address)
    except ValueError:
        pass
    rule = "expected https://HOST, or http:// and this machine"
    raise Denied(f"{_ALLOWED} contains an address that is not valid: {rule}")


def _bare(value: Secret) -> Secret:
    """The token without what is often copied with it: white space, quotes, and the scheme of the
    header."""
    text = Secret(value.value.strip())
    if len(text.value) > 1 and text.value[0] == text.value[-1] and text.value[0] in "\"'":
        return _bare(Secret(text.value[1:-1]))
    if text.value[:7].lower() == "bearer ":
        return _bare(Secret(text.value[7:]))
    return text


def _of_json(value: Secret) -> Secret:
    """The token in what the Azure CLI, token endpoints and Azure PowerShell print."""
    try:
        members = Secret(json.loads(value.value))
    except (ValueError, RecursionError):
        return Secret("")
    for name in ("accessToken", "access_token", "Token"):
        if isinstance(members.value.get(name), str):
            return Secret(members.value[name])
    return Secret("")
