"""A list that is being read. The driver of its instance works on it while its caller waits for a
page."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any, Union

from wasmtime.component import ResourceAny

from ._entry import Collection, Entry, ListError
from ._errors import InvalidArgument
from ._events import entries_from, error_from, explained
from ._forwarder import forwarder_to
from ._options import QueryRecord, address_of, in_python
from ._reader import Reader
from ._token import Tokens

Page = Union[list[Entry], None]
"""What the caller is told. None: the list ends, and nothing follows."""


class Reading:
    """A query, for its caller and for the driver of its instance. `push` takes each `Page`; it is
    called in the thread of the driver, and must return immediately."""

    component = Reader

    def __init__(
        self,
        collection: Collection,
        filter: str | None,
        options: QueryRecord,
        tokens: Tokens,
        push: Callable[[Page], None],
    ) -> None:
        self.tenant: str | None = getattr(options, "tenant")
        self.over = threading.Event()
        """Set when the list ends."""
        self.raised: BaseException | None = None
        """What ended the list, unless it is complete."""
        self._collection = collection
        self._filter = filter
        self._options = options
        self._tokens = tokens
        self._push = push
        self._wanted = threading.Event()
        self._stopped = False
        self._query: ResourceAny | None = None

    # What follows is for the caller, in any thread.

    def want(self) -> None:
        """Asks for a page. Nothing is sent unless one is wanted."""
        self._wanted.set()

    def stop(self, _grace: float = 0) -> None:
        """Ends the list: nobody wants more of it."""
        self._stopped = True
        self._wanted.set()

    def end_if_late(self) -> None:
        """Does nothing: whoever stops a list does not wait for it."""

    def forked(self) -> None:
        """Does nothing: there is no lock that a thread of the parent may have held."""

    # What follows is for the driver, in its thread.

    def step(self, reader: Reader, wait_ms: int) -> bool:
        """Works on the list, for `wait_ms` unless a page arrives. Returns whether nothing remains
        to be done."""
        if not self._wanted.wait(wait_ms / 1000):
            return False
        if self._query is None and not self._stopped and not self._begin(reader):
            return True
        if self._query is None or self._stopped:
            self._end(reader, None)
            return True
        event = reader.next(self._query, wait_ms)
        unsent = self._tokens.route.errors
        if event.tag == "over":
            error = explained(error_from(event.payload, unsent), self._collection)
            self._end(reader, self._tokens.raised or (None if error is None else ListError(error)))
            return True
        if event.tag == "page":
            self._wanted.clear()
            self._push(entries_from(event.payload))
        return False

    @property
    def has_begun(self) -> bool:
        """Whether the query is in the reader."""
        return self._query is not None

    def get_token(self, request: Any) -> Any:
        """The import `get-token`, while `step` runs."""
        return self._tokens.get(request, lambda: self._stopped)

    def trapped(self, error: BaseException) -> None:
        """Ends the list: `error` has ended its instance."""
        self._query = None
        self._end(None, error)

    def _begin(self, reader: Reader) -> bool:
        # The reader sends to the forwarder, so it checks the caller's endpoint in a query of its own.
        checked = reader.start(self._collection, self._filter, self._options)
        if isinstance(checked, str):
            self._end(reader, InvalidArgument(in_python(checked)))
            return False
        reader.drop(checked)
        try:
            forwarder = forwarder_to(address_of(self._options))
        except ValueError as error:
            self._end(reader, InvalidArgument(str(error)))
            return False
        self._tokens.route = forwarder.open_route(self._collection)
        options = copy.copy(self._options)
        setattr(options, "endpoint", forwarder.address)
        query = reader.start(self._collection, self._filter, options)
        assert not isinstance(query, str), query
        self._query = query
        return True

    def _end(self, reader: Reader | None, raised: BaseException | None) -> None:
        if self._query is not None and reader is not None:
            reader.drop(self._query)
            self._query = None
        self.raised = raised
        self._tokens.close()
        self.over.set()
        self._push(None)
