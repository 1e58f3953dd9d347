"""The plugin in wasmtime: the interface `calls`."""

from __future__ import annotations

from typing import Any

from wasmtime import WasiConfig
from wasmtime.component import ResourceAny

from ._component import GetToken, Instantiated
from ._options import OptionsRecord


class Plugin:
    """An instance of the plugin. One thread enters it at a time, and none while another one is
    inside."""

    def __init__(self, get_token: GetToken) -> None:
        # Clock and random numbers. Nothing is inherited from this process.
        self._instance = Instantiated("entra-risk.wasm", WasiConfig(), get_token)

        def function(name: str) -> Any:
            return self._instance.function("entra:risk/calls@0.1.0", name)

        self._start = function("[static]call.start")
        self._next = function("[method]call.next")
        self._stop = function("[method]call.stop")

    def start(self, action: str, ids: list[str], options: OptionsRecord) -> ResourceAny | str:
        """Starts a call. A str is the text of an invalid argument."""
        started: ResourceAny | str = self._instance.enter(self._start, action, ids, options)
        return started

    def next(self, call: ResourceAny, wait_ms: int) -> Any:
        """Works on a call, and returns a variant `event`."""
        return self._instance.enter(self._next, call, wait_ms)

    def stop(self, call: ResourceAny, grace_ms: int) -> None:
        """Ends a call: `next` reports the outcomes."""
        self._instance.enter(self._stop, call, grace_ms)

    def drop(self, call: ResourceAny) -> None:
        """Frees a call. Nothing else frees it, not even garbage collection."""
        call.drop(self._instance.store)
        call.close()
