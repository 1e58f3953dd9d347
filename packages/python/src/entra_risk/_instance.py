"""An instance of a component, and the thread that drives its calls.

A signal such as Ctrl-C raises its exception in the main thread, at the next Python code that runs
there. During a call that would be wasmtime-py's, between WebAssembly and `get-token`: ctypes
discards the exception, the plugin traps, and the outcomes are lost. Therefore the plugin never runs
in the thread of a caller."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Union

from wasmtime.component import Variant

from ._component import GetToken, was_forked
from ._reading import Reading
from ._reentry import refuse_reentry, waits_for_this_thread
from ._work import Work

_WAIT_MS = 100
"""How many milliseconds the plugin may wait for something to end, and so how soon a stop is
noticed."""
_LEAST_WAIT_MS = 5

_instances: weakref.WeakSet[Instance] = weakref.WeakSet()


Job = Union[Work, Reading]
"""What a thread works on: a call of the plugin, or a query of the reader."""


class Instance:
    """An instance of the plugin or of the reader, with one rate-limit state. Its calls share a
    thread, which ends when no call is open."""

    def __init__(self, component: Callable[[GetToken], Any]) -> None:
        self._import = _GetToken()
        self._component = component
        self._plugin: Any = None
        self._lock = threading.Lock()
        self._open: list[Job] = []
        self._driven = False
        # Held by the thread that may enter the plugin.
        self._entered = threading.Lock()
        _instances.add(self)

    def add(self, work: Job) -> None:
        """Works on a call until it is over."""
        refuse_reentry(self)
        with self._lock:
            self._open.append(work)
            if self._driven:
                return
            self._driven = True
        try:
            # A daemon, because `_stop_all` ends the calls when the process ends.
            threading.Thread(target=self._drive, name="entra-risk", daemon=True).start()
        except BaseException:
            self._driven = False  # The next call tries again.
            raise

    def is_idle(self) -> bool:
        """Whether no call is open."""
        with self._lock:
            return not self._open

    def stop(self) -> None:
        """Abandons all calls of this instance."""
        with self._lock:
            for work in self._open:
                work.stop(0)

    def forked(self) -> None:
        """Replaces what threads of the parent may have held when they were forked away."""
        self._lock = threading.Lock()
        for work in self._open:
            work.forked()

    def wait(self, seconds: float) -> None:
        """Waits until no call is open."""
        if self._entered.acquire(timeout=seconds):
            self._entered.release()

    def _drive(self) -> None:
        with self._entered, waits_for_this_thread(self):
            while works := self._works():
                wait_ms = max(_LEAST_WAIT_MS, _WAIT_MS // len(works))
                for work in works:
                    self._step(work, wait_ms)

    def _works(self) -> list[Job]:
        with self._lock:
            self._driven = bool(self._open)
            return list(self._open)

    def _step(self, work: Job, wait_ms: int) -> None:
        try:
            if self._plugin is None:
                self._plugin = self._component(self._import)
            self._import.work = work
            try:
                done = work.step(self._plugin, wait_ms)
            finally:
                self._import.work = None
        except BaseException as error:
            # An instance that trapped cannot be entered again, so calls that have begun are lost.
            # One that has not begun needs a new instance.
            self._plugin = None
            for other in self._works():
                if other is work or other.has_begun:
                    other.trapped(error)
                    self._remove(other)
            return
        if done:
            self._remove(work)

    def _remove(self, work: Job) -> None:
        with self._lock:
            self._open.remove(work)


class _GetToken:
    """The import `get-token`, which passes a request on to the call in progress. It does not refer
    to the instance: wasmtime-py keeps imports in a global table, so such an instance would never be
    freed."""

    work: Job | None = None

    def __call__(self, _store: Any, request: Any) -> Any:
        return Variant("denied", "no call is in progress") if self.work is None else self.work.get_token(request)


@atexit.register
def _stop_all() -> None:
    """Abandons the calls that nobody waits for any more, so that no thread is in WebAssembly when
    the process ends."""
    if was_forked():  # The threads are in the parent process.
        return
    instances = list(_instances)
    for instance in instances:
        instance.stop()
    for instance in instances:
        instance.wait(seconds=1)


def _forked() -> None:
    for instance in list(_instances):
        instance.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
