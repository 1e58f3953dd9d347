"""The eleven actions of Microsoft Graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Generic, Literal, TypeVar
from uuid import UUID

from ._options import Options
from ._progress import Progress

if TYPE_CHECKING:
    from typing_extensions import Unpack

Action = Literal[
    "dismiss-sign-ins",
    "confirm-sign-ins-safe",
    "confirm-sign-ins-compromised",
    "dismiss-risky-users",
    "confirm-risky-users-safe",
    "confirm-risky-users-compromised",
    "dismiss-risky-service-principals",
    "confirm-risky-service-principals-compromised",
    "dismiss-risky-agents",
    "confirm-risky-agents-safe",
    "confirm-risky-agents-compromised",
]
"""The name of an action, for `start`."""

OnProgress = Callable[[Progress], None]
"""Called while a call runs: after each batch, and about once a second while nothing ends."""

Result = TypeVar("Result")


class Actions(Generic[Result]):
    """One method for each action. `Result` is a `Report`, or for asyncio a coroutine that returns
    one."""

    def dismiss_sign_ins(
        self, ids: Iterable[str | UUID], *, on_progress: OnProgress | None = None, **options: Unpack[Options]
    ) -> Result:
        """Dismisses the risk of sign-ins: they no longer contribute to the risk of their users.

        Microsoft Graph refuses the ids of sign-ins that are not in the tenant or not at risk.
        Repeating the call is safe."""
        return self._perform("dismiss-sign-ins", ids, on_progress, options)

    def confirm_sign_ins_safe(
        self, ids: Iterable[str | UUID], *, on_progress: OnProgress | None = None, **options: Unpack[Options]
    ) -> Result:
        """Confirms sign-ins as safe: their risk is removed, and detection learns from it.

        Microsoft Graph refuses the ids of sign-ins that are not in the tenant or not at risk.
        Repeating the call is safe. It also overrides a `confirm_sign_ins_compromised` made in
        between."""
        return self._perform("confirm-sign-ins-safe", ids, on_progress, options)

    def confirm_sign_ins_compromised(
        self, ids: Iterable[str | UUID], *, on_progress: OnProgress | None = None, **options: Unpack[Options]
    ) -> Result:
        """Confirms sign-ins as compromised: the risk of their users becomes high. Policies based on
        risk may block these users or require them to change their password.

        Microsoft Graph refuses the ids of sign-ins that are not in the tenant. Repeating the call
        is safe, but a user whose risk was remediated in between is set to high risk again."""
        return self._perform("confirm-sign-ins-compromised", ids, on_progress, options)

    def dismiss_risky_users(
        self, ids: Iterable[str | UUID], *, on_progress: OnProgress | None = None, **options: Unpack[Options]
    ) -> Result:
        """Dismisses the risk of users: their risk level becomes none. `ids` are object ids.

        Microsoft Graph refuses a request with the id of a user who was deleted. Repeating the call
        is safe. A user who became risky again in between is dismissed again."""
        return self._perform("dismiss-risky-users", ids, on_progress, options)

    def confirm_risky_users_safe(
        self, ids: Iterable[str | UUID], *, on_progress: OnProgress | None = None, **options: Unpack[Options]
    ) -> Result:
        """Confirms users as safe: their risk is removed, and detection learns from it. `ids` are
        object ids.

        Microsoft Graph refuses a request with the id of a user who was deleted. Repeating the call
        is safe. It also overrides a `confirm_risky_users_compromised` made in between."""
        return self._perform("confirm-risky-users-safe", ids, on_progress, options)

    def confirm_risky_users_compromised(
        self, ids: Iterable[str | UUID], *, on_progress: OnProgress | None = None, **options: Unpack[Options]
    ) -> Result:
        """Confirms users as compromised: their risk becomes high, and policies based on risk may
        block them. `ids` are object ids.

        Microsoft Graph refuses a request with the id of a user who was deleted. Repeating the call
        is safe, but a user whose risk was remediated in between is set to high risk again."""
        return self._perform("confirm-risky-users-compromised", ids, on_progress, options)

    def dismiss_risky_service_principals(
        self, ids: Iterable[str | UUID], *, on_progress: OnProgress | None = None, **options: Unpack[Options]
    ) -> Result:
        """Dismisses the risk of service principals. `ids` are object ids.

        What Microsoft Graph answers for absent ones is not documented. Repeating the call is safe.
        One that became risky again in between is dismissed again."""
        return self._perform("dismiss-risky-service-principals", ids, on_progress, options)

    def confirm_risky_service_principals_compromised(
        self, ids: Iterable[str | UUID], *, on_progress: OnProgress | None = None, **options: Unpack[Options]
    ) -> Result:
        """Confirms service principals as compromised: their risk becomes high, and policies based
        on risk may block them. `ids` are object ids.

        What Microsoft Graph answers for absent ones is not documented. Repeating the call is safe,
        but one whose risk was remediated in between is set to high risk again."""
        return self._perform("confirm-risky-service-principals-compromised", ids, on_progress, options)

    def dismiss_risky_agents(
        self, ids: Iterable[str | UUID], *, on_progress: OnProgress | None = None, **options: Unpack[Options]
    ) -> Result:
        """Dismisses the risk of agents, in the beta version and the global cloud only. `ids` are
        object ids of agent identities.

        What Microsoft Graph answers for absent ones is not documented. Repeating the call is safe.
        An agent that became risky again in between is dismissed again."""
        return self._perform("dismiss-risky-agents", ids, on_progress, options)

    def confirm_risky_agents_safe(
        self, ids: Iterable[str | UUID], *, on_progress: OnProgress | None = None, **options: Unpack[Options]
    ) -> Result:
        """Confirms agents as safe, in the beta version and the global cloud only: their risk is
        removed. `ids` are object ids of agent identities.

        What Microsoft Graph answers for absent ones is not documented. Repeating the call is safe.
        It also overrides a `confirm_risky_agents_compromised` made in between."""
        return self._perform("confirm-risky-agents-safe", ids, on_progress, options)

    def confirm_risky_agents_compromised(
        self, ids: Iterable[str | UUID], *, on_progress: OnProgress | None = None, **options: Unpack[Options]
    ) -> Result:
        """Confirms agents as compromised, in the beta version and the global cloud only: their risk
        becomes high, and policies based on risk may block them. `ids` are object ids of agent
        identities.

        What Microsoft Graph answers for absent ones is not documented. Repeating the call is safe,
        but one whose risk was remediated in between is set to high risk again."""
        return self._perform("confirm-risky-agents-compromised", ids, on_progress, options)

    def _perform(
        self, action: Action, ids: Iterable[str | UUID], on_progress: OnProgress | None, options: Options
    ) -> Result:
        raise NotImplementedError
