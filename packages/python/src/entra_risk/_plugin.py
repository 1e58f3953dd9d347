"""The plugin in wasmtime: compiled once in a process, with an instance for each tenant."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Linker

from ._errors import EntraRiskError
from ._options import OptionsRecord

GetToken = Callable[[Any], str]
"""From a record `token-request` to a token; an empty str means that there is none. It must not raise: wasmtime-py would end
the instance, and with it what is known about the ids."""

_compiled: tuple[Engine, Component] | None = None
_compiled_in_process: int | None = None
_compiling = threading.Lock()


class Instance:
    """An instance of the plugin, and so one rate-limit state. Threads use it one after another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._import = _GetTokenImport()
        self._call: Callable[..., Any] | None = None

    def call(self, action: str, ids: list[str], options: OptionsRecord, get_token: GetToken, stopped: threading.Event) -> Any:
        """Performs an action, and returns its result as wasmtime-py converts it. None if `stopped` was set before it began."""
        _refuse_fork()
        while not self._lock.acquire(timeout=0.1):
            if stopped.is_set():
                return None
        try:
            if stopped.is_set():
                return None
            if self._call is None:
                self._call = _instantiate(self._import)
            self._import.get_token = get_token
            try:
                return self._call(action, ids, options)
            except BaseException:
                # wasmtime enters no instance that trapped: the next call needs a new one.
                self._call = None
                raise
        finally:
            self._import.get_token = None
            self._lock.release()


class _GetTokenImport:
    """The import `get-token`: passes requests on to the call in progress. It does not refer to the instance, because
    wasmtime-py keeps imports in a global table, and such an instance would never be freed."""

    get_token: GetToken | None = None

    def __call__(self, _store: Any, request: Any) -> str:
        return "" if self.get_token is None else self.get_token(request)


def _instantiate(get_token: _GetTokenImport) -> Callable[..., Any]:
    engine, component = _compile()
    store = Store(engine)
    store.set_wasi(WasiConfig())  # Clock and random numbers. Nothing is inherited from this process.
    store.set_wasi_http()
    linker = Linker(engine)
    linker.add_wasip2()
    linker.add_wasi_http()
    with linker.root() as root, root.add_instance("entra:risk/credentials@0.1.0") as credentials:
        credentials.add_func("get-token", get_token)
    instance = linker.instantiate(store, component)
    actions = instance.get_export_index(store, "entra:risk/actions@0.1.0")

    def call(action: str, *arguments: Any) -> Any:
        index = instance.get_export_index(store, action, actions)
        function = None if index is None else instance.get_func(store, index)
        assert function is not None, f"entra-risk.wasm exports no {action}"
        result = function(store, *arguments)
        function.post_return(store)
        return result

    return call


def _refuse_fork() -> None:
    # A fork copies wasmtime's state but not the threads that serve it: the call would never return.
    if _compiled_in_process not in (None, os.getpid()):
        raise EntraRiskError(
            "this process was forked from one that had performed an action, and cannot perform any: start it with the"
            " method spawn or forkserver of multiprocessing, or fork before the first action"
        )


def _compile() -> tuple[Engine, Component]:
    global _compiled, _compiled_in_process
    with _compiling:
        if _compiled is None:
            engine = Engine()
            binary = files(__package__).joinpath("entra-risk.wasm").read_bytes()
            _compiled = engine, Component(engine, binary)
            _compiled_in_process = os.getpid()
        return _compiled
