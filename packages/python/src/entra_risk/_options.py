"""The options of a call."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypedDict, Union, get_args

from wasmtime.component import Record

from ._errors import InvalidArgument
from ._graph import ROOTS
from ._printable import shown, type_of

Cloud = Literal["global", "us-gov-l4", "us-gov-l5", "china"]
ApiVersion = Literal["v1", "beta"]
Seconds = Union[float, timedelta]
"""A span of time: a number of seconds, or a `datetime.timedelta`."""

_U32_MAX = 2**32 - 1


@dataclass(frozen=True)
class RateLimit:
    """At most `requests` requests in any period of `window`. Retries count."""

    requests: int
    """How many requests: 1 to 100,000."""
    window: Seconds
    """The length of the period, as seconds or a `timedelta`: at least 0.001 s."""


class Options(TypedDict, total=False):
    """Keyword arguments of each action, and of `EntraRisk` for every call. None, or an absent
    argument, is the default. Spans of time are seconds or a `timedelta`, at least 0.001 s."""

    tenant: str | None
    """Names the tenant that the ids belong to: 1 to 256 visible ASCII characters, such as its GUID.
    It is passed to the credential as `tenant_id`, and each tenant has a rate-limit state of its
    own. Default: none."""
    api_version: ApiVersion | None
    """`v1` or `beta`. Default: `beta` to confirm sign-ins and for agents, `v1` for all others."""
    ids_per_request: int | None
    """Maximum ids in a request: 1 to 10,000 for sign-ins, 1 to 60 for all others. Default: 60."""
    max_in_flight: int | None
    """Maximum concurrent requests: 1 to 32. Default: 4."""
    max_attempts: int | None
    """Maximum attempts for the same ids: 1 to 10. Attempts that meet a 429 do not count, nor do
    those that are repeated with a fresh token. Default: 4."""
    attempt_timeout: Seconds | None
    """Time from sending a request to the end of its response: at most 600 s. Default: 30 s."""
    deadline: Seconds | None
    """Time for the whole call. Requests in flight at the deadline are abandoned, and nothing more
    is sent. Default: no deadline."""
    patience: Seconds | None
    """Longest time from a failure to the next acceptance: after that, the call ends with its last
    error. Default: 180 s."""
    isolate_refused: bool | None
    """Whether a batch that Microsoft Graph refuses is split to find the ids at fault. Default:
    True."""
    rate_limit: RateLimit | None
    """The rate limit to keep. Default: the documented one, 5 requests in 10 s for sign-ins and 1
    request in 1 s for users, service principals and agents."""


class ListOptions(TypedDict, total=False):
    """Keyword arguments of each list. None, or an absent argument, is the option of `EntraRisk`, or
    else the default."""

    tenant: str | None
    """Names the tenant to read from, as in `Options`."""
    api_version: ApiVersion | None
    """`v1` or `beta`. Default: `v1`."""
    page_size: int | None
    """Maximum entries in a page: 1 to 500, for sign-ins 1 to 1,000. Default: the maximum."""
    max_attempts: int | None
    """Maximum attempts for the same page, as in `Options`."""
    attempt_timeout: Seconds | None
    """Time from sending a request to the end of its response: at most 600 s. Default: 30 s."""
    deadline: Seconds | None
    """Time for the whole list, including that in which your program handles entries. Default: no
    deadline."""
    patience: Seconds | None
    """Longest time from a failure to the next page: after that, the list ends with its last error.
    Default: 180 s."""
    rate_limit: RateLimit | None
    """The rate limit to keep. Default: the documented one, as for the actions."""


class Settings(Options, total=False):
    """Keyword arguments of `EntraRisk`: the options, where the token goes, and how many instances
    are kept. Where the token goes belongs to the credential, so an action does not accept it."""

    cloud: Cloud | None
    """The national cloud: `global`, `us-gov-l4`, `us-gov-l5` or `china`. Default: `global`."""
    endpoint: str | None
    """Replaces the cloud's root as the address of the requests: `https://` with a host and
    optionally a port, or `http://` with a loopback host. The token is sent there. Default: the
    cloud's root."""
    audience: str | None
    """Replaces the cloud's root as the audience of the token: `https://` with a host and optionally
    a port. Default: the cloud's root."""
    max_instances: int | None
    """How many tenants' instances of the plugin are kept, with what they learned about the rate
    limit: at least 1. The one that was used least recently goes first, but never one with an open
    call. Default: 64."""


class OptionsRecord(Record):
    """The record `options` of the plugin. It checks what the conversion to WebAssembly needs; the
    plugin checks the ranges."""

    NAMES = (*Options.__annotations__, "cloud", "endpoint", "audience")

    def __init__(self, options: Mapping[str, Any]) -> None:
        for name in self.NAMES:
            value = options.get(name)
            field = _FIELDS.get(name, name).replace("_", "-")
            setattr(self, field, None if value is None else _CHECKS[name](name, value))


class QueryRecord(OptionsRecord):
    """The record `options` of the reader."""

    NAMES = (*ListOptions.__annotations__, "cloud", "endpoint", "audience")


def address_of(options: OptionsRecord) -> str:
    """Where the requests go with options that the plugin has accepted."""
    endpoint: str | None = getattr(options, "endpoint")
    return ROOTS[getattr(options, "cloud") or "global"] if endpoint is None else canonical(endpoint)


def canonical(endpoint: str) -> str:
    """An address in lower case, without the default port."""
    address = endpoint.lower()
    default = ":443" if address.startswith("https:") else ":80"
    return address.removesuffix(default)


def only(expected: type[Options] | type[ListOptions], given: Mapping[str, Any]) -> None:
    """Raises TypeError if `given` contains anything else than `expected`."""
    for name in given:
        if name not in expected.__annotations__:
            options = ", ".join(expected.__annotations__)
            raise TypeError(f"unexpected keyword argument {shown(name)}; the options are {options}")


def encodable(text: str) -> str:
    """Replaces lone surrogates, which have no UTF-8, by characters that the plugin accepts in no
    argument."""
    return text.encode(errors="surrogatepass").decode(errors="replace")


def milliseconds(name: str, value: object, least: int = 1, most: int = _U32_MAX) -> int:
    """Converts a span of time to whole milliseconds, from `least` to `most`."""
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = value
    else:
        raise InvalidArgument(f"{name}: expected seconds, or a timedelta; got {shown(value)}")
    # Written so that NaN is out of range.
    if not least <= seconds * 1000 <= most:
        raise InvalidArgument(f"{name}: expected {least / 1000:g} to {most / 1000:g} seconds; got {shown(value)}")
    return math.floor(seconds * 1000 + 0.5)


def whole_number(name: str, value: object, least: int = 0) -> int:
    """Checks that `value` is a whole number that 32 bits can hold."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _U32_MAX:
        raise InvalidArgument(f"{name}: expected a whole number from 1 to {_U32_MAX}; got {shown(value)}")
    return value


def in_python(text: str) -> str:
    """Spells the argument in a message of the plugin as in Python: `options.max-in-flight: …` as
    `max_in_flight: …`."""
    argument, separator, rest = text.partition(": ")
    return argument.removeprefix("options.").replace("-", "_") + separator + rest


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidArgument(f"{name}: expected a str; got {type_of(value)}")
    return encodable(value)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidArgument(f"{name}: expected True or False; got {shown(value)}")
    return value


def _timeout(name: str, value: object) -> int:
    return milliseconds(name, value, most=600_000)


def _cloud(name: str, value: object) -> str:
    return _one_of(get_args(Cloud), name, value)


def _api_version(name: str, value: object) -> str:
    return _one_of(get_args(ApiVersion), name, value)


def _one_of(values: tuple[str, ...], name: str, value: object) -> str:
    if not isinstance(value, str) or value not in values:
        raise InvalidArgument(f"{name}: expected one of {', '.join(values)}; got {shown(value)}")
    return value


def _rate_limit(name: str, value: object) -> Record:
    if not isinstance(value, RateLimit):
        raise InvalidArgument(f"{name}: expected RateLimit(requests, window); got {shown(value)}")
    record = Record()
    setattr(record, "requests", whole_number(f"{name}.requests", value.requests))
    setattr(record, "window-ms", milliseconds(f"{name}.window", value.window))
    return record


_CHECKS: dict[str, Callable[[str, object], Any]] = {
    "tenant": _text,
    "cloud": _cloud,
    "endpoint": _text,
    "audience": _text,
    "api_version": _api_version,
    "ids_per_request": whole_number,
    "page_size": whole_number,
    "max_in_flight": whole_number,
    "max_attempts": whole_number,
    "attempt_timeout": _timeout,
    "deadline": milliseconds,
    "patience": milliseconds,
    "isolate_refused": _flag,
    "rate_limit": _rate_limit,
}
# The fields of the plugin that carry a unit in their name.
_FIELDS = {"attempt_timeout": "attempt-timeout-ms", "deadline": "deadline-ms", "patience": "patience-ms"}
