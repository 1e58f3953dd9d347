"""Whether actions have taken effect. An acceptance means only that Microsoft Graph took the
request: the state changes minutes later, or never."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple
from uuid import UUID

from ._action import Action
from ._entry import Collection, ListError
from ._errors import InvalidArgument
from ._options import ListOptions

_MAX_READINGS = 20
"""How often a list is read at most."""
_FIRST_PARTS = 150
"""The first two readings begin this part of the time apart. The distance doubles."""
_PARTS = 15
"""The longest distance between two readings, as a part of the time."""
_WINDOWS: dict[Collection, float] = {"sign-ins": 10, "risky-users": 1, "risky-service-principals": 1}
"""Seconds until the first reading unless another limit is given: the window of the limit that it
shares with the action."""

_LATE = 10.0
"""Seconds that the last reading may take longer than the one before."""


@dataclass(frozen=True)
class Verification:
    """What has become of ids that were accepted. Each is in one of the three."""

    done: tuple[str, ...]
    """In the state that the action leads to."""
    processing: tuple[str, ...]
    """Microsoft Graph says that it is still processing the risk, or a risk that is to be dismissed
    was missing from the latest reading alone."""
    unchanged: tuple[str, ...]
    """The state has not changed."""

    def __str__(self) -> str:
        return f"{len(self.done)} done, {len(self.processing)} processing, {len(self.unchanged)} unchanged"


Status = Literal["done", "processing", "unchanged"]


class Rule(NamedTuple):
    """How to see that an action has taken effect."""

    collection: Collection
    filter: str
    is_done_if_listed: bool


def rule_of(action: Action) -> Rule:
    """The list that shows the effect of an action. The rules are those of the command: a dismissal
    is done when the risk is gone, whatever took it away, and a confirmation when the state is the
    one that it leads to. A risk is gone when two readings in a row lack it: pages shift when other
    entries change, and one reading may miss any."""
    collections: tuple[Collection, ...] = ("sign-ins", "risky-users", "risky-service-principals")
    for collection in collections:
        if f"-{collection}" in action:
            break
    else:
        raise InvalidArgument(f"{action}: agents cannot be listed, so nothing shows whether this has taken effect")
    if action.startswith("dismiss-"):
        return Rule(collection, "riskState eq 'atRisk'", False)
    state = "confirmedSafe" if action.endswith("-safe") else "confirmedCompromised"
    return Rule(collection, f"riskState eq '{state}'", True)


class Verifier:
    """The ids whose state is awaited, and when the list is to be read again."""

    def __init__(self, rule: Rule, ids: Iterable[str | UUID], within: float, window: float | None = None) -> None:
        self._rule = rule
        self._within = within
        # Leaves time for another reading.
        self._first = min(_WINDOWS[rule.collection] if window is None else window, within / 2)
        self._ids = {str(id).lower(): str(id) for id in ids}
        self._status: dict[str, Status] = dict.fromkeys(self._ids, "unchanged")
        # The entries of the current reading, and whether they are being processed.
        self._seen: dict[str, bool] = {}
        # The ids that the latest reading lacked.
        self._missing: set[str] = set()
        self._started = time.monotonic()
        self._readings = 0
        self._began = self._ended = self._started

    def wait(self) -> float | None:
        """Seconds until the list is to be read again. None: every id is done, or the time is over.

        The last two readings begin early enough to end in time."""
        if not self._pending():
            return None
        if self._readings == 0:
            return self._first
        took, first = self._ended - self._began, self._within / _FIRST_PARTS
        wanted = max(self._began + min(first * (1 << self._readings - 1), self._within / _PARTS), self._ended)
        last = self._started + self._within - took
        # The last but one may take somewhat longer than the one before.
        last_but_one = last - took - first
        begins = min(wanted, last_but_one if last_but_one > self._ended else last)
        if begins < self._ended or begins <= self._began or self._readings >= _MAX_READINGS:
            return None
        return max(0.0, begins - time.monotonic())

    def begin(self) -> None:
        """A reading begins."""
        self._began = time.monotonic()
        self._seen = {}

    def options(self, options: ListOptions) -> ListOptions:
        """The options of this reading, which ends soon after the time is over."""
        left = max(0.0, self._started + self._within - self._began)
        return {"deadline": left + _LATE, **options}

    def failed(self, error: ListError) -> None:
        """The list could not be read to its end. Raises the error, with what is known as its attribute
        `verification`, unless the time is over and an earlier reading says something."""
        if self._readings == 0 or error.error.kind != "deadline-exceeded":
            error.verification = self.result() if self._readings else None
            raise error

    def saw(self, id: str, is_processing: bool) -> None:
        """The list contains this id."""
        self._seen[id.lower()] = is_processing

    def end(self) -> None:
        """The list was read to its end."""
        self._readings += 1
        self._ended = time.monotonic()
        before, self._missing = self._missing, {id for id in self._ids if id not in self._seen}
        for id in self._pending():
            if self._seen.get(id):
                self._status[id] = "processing"
            elif self._rule.is_done_if_listed:
                self._status[id] = "unchanged" if id in self._missing else "done"
            elif id in self._missing:
                self._status[id] = "done" if id in before else "processing"
            else:
                self._status[id] = "unchanged"

    def result(self) -> Verification:
        """What is known since the list was last read to its end."""

        def spelled(wanted: Status) -> tuple[str, ...]:
            return tuple(spelling for id, spelling in self._ids.items() if self._status[id] == wanted)

        return Verification(spelled("done"), spelled("processing"), spelled("unchanged"))

    def _pending(self) -> list[str]:
        return [id for id, status in self._status.items() if status != "done"]
