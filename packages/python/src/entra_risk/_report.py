"""What became of the ids of a call, in batches."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from types import TracebackType
from typing import Literal

from ._errors import EntraRiskError

Outcome = Literal["accepted", "refused", "not-applied", "unknown"]
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

_MOST_ENTRIES = 64
"""How many entries of a traceback are kept when several calls raise the same exception."""


@dataclass(frozen=True)
class Response:
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
    retry_after: float | None
    """`Retry-After` of the response in seconds: do not send again sooner."""


@dataclass(frozen=True)
class Error:
    """What went wrong with a call or with a batch."""

    kind: ErrorKind
    """What went wrong, for programs. It determines the next step, which `docs/contract.md`
    states."""
    message: str
    """What happened and what to do, for people. It may quote a response. Do not parse it: its
    wording may change."""
    response: Response | None = None
    """The response that the error is about, if there was one."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


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
    """Ids that ended in the same request with the same outcome, or that were never sent."""

    ids: tuple[str, ...]
    """The ids, in the order given. In a report they are neighbors in the list given."""
    attempts: int
    """How many requests carried these ids."""
    outcome: Outcome
    """`accepted`: done. `refused`: sending these ids again unchanged is pointless. `not-applied`:
    send them again once the cause is gone. `unknown`: they may have been applied; sending them
    again is safe."""
    receipt: Receipt | None = None
    """What identifies the request, if `outcome` is `accepted`, and only then."""
    error: Error | None = None
    """Why the ids were not accepted, unless `outcome` is `accepted`."""


@dataclass(frozen=True)
class Report:
    """What became of the ids of a call. The report of a call that is over contains every id once,
    in the order given."""

    batches: tuple[Batch, ...]
    """The outcomes, in the order in which the ids were given."""
    cause: Error | None = None
    """What ended the call, or else the first error. None: every id was accepted, or the call is not
    over yet."""
    left: int = 0
    """How many ids have no outcome yet: 0 once the call is over."""

    @property
    def accepted(self) -> list[str]:
        """The ids that are done."""
        return self._ids("accepted")

    @property
    def refused(self) -> list[str]:
        """The ids that Microsoft Graph refuses: correct or drop them."""
        return self._ids("refused")

    @property
    def to_retry(self) -> list[str]:
        """The ids to pass again once the cause is gone: those that were not applied, and those that
        may have been applied. All actions are idempotent."""
        return self._ids("not-applied", "unknown")

    def raise_for_failure(self) -> Report:
        """Returns the report itself if every id was accepted.

        Raises `EntraRiskError`, with the report as its attribute `report`, if not."""
        if self.left or any(batch.outcome != "accepted" for batch in self.batches):
            raise EntraRiskError(self)
        return self

    def _ids(self, *outcomes: Outcome) -> list[str]:
        return [id for batch in self.batches if batch.outcome in outcomes for id in batch.ids]

    def __str__(self) -> str:
        accepted, refused, to_retry = len(self.accepted), len(self.refused), len(self.to_retry)
        text = f"{accepted} of {accepted + refused + to_retry + self.left} ids accepted"
        if refused or to_retry:
            text += f", {refused} refused, {to_retry} to retry"
        if self.left:
            text += f", {self.left} without an outcome yet"
        return text if self.cause is None else f"{text}; cause: {self.cause}"


def report_of(error: BaseException) -> Report | None:
    """Returns the report of the call that `error` ended: its attribute `report`, or that of the
    exception that is its cause. `asyncio.run` raises `KeyboardInterrupt`, and `asyncio.timeout`
    `TimeoutError`, in place of the `CancelledError` that ended the call.

    None: the call had not begun."""
    seen: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in seen:
        report = vars(at).get("report")
        if isinstance(report, Report):
            return report
        seen.append(at)
        # Any other exception may have been raised while that of an unrelated call was handled.
        replaces = isinstance(at, (KeyboardInterrupt, asyncio.CancelledError, TimeoutError, asyncio.TimeoutError))
        at = at.__context__ if at.__cause__ is None and replaces else at.__cause__
    return None


def carrying(error: BaseException, report: Report) -> BaseException:
    """Returns an exception that ended a call, with `report` as its attribute `report`.

    It is `error` itself, unless that already has the attribute, because another call was given the
    same exception. Then it is a copy that has `error` as its cause."""
    # `setdefault` is one step for other threads, and frozen dataclasses permit it.
    attributes = vars(error)
    carried = attributes.setdefault("report", report)
    if carried is report:
        if hasattr(error, "add_note"):  # Python 3.11
            attributes.setdefault("__notes__", []).append(f"entra-risk: {report}")
        return error
    if carried == report:
        return error
    _shorten(error.__traceback__)
    return carrying(_copy(error) or _caused_by(EntraRiskError(report), error), report)


def _copy(error: BaseException) -> BaseException | None:
    """Copies an exception without its report, and makes it the cause of its copy. None: it cannot
    be copied."""
    try:
        copied = copy.copy(error)
        if copied is error or type(copied) is not type(error):
            return None
        for name in ("report", "__notes__"):
            vars(copied).pop(name, None)
        return _caused_by(copied, error)
    except Exception:
        return None


def _caused_by(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def _shorten(trace: TracebackType | None) -> None:
    """Keeps the newest entries of the traceback of an exception that is raised again and again:
    each time adds some."""
    for _ in range(_MOST_ENTRIES):
        if trace is None:
            return
        trace = trace.tb_next
    if trace is not None:
        trace.tb_next = None


def in_order(ended: Iterable[Batch], positions: Mapping[str, int]) -> tuple[Batch, ...]:
    """Sorts batches by the positions of their ids, and splits those whose ids are not neighbors.
    `positions` has each id in lower case."""
    placed = sorted((positions[id.lower()], number, id) for number, batch in enumerate(ended) for id in batch.ids)
    batches = list(ended)
    # The position of neighbors in one batch differs from their place in this list by the same
    # number.
    runs = groupby(enumerate(placed), key=lambda item: (item[1][1], item[1][0] - item[0]))
    return tuple(replace(batches[number], ids=tuple(id for _, (_, _, id) in run)) for (number, _), run in runs)
