"""Whether actions have taken effect. An acceptance means only that Microsoft Graph took the
request: the state changes minutes later, or never."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from ._action import Action
from ._entry import Collection, Entry
from ._errors import InvalidArgument

_MAX_READINGS = 20
"""How often a list is read at most."""
_FIRST_PARTS = 150
"""The first two readings begin this part of the time apart. The distance doubles."""
_PARTS = 15
"""The longest distance between two readings, as a part of the time."""
_FIRST_DELAY = 1.0
"""Seconds until the first reading, so that it does not follow the action within one window of the
limit that they share."""


@dataclass(frozen=True)
class Verification:
    """What has become of ids that were accepted. Each is in one of the three."""

    done: tuple[str, ...]
    """In the state that the action leads to."""
    processing: tuple[str, ...]
    """Microsoft Graph says that it is still processing the risk."""
    unchanged: tuple[str, ...]
    """The state has not changed."""

    def __str__(self) -> str:
        return f"{len(self.done)} done, {len(self.processing)} processing, {len(self.unchanged)} unchanged"


class Rule(NamedTuple):
    """How to see that an action has taken effect."""

    collection: Collection
    filter: str
    is_done_if_listed: bool


def rule_of(action: Action) -> Rule:
    """The list that shows the effect of an action. The rules are those of the command: a dismissal
    is done when the risk is gone, whatever took it away, and a confirmation when the state is the
    one that it leads to."""
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

    def __init__(self, rule: Rule, ids: Iterable[str | UUID], within: float) -> None:
        self._rule = rule
        self._within = within
        self._ids = {str(id).lower(): str(id) for id in ids}
        self._pending = dict.fromkeys(self._ids, False)
        self._started = time.monotonic()
        self._readings = 0
        self._began = self._ended = self._started

    def wait(self) -> float | None:
        """Seconds until the list is to be read again. None: every id is done, or the time is over.

        The last reading begins early enough to end in time."""
        if not self._pending:
            return None
        now = time.monotonic()
        if self._readings == 0:
            return min(_FIRST_DELAY, self._within)
        distance = min(self._within / _FIRST_PARTS * (1 << self._readings - 1), self._within / _PARTS)
        last = self._started + self._within - (self._ended - self._began)
        begins = min(max(self._began + distance, self._ended), last)
        if begins < self._ended or begins <= self._began or self._readings >= _MAX_READINGS:
            return None
        return max(0.0, begins - now)

    def begin(self) -> None:
        """A reading begins."""
        self._began = time.monotonic()
        self._seen: dict[str, bool] = {}

    def saw(self, entry: Entry) -> None:
        """The list contains this entry."""
        if entry.id.lower() in self._pending:
            self._seen[entry.id.lower()] = entry.processing

    def end(self) -> None:
        """The list was read to its end."""
        self._readings += 1
        self._ended = time.monotonic()
        if self._rule.is_done_if_listed:
            self._pending = {id: self._seen.get(id, False) for id in self._pending if self._seen.get(id) is not False}
        else:
            self._pending = {id: self._seen[id] for id in self._pending if id in self._seen}

    def result(self) -> Verification:
        """What is known since the list was last read to its end."""

        def spelled(wanted: bool | None) -> tuple[str, ...]:
            return tuple(spelling for id, spelling in self._ids.items() if self._pending.get(id) is wanted)

        return Verification(spelled(None), spelled(True), spelled(False))
