"""The actions of Microsoft Graph as methods, and what the two clients have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Generic, TypeVar
from uuid import UUID

from ._action import Action
from ._credential import Credential, Source, TokenRequest
from ._entry import Collection
from ._handle import Handle
from ._options import ListOptions, Options, Seconds, Settings, milliseconds
from ._progress import OnProgress
from ._tenants import Tenants
from ._verification import Rule, Verifier, rule_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

Result = TypeVar("Result")
Started = TypeVar("Started", bound=Handle)
Listed = TypeVar("Listed")
Checked = TypeVar("Checked")
Verified = TypeVar("Verified")


class Actions(Generic[Result, Started, Listed, Checked, Verified]):
    """One method for each action and for each list. `Result` is a `Report`, or for asyncio a
    coroutine that returns one, and so are `Checked` and `Verified`. `Started` is a call that reports
    while it runs, and `Listed` an iterator of entries."""

    def __init__(self, credential: Credential, **settings: Unpack[Settings]) -> None:
        source = Source(credential)
        del credential  # A local variable of the tracebacks of mistakes.
        self._tenants = Tenants(source, settings)

    def start(
        self,
        action: Action,
        ids: Iterable[str | UUID],
        *,
        on_progress: OnProgress | None = None,
        **options: Unpack[Options],
    ) -> Started:
        """Starts an action, and returns its call: iterate over it, and get each `Batch` as soon as
        its ids have their outcome. `on_progress` is called while you iterate.

        Raises `InvalidArgument` if an argument is not as documented. With asyncio, it finds an
        unknown action and an argument of the wrong type, and iterating raises `InvalidArgument` for
        anything else."""
        return self._start(action, ids, on_progress, options)

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

        How Microsoft Graph responds for absent ones is not documented. Repeating the call is safe.
        One that became risky again in between is dismissed again."""
        return self._perform("dismiss-risky-service-principals", ids, on_progress, options)

    def confirm_risky_service_principals_compromised(
        self, ids: Iterable[str | UUID], *, on_progress: OnProgress | None = None, **options: Unpack[Options]
    ) -> Result:
        """Confirms service principals as compromised: their risk becomes high, and policies based
        on risk may block them. `ids` are object ids.

        How Microsoft Graph responds for absent ones is not documented. Repeating the call is safe,
        but one whose risk was remediated in between is set to high risk again."""
        return self._perform("confirm-risky-service-principals-compromised", ids, on_progress, options)

    def dismiss_risky_agents(
        self, ids: Iterable[str | UUID], *, on_progress: OnProgress | None = None, **options: Unpack[Options]
    ) -> Result:
        """Dismisses the risk of agents, in the beta version and the global cloud only. `ids` are
        object ids of agent identities.

        How Microsoft Graph responds for absent ones is not documented. Repeating the call is safe.
        An agent that became risky again in between is dismissed again."""
        return self._perform("dismiss-risky-agents", ids, on_progress, options)

    def confirm_risky_agents_safe(
        self, ids: Iterable[str | UUID], *, on_progress: OnProgress | None = None, **options: Unpack[Options]
    ) -> Result:
        """Confirms agents as safe, in the beta version and the global cloud only: their risk is
        removed. `ids` are object ids of agent identities.

        How Microsoft Graph responds for absent ones is not documented. Repeating the call is safe.
        It also overrides a `confirm_risky_agents_compromised` made in between."""
        return self._perform("confirm-risky-agents-safe", ids, on_progress, options)

    def confirm_risky_agents_compromised(
        self, ids: Iterable[str | UUID], *, on_progress: OnProgress | None = None, **options: Unpack[Options]
    ) -> Result:
        """Confirms agents as compromised, in the beta version and the global cloud only: their risk
        becomes high, and policies based on risk may block them. `ids` are object ids of agent
        identities.

        How Microsoft Graph responds for absent ones is not documented. Repeating the call is safe,
        but one whose risk was remediated in between is set to high risk again."""
        return self._perform("confirm-risky-agents-compromised", ids, on_progress, options)

    def list_risky_users(self, filter: str | None = None, **options: Unpack[ListOptions]) -> Listed:
        """Lists users with a risk, each as an `Entry`, while you iterate. Pages are requested when
        their entries are wanted.

        `filter` is an OData filter, such as `riskState eq 'atRisk' and riskLevel eq 'high'`. Without
        one, users whose risk is gone are listed too. The order is not specified.

        Iterating raises `InvalidArgument`, what the credential raises, and `ListError` if the list
        could not be read to its end."""
        return self._list("risky-users", filter, options)

    def list_sign_ins(self, filter: str | None = None, **options: Unpack[ListOptions]) -> Listed:
        """Lists sign-ins, as `list_risky_users` does users. Without a filter, those with a risk
        (`riskLevelAggregated ne 'none'`) are listed."""
        return self._list("sign-ins", filter, options)

    def list_risky_service_principals(self, filter: str | None = None, **options: Unpack[ListOptions]) -> Listed:
        """Lists service principals with a risk, as `list_risky_users` does users."""
        return self._list("risky-service-principals", filter, options)

    def verify(
        self, action: Action, ids: Iterable[str | UUID], *, within: Seconds = 300, **options: Unpack[ListOptions]
    ) -> Verified:
        """Waits until an action has taken effect on ids that were accepted, but no longer than
        `within`, and returns which have the state that it leads to. It reads lists, and changes
        nothing.

        Raises what iterating over a list raises."""
        rule = rule_of(action)
        window = self._tenants.window(options)
        return self._verify(rule, Verifier(rule, ids, milliseconds("within", within) / 1000, window), options)

    def check(self, action: Action, *, tenant: str | None = None) -> Checked:
        """Asks the credential for a token, sends nothing to Microsoft Graph, and returns what the
        token says of itself: whose it is, until when, and which permission for this action is
        missing.

        Raises what the credential raises."""
        return self._check(action, self._tenants.token_request(action, tenant))

    def _verify(self, rule: Rule, verifier: Verifier, options: ListOptions) -> Verified:
        raise NotImplementedError

    def _check(self, action: Action, request: TokenRequest) -> Checked:
        raise NotImplementedError

    def _list(self, collection: Collection, filter: str | None, options: ListOptions) -> Listed:
        raise NotImplementedError

    def _start(
        self, action: Action, ids: Iterable[str | UUID], on_progress: OnProgress | None, options: Options
    ) -> Started:
        raise NotImplementedError

    def _perform(
        self, action: Action, ids: Iterable[str | UUID], on_progress: OnProgress | None, options: Options
    ) -> Result:
        raise NotImplementedError
