"""What a list contains, and how it can end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ._report import Error

if TYPE_CHECKING:
    from ._verification import Verification

Collection = Literal["risky-users", "sign-ins", "risky-service-principals"]
"""What can be listed."""


@dataclass(frozen=True)
class Entry:
    """A user, a sign-in or a service principal with a risk. Levels, states and details are in
    Microsoft Graph's own spelling. It may add values to those listed here."""

    id: str
    """The object id, or the request id of the sign-in: what the actions take."""
    name: str
    """The user principal name, or else the display name. It is personal data."""
    risk_level: str
    """`none`, `low`, `medium`, `high` or `hidden`."""
    risk_state: str
    """`none`, `confirmedSafe`, `remediated`, `dismissed`, `atRisk` or `confirmedCompromised`."""
    risk_detail: str
    """Why it is in this state, such as `adminDismissedAllRiskForUser`."""
    last_updated: str
    """When the risk changed, or when the sign-in took place: a time in UTC according to ISO 8601."""
    deleted: bool
    """Whether the user is deleted. The risk of deleted users cannot be dismissed."""
    processing: bool
    """Whether Microsoft Graph is still processing the risk."""


class ListError(Exception):
    """A list could not be read to its end: the entries so far are not all."""

    error: Error
    """What ended it."""
    verification: Verification | None = None
    """What `verify` knew before, if it read the list. None: nothing."""

    def __init__(self, error: Error) -> None:
        super().__init__(error)
        self.error = error

    def __str__(self) -> str:
        return str(self.error)
