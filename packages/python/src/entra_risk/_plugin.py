"""The plugin in wasmtime. It is compiled once in a process; each instance offers the interface
`calls`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Func, Linker, ResourceAny

from ._options import OptionsRecord

_compiled: tuple[Engine, Component] | None = None
_used_in_process: int | None = None
_compiling = threading.Lock()


class Plugin:
    """An instance of the plugin. One thread enters it at a time, and none while another one is
    inside.

    `get_token` is its import. It must not raise, and must not refer to this object: wasmtime-py
    keeps imports in a global table, and would never free it."""

    def __init__(self, get_token: Callable[[Any, Any], Any]) -> None:
        engine, component = _compile()
        self._store = store = Store(engine)
        store.set_wasi(WasiConfig())  # Clock and random numbers. Nothing is inherited from this process.
        store.set_wasi_http()
        linker = Linker(engine)
        linker.add_wasip2()
        linker.add_wasi_http()
        with linker.root() as root, root.add_instance("entra:risk/credentials@0.1.0") as credentials:
            credentials.add_func("get-token", get_token)
        instance = linker.instantiate(store, component)
        calls = instance.get_export_index(store, "entra:risk/calls@0.1.0")

        def function(name: str) -> Func:
            index = instance.get_export_index(store, name, calls)
            found = None if index is None else instance.get_func(store, index)
            assert found is not None, f"entra-risk.wasm exports no {name}"
            return found

        self._start = function("[static]call.start")
        self._next = function("[method]call.next")
        self._stop = function("[method]call.stop")

    def start(self, action: str, ids: list[str], options: OptionsRecord) -> ResourceAny | str:
        """Starts a call. A str is the text of an invalid argument."""
        started: ResourceAny | str = self._enter(self._start, action, ids, options)
        return started

    def next(self, call: ResourceAny, wait_ms: int) -> Any:
        """Works on a call, and returns a variant `event`."""
        return self._enter(self._next, call, wait_ms)

    def stop(self, call: ResourceAny, grace_ms: int) -> None:
        """Ends a call: `next` reports the outcomes."""
        self._enter(self._stop, call, grace_ms)

    def drop(self, call: ResourceAny) -> None:
        """Frees a call. Nothing else frees it, not even garbage collection."""
        call.drop(self._store)
        call.close()

    def _enter(self, function: Func, *arguments: Any) -> Any:
        result = function(self._store, *arguments)
        function.post_return(self._store)
        return result


def was_forked() -> bool:
    """Whether this process was forked from one that had used the plugin."""
    return _used_in_process not in (None, os.getpid())


def refuse_fork() -> None:
    """Raises RuntimeError in a process that was forked after the plugin had been used."""
    # A fork copies wasmtime's state but not the threads that serve it: the call would never return.
    if was_forked():
        raise RuntimeError(
            "this process was forked from one that had performed an action, and cannot perform any: start it with the"
            " method spawn or forkserver of multiprocessing, or fork before the first action"
        )


def _compile() -> tuple[Engine, Component]:
    global _compiled, _used_in_process
    # Before the lock: a fork while another thread compiles would copy it locked.
    _used_in_process = os.getpid()
    with _compiling:
        if _compiled is None:
            engine = Engine()
            binary = files(__package__).joinpath("entra-risk.wasm").read_bytes()
            _compiled = engine, Component(engine, binary)
        return _compiled
