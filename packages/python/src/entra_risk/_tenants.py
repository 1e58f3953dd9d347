"""What `EntraRisk` and `AsyncEntraRisk` share: the credential, the settings, and the instances."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, get_args
from uuid import UUID

from ._action import Action
from ._component import refuse_fork
from ._credential import Source, TokenRequest
from ._entry import Collection
from ._errors import InvalidArgument
from ._graph import ROOTS, delegated
from ._instance import Instance, Job
from ._options import (
    ListOptions,
    Options,
    OptionsRecord,
    QueryRecord,
    RateLimit,
    Settings,
    address_of,
    encodable,
    milliseconds,
    only,
    whole_number,
)
from ._printable import shown, type_of
from ._reading import Page, Reading
from ._token import Fetch, Tokens
from ._work import Item, Work

_MAX_INSTANCES = 64


class Tenants:
    """The instances of a client: one for each tenant, and no more than `max_instances` of them."""

    def __init__(self, credential: Source, settings: Settings) -> None:
        credential.check()
        only(Settings, settings)
        OptionsRecord(settings)  # Report a mistake now, not in the first call.
        self.credential = credential
        self._settings: dict[str, Any] = {**settings}
        most = self._settings.pop("max_instances", None)
        self._most = _MAX_INSTANCES if most is None else whole_number("max_instances", most, least=1)
        # The one used least recently is the first.
        self._instances: OrderedDict[str | None, Instance] = OrderedDict()
        self._readers: OrderedDict[str | None, Instance] = OrderedDict()
        self._lock = threading.Lock()

    def work(
        self, action: Action, ids: Iterable[str | UUID], given: Options, fetch: Fetch, push: Callable[[Item], None]
    ) -> Work:
        """Creates a call, for `begin`."""
        _known(action)
        if isinstance(ids, (str, bytes)):
            raise InvalidArgument(f"ids: expected an iterable of ids; got one {type_of(ids)}")
        only(Options, given)
        options = {**self._settings, **{name: value for name, value in given.items() if value is not None}}
        tokens = Tokens(fetch, delegated(action))
        return Work(action, [encodable(str(id)) for id in ids], OptionsRecord(options), tokens, push)

    def token_request(self, action: Action, tenant: str | None) -> TokenRequest:
        """What a token for this action is requested with, outside a call."""
        _known(action)
        options = OptionsRecord({**self._settings, **({} if tenant is None else {"tenant": tenant})})
        audience = getattr(options, "audience") or ROOTS[getattr(options, "cloud") or "global"]
        scope = f"{audience}/.default"
        return TokenRequest(scope, getattr(options, "tenant"), address_of(options), False, None, delegated(action))

    def reading(
        self, collection: Collection, filter: str | None, given: ListOptions, fetch: Fetch, push: Callable[[Page], None]
    ) -> Reading:
        """Creates a query, for `begin`."""
        if filter is not None and not isinstance(filter, str):
            raise InvalidArgument(f"filter: expected a str; got {type_of(filter)}")
        only(ListOptions, given)
        options = {**self._settings, **{name: value for name, value in given.items() if value is not None}}
        text = None if filter is None else encodable(filter)
        return Reading(collection, text, QueryRecord(options), Tokens(fetch, delegated(collection)), push)

    def window(self, given: ListOptions) -> float | None:
        """The window of the rate limit in seconds, if one is given."""
        limit = given.get("rate_limit") or self._settings.get("rate_limit")
        return milliseconds("rate_limit.window", limit.window) / 1000 if isinstance(limit, RateLimit) else None

    def begin(self, work: Job) -> None:
        """Begins to work on a call or a query in the instance of its tenant."""
        refuse_fork()
        instances = self._readers if isinstance(work, Reading) else self._instances
        with self._lock:
            instance = instances.setdefault(work.tenant, Instance(work.component))
            instances.move_to_end(work.tenant)
            instance.add(work)
            for tenant, other in list(instances.items()):
                if len(instances) <= self._most:
                    break
                if other.is_idle():
                    del instances[tenant]

    def __len__(self) -> int:
        return len(self._instances)


def _known(action: object) -> None:
    if action not in get_args(Action):
        raise InvalidArgument(f"unknown action {shown(action)}; the actions are {', '.join(get_args(Action))}")
