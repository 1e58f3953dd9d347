"""What a call reports: the outcome of every id, in batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

OutcomeKind = Literal["accepted", "refused", "not-applied", "unknown"]
ErrorKind = Literal[
    "invalid-argument",
    "no-token",
    "denied-by-host",
    "unauthenticated",
    "forbidden",
    "client-error",
    "throttled",
    "server-error",
    "unexpected-status",
    "unreachable",
    "no-response",
    "deadline-exceeded",
    "cancelled",
    "not-attempted",
    "other",
]


@dataclass(frozen=True)
class GraphError:
    """A response other than success, from Microsoft Graph or from something on the way to it."""

    status: int
    """The HTTP status code."""
    code: str
    """`error.code` of the response, for programs; empty if it has none."""
    message: str
    """`error.message` of the response, for people; empty if it has none."""
    request_id: str | None
    """The service's id of the request, for Microsoft support."""
    client_request_id: str
    """The `client-request-id` header of the request, different for each attempt."""
    date: str | None
    """When the service responded, an HTTP date."""
    retry_after_ms: int | None
    """`Retry-After` of the response in milliseconds: do not send again sooner."""


@dataclass(frozen=True)
class Error:
    """What went wrong. `kind` determines the next step; the table "Errors" of README.md states it."""

    kind: ErrorKind
    text: str = ""
    """For people; empty if `kind` states everything, or if `graph` is set."""
    graph: GraphError | None = None
    """The response, if there was one."""

    def __str__(self) -> str:
        if self.graph is None:
            return f"{self.kind}: {self.text}" if self.text else self.kind
        parts = [f"{self.kind}: {self.graph.status}", self.graph.code, self.graph.message]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class Receipt:
    """Identifies an accepted request (`204 No Content`)."""

    request_id: str | None
    """The `request-id` header of the response."""
    client_request_id: str
    """The `client-request-id` header of the request."""
    date: str | None
    """The `date` header of the response, an HTTP date."""


@dataclass(frozen=True)
class Batch:
    """Neighbouring ids that ended in the same request with the same outcome."""

    ids: tuple[str, ...]
    """The ids, in the order given."""
    attempts: int
    """Requests that carried these ids; 0 if none did."""
    outcome: OutcomeKind
    """`accepted`: done. `refused`: sending these ids again unchanged is pointless. `not-applied`: send them again once the
    cause is gone. `unknown`: may have been applied; sending them again is safe."""
    receipt: Receipt | None = None
    """Set if and only if `outcome` is `accepted`."""
    error: Error | None = None
    """Set if and only if `outcome` is not `accepted`."""


@dataclass(frozen=True)
class Progress:
    """How far a call is, passed to `on_progress` before each attempt."""

    attempts: int
    """Attempts before this one, with those that repeat or split a request."""
    least: int
    """Requests that the call takes if each is accepted at the first attempt."""


def batches_from(values: list[Any], instead_of_no_token: Error | None = None) -> list[Batch]:
    """Converts a `list<batch>` of the plugin."""
    batches = []
    for value in values:
        outcome, payload = value.outcome.tag, value.outcome.payload
        batch = Batch(tuple(value.ids), value.attempts, _known(outcome, OutcomeKind))
        if outcome == "accepted":
            batch = Batch(batch.ids, batch.attempts, batch.outcome, receipt=Receipt(**_fields(payload)))
        else:
            batch = Batch(batch.ids, batch.attempts, batch.outcome, error=error_from(payload, instead_of_no_token))
        batches.append(batch)
    return batches


def error_from(value: Any, instead_of_no_token: Error | None = None) -> Error:
    """Converts an `error` of the plugin. `instead_of_no_token` replaces a `no-token`, whose reason only the host knows."""
    kind, payload = value.tag, value.payload
    if kind == "no-token" and instead_of_no_token is not None:
        return instead_of_no_token
    if payload is None or isinstance(payload, str):
        return Error(_known(kind, ErrorKind), payload or "")
    return Error(_known(kind, ErrorKind), graph=GraphError(**_fields(payload)))


def _fields(record: Any) -> dict[str, Any]:
    return {name.replace("-", "_"): value for name, value in vars(record).items()}


def _known(tag: str, kinds: Any) -> Any:
    """Checks that the types above contain every case of the contract."""
    if tag not in get_args(kinds):
        raise AssertionError(f"entra-risk.wasm returned the case {tag!r}, which is not part of the contract")
    return tag
