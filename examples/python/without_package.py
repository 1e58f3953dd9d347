"""Dismisses the risk of users with wasmtime-py alone. With the package entra-risk, it takes ten
lines: see dismiss.py.

Usage: without_package.py COMPONENT USER-ID...

The token is read from GRAPH_TOKEN. If GRAPH_ENDPOINT is set, requests go there instead of to
Microsoft Graph.
"""

import os
import sys
from collections.abc import Iterator
from typing import Any

from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Func, Linker, Record, Variant


class Options(Record):
    """The record `options`. A field that is not given is None, which is the default of the
    contract."""

    FIELDS = (
        "tenant", "cloud", "endpoint", "audience", "api-version", "ids-per-request", "max-in-flight", "max-attempts",
        "attempt-timeout-ms", "deadline-ms", "patience-ms", "isolate-refused", "rate-limit",
    )

    def __init__(self, **given: Any) -> None:
        for field in self.FIELDS:
            setattr(self, field, given.get(field.replace("-", "_")))


class Credential(Record):
    """The record `credential`."""

    def __init__(self, bearer: str) -> None:
        self.bearer = bearer


def get_token(_store: Store, request: Any) -> Credential | Variant:
    """Returns a token for `request.audience`. The plugin calls it before each attempt, and after
    Microsoft Graph has rejected a token with `request.refresh` set: then a fresh one is needed,
    which this program cannot get."""
    if request.refresh:
        return Variant("denied", "the token in GRAPH_TOKEN was rejected")
    return Credential(os.environ.get("GRAPH_TOKEN", ""))


class Plugin:
    """An instance of the plugin. Keep it: what it learns about the rate limit is lost with it."""

    def __init__(self, path: str) -> None:
        engine = Engine()
        self._store = Store(engine)
        self._store.set_wasi(WasiConfig())  # Clock and random numbers. Nothing is inherited from this process.
        self._store.set_wasi_http()
        linker = Linker(engine)
        linker.add_wasip2()
        linker.add_wasi_http()
        with linker.root() as root, root.add_instance("entra:risk/credentials@0.1.0") as credentials:
            credentials.add_func("get-token", get_token)
        instance = linker.instantiate(self._store, Component.from_file(engine, path))
        calls = instance.get_export_index(self._store, "entra:risk/calls@0.1.0")

        def function(name: str) -> Func:
            index = instance.get_export_index(self._store, name, calls)
            found = index and instance.get_func(self._store, index)
            if not found:
                raise LookupError(f"{path} has no function {name}")
            return found

        self._start = function("[static]call.start")
        self._next = function("[method]call.next")

    def events(self, action: str, ids: list[str], options: Options) -> Iterator[tuple[str, Any]]:
        """Starts a call, and yields the case and the payload of each `event`: the last one is
        `over`."""
        call = self._enter(self._start, action, ids, options)
        if isinstance(call, str):
            raise ValueError(call)
        try:
            tag = ""
            while tag != "over":
                event = self._enter(self._next, call, 1000)
                tag = event.tag
                yield tag, event.payload
        finally:
            call.drop(self._store)  # Nothing else frees it, not even the garbage collection.

    def _enter(self, function: Func, *arguments: Any) -> Any:
        result = function(self._store, *arguments)
        function.post_return(self._store)
        return result


def explain(error: Any) -> str:
    """Formats a record `error` for people."""
    request = f" (request-id {getattr(error.response, 'request-id')})" if error.response else ""
    return f"{error.kind}: {error.message}{request}"


def main(component: str, *user_ids: str) -> int:
    options = Options(endpoint=os.environ.get("GRAPH_ENDPOINT"))
    for tag, payload in Plugin(component).events("dismiss-risky-users", list(user_ids), options):
        if tag == "ended":  # These ids have their outcome: a list of records `batch`.
            for batch in payload:
                reason = f" ({explain(batch.error)})" if batch.error else f": {len(batch.ids)}"
                print(f"{batch.outcome}{reason}: {', '.join(batch.ids)}")
        elif tag == "waiting":  # A record `progress`.
            print(f"waiting, {payload.left} ids remain")
        elif payload is not None:  # The last event: why not every id was accepted.
            print(f"cause: {explain(payload)}")
            return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
