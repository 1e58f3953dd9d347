"""The options of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, get_args

from wasmtime.component import Record

from ._errors import InvalidArgument

Cloud = Literal["global", "us-gov-l4", "us-gov-l5", "china"]
ApiVersion = Literal["v1", "beta"]

_U32_MAX = 2**32 - 1


@dataclass(frozen=True)
class RateLimit:
    """At most `requests` requests in any period of `window_ms` milliseconds. Retries count. Each is at least 1."""

    requests: int
    window_ms: int


class Options(TypedDict, total=False):
    """Keyword arguments of each action, and of `EntraRisk` for every call. None, or an absent argument, is the default."""

    tenant: str | None
    """Names the tenant that the ids belong to: 1 to 256 visible ASCII characters, such as its GUID. It is passed to the
    credential as `tenant_id`, and each tenant has a rate-limit state of its own. Default: none."""
    api_version: ApiVersion | None
    """`v1` or `beta`. Default: `v1` to dismiss, `beta` to confirm."""
    ids_per_request: int | None
    """Maximum ids in a request: 1 to 60 for users, 1 to 10 000 for sign-ins. Default: 60."""
    max_in_flight: int | None
    """Maximum concurrent requests: 1 to 32. Default: 4."""
    max_attempts: int | None
    """Maximum attempts for the same ids: 1 to 10. Attempts answered with 429 do not count, nor those repeated with a fresh
    token. Default: 4."""
    attempt_timeout_ms: int | None
    """Milliseconds from sending a request to the end of its response: 1 to 600 000. Default: 100 000."""
    deadline_ms: int | None
    """Milliseconds for the whole call, at least 1. Time that the credential takes can exceed it, and time spent waiting for
    another call for the same tenant does not count. Default: no deadline."""
    patience_ms: int | None
    """Longest time in milliseconds from a failure to the next acceptance, at least 1: then the call ends with its last
    error. Default: 180 000."""
    isolate_refused: bool | None
    """Whether a batch that Microsoft Graph refuses is split to find the ids at fault. Default: True."""
    rate_limit: RateLimit | None
    """The rate limit to keep. Default: the documented one, 1 request in 1 000 ms for users and 5 in 10 000 ms for
    sign-ins."""


class Settings(Options, total=False):
    """Keyword arguments of `EntraRisk`: the options, and where the token goes. The latter belongs to the credential, so an
    action does not accept it."""

    cloud: Cloud | None
    """The national cloud: `global`, `us-gov-l4`, `us-gov-l5` or `china`. Default: `global`."""
    endpoint: str | None
    """Replaces the cloud's root as the address of the requests: `https://` with a host and optionally a port, or `http://`
    with a loopback host. The token is sent there. Default: the cloud's root."""
    audience: str | None
    """Replaces the cloud's root as the audience of the token: `https://` with a host and optionally a port. Default: the
    cloud's root."""


class OptionsRecord(Record):
    """The record `options` of the plugin, checked for what the conversion to WebAssembly would not survive. The plugin checks
    the ranges."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        only(Settings, options)
        for name, check in _CHECKS.items():
            value = options.get(name)
            setattr(self, name.replace("_", "-"), None if value is None else check(name, value))


def only(expected: type[Options], given: Mapping[str, Any]) -> None:
    """Raises TypeError if `given` contains anything else than `expected`."""
    for name in given:
        if name not in expected.__annotations__:
            options = ", ".join(expected.__annotations__)
            raise TypeError(f"unexpected keyword argument {name!r}; the options are {options}")


def encodable(text: str) -> str:
    """Replaces lone surrogates, which have no UTF-8, by characters that the plugin accepts in no argument."""
    return text.encode(errors="surrogatepass").decode(errors="replace")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidArgument(f"{name}: expected a str; got {type(value).__name__}")
    return encodable(value)


def _number(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _U32_MAX:
        raise InvalidArgument(f"{name}: expected a whole number from 1 to {_U32_MAX}; got {value!r}")
    return value


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidArgument(f"{name}: expected True or False; got {value!r}")
    return value


def _cloud(name: str, value: object) -> str:
    return _one_of(get_args(Cloud), name, value)


def _api_version(name: str, value: object) -> str:
    return _one_of(get_args(ApiVersion), name, value)


def _one_of(values: tuple[str, ...], name: str, value: object) -> str:
    if not isinstance(value, str) or value not in values:
        raise InvalidArgument(f"{name}: expected one of {', '.join(values)}; got {value!r}")
    return value


def _rate_limit(name: str, value: object) -> Record:
    if not isinstance(value, RateLimit):
        raise InvalidArgument(f"{name}: expected RateLimit(requests, window_ms); got {value!r}")
    record = Record()
    setattr(record, "requests", _number(f"{name}.requests", value.requests))
    setattr(record, "window-ms", _number(f"{name}.window_ms", value.window_ms))
    return record


_CHECKS = {
    "tenant": _text,
    "cloud": _cloud,
    "endpoint": _text,
    "audience": _text,
    "api_version": _api_version,
    "ids_per_request": _number,
    "max_in_flight": _number,
    "max_attempts": _number,
    "attempt_timeout_ms": _number,
    "deadline_ms": _number,
    "patience_ms": _number,
    "isolate_refused": _flag,
    "rate_limit": _rate_limit,
}
