"""What the package raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._printable import printable

if TYPE_CHECKING:
    from ._report import Report


class EntraRiskError(Exception):
    """Raised by `Report.raise_for_failure`: not every id was accepted."""

    report: Report
    """What became of the ids."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return str(self.report)


class InvalidArgument(ValueError):
    """An argument is not as documented. Nothing was sent and no token was requested. The text names
    the argument, its position and value, and the rule."""

    def __str__(self) -> str:
        return printable(super().__str__())
