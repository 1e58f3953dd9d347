"""A component in wasmtime. Each is compiled once in a process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Func, Instance, Linker

GetToken = Callable[[Any, Any], Any]
"""The import `get-token`. It must not raise, and must not refer to what refers to the store:
wasmtime-py keeps imports in a global table, and would never free it."""

_compiled: dict[str, tuple[Engine, Component]] = {}
_used_in_process: int | None = None
_compiling = threading.Lock()


class Instantiated:
    """An instance of a component. One thread enters it at a time, and none while another one is
    inside."""

    def __init__(self, file: str, wasi: WasiConfig, get_token: GetToken) -> None:
        engine, component = _compile(file)
        self.store = store = Store(engine)
        store.set_wasi(wasi)
        store.set_wasi_http()
        linker = Linker(engine)
        linker.add_wasip2()
        linker.add_wasi_http()
        with linker.root() as root, root.add_instance("entra:risk/credentials@0.1.0") as credentials:
            credentials.add_func("get-token", get_token)
        self._file = file
        self._instance: Instance = linker.instantiate(store, component)

    def function(self, interface: str, name: str) -> Func:
        """A function that the component exports."""
        exported = self._instance.get_export_index(self.store, interface)
        index = None if exported is None else self._instance.get_export_index(self.store, name, exported)
        found = None if index is None else self._instance.get_func(self.store, index)
        assert found is not None, f"{self._file} exports no {name}"
        return found

    def enter(self, function: Func, *arguments: Any) -> Any:
        """Calls a function."""
        result = function(self.store, *arguments)
        function.post_return(self.store)
        return result


def was_forked() -> bool:
    """Whether this process was forked from one that had used a component."""
    return _used_in_process not in (None, os.getpid())


def refuse_fork() -> None:
    """Raises RuntimeError in a process that was forked after a component had been used."""
    # A fork copies wasmtime's state but not the threads that serve it: the call would never return.
    if was_forked():
        raise RuntimeError(
            "this process was forked from one that had performed an action, and cannot perform any: start it with the"
            " method spawn or forkserver of multiprocessing, or fork before the first action"
        )


def _compile(file: str) -> tuple[Engine, Component]:
    global _used_in_process
    # Before the lock: a fork while another thread compiles would copy it locked.
    _used_in_process = os.getpid()
    with _compiling:
        if file not in _compiled:
            engine = Engine()
            _compiled[file] = engine, Component(engine, files(__package__).joinpath(file).read_bytes())
        return _compiled[file]
