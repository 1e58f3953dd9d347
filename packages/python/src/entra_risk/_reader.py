"""The reader in wasmtime: the interface `queries`."""

from __future__ import annotations

from typing import Any

from wasmtime import WasiConfig
from wasmtime.component import Record, ResourceAny

from ._component import GetToken, Instantiated


class Reader:
    """An instance of the reader. One thread enters it at a time, and none while another one is
    inside."""

    def __init__(self, get_token: GetToken) -> None:
        # Clock and random numbers. Nothing is inherited from this process.
        self._instance = Instantiated("entra-risk-reader.wasm", WasiConfig(), get_token)
        self._start = self._instance.function("entra:risk/queries@0.1.0", "[static]query.start")
        self._next = self._instance.function("entra:risk/queries@0.1.0", "[method]query.next")

    def start(self, collection: str, filter: str | None, options: Record) -> ResourceAny | str:
        """Starts a query. A str is the text of an invalid argument."""
        started: ResourceAny | str = self._instance.enter(self._start, collection, filter, options)
        return started

    def next(self, query: ResourceAny, wait_ms: int) -> Any:
        """Works on a query, and returns a variant `event`."""
        return self._instance.enter(self._next, query, wait_ms)

    def drop(self, query: ResourceAny) -> None:
        """Frees a query. Nothing else frees it, not even garbage collection."""
        query.drop(self._instance.store)
        query.close()
