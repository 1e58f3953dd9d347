"""What the actions raise."""

from __future__ import annotations

from collections.abc import Sequence

from ._report import Batch, Error, OutcomeKind


class EntraRiskError(Exception):
    """The base of the exceptions of this package."""


class InvalidArgument(EntraRiskError, ValueError):
    """An argument is not as documented. Nothing was sent and no token was requested. The text names the argument, its
    position and value, and the rule."""


class PartialFailure(EntraRiskError):
    """Not every id was accepted. `batches` contains every id exactly once, in the order given."""

    cause: Error
    """What ended the call, or else the first error."""
    batches: tuple[Batch, ...]
    """Every id exactly once, in the order given."""

    def __init__(self, cause: Error, batches: Sequence[Batch]) -> None:
        super().__init__(cause, tuple(batches))
        self.cause = cause
        self.batches = tuple(batches)

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
        """The ids to pass again once the cause is gone: those not applied, and those that may have been applied."""
        return self._ids("not-applied", "unknown")

    def _ids(self, *outcomes: OutcomeKind) -> list[str]:
        return [id for batch in self.batches if batch.outcome in outcomes for id in batch.ids]

    def __str__(self) -> str:
        accepted, refused, to_retry = len(self.accepted), len(self.refused), len(self.to_retry)
        total = accepted + refused + to_retry
        return f"{accepted} of {total} ids accepted, {refused} refused, {to_retry} to retry; cause: {self.cause}"


def partial_failure(error: BaseException) -> PartialFailure | None:
    """Returns the outcome of every id from an exception that ended a call: a `PartialFailure` itself, or one that is attached
    to an exception of the credential, of `on_progress`, to `KeyboardInterrupt` or `asyncio.CancelledError`. None: nothing
    was sent."""
    if isinstance(error, PartialFailure):
        return error
    attached = getattr(error, _ATTRIBUTE, None)
    return attached if isinstance(attached, PartialFailure) else None


def attach(error: BaseException, failure: PartialFailure) -> None:
    """Makes `partial_failure(error)` return `failure`."""
    # Not `setattr`: an exception that is a frozen dataclass refuses it.
    BaseException.__setattr__(error, _ATTRIBUTE, failure)
    if hasattr(error, "add_note"):  # Python 3.11
        error.add_note(f"entra-risk: {failure}")


_ATTRIBUTE = "entra_risk_partial_failure"
