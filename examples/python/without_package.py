"""Dismisses the risk of users with wasmtime-py alone. The package entra-risk does this in ten lines: see dismiss.py.

Usage: without_package.py COMPONENT USER-ID...

The token is read from GRAPH_TOKEN. If GRAPH_ENDPOINT is set, requests go there instead of to Microsoft Graph.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Linker, Record


class Options(Record):
    """The record `options`. A field that is not given is None: it has the default of the contract."""

    FIELDS = (
        "tenant", "cloud", "endpoint", "audience", "api-version", "ids-per-request", "max-in-flight", "max-attempts",
        "attempt-timeout-ms", "deadline-ms", "patience-ms", "isolate-refused", "rate-limit",
    )

    def __init__(self, **given: Any) -> None:
        for field in self.FIELDS:
            setattr(self, field, given.get(field.replace("-", "_")))


def get_token(_store: Store, request: Any) -> str:
    """Returns a token for `request.audience`: a fresh one if `request.refresh`. The plugin calls it before each attempt.

    A str is `bearer`, None is `attached-by-host`. wasmtime-py 50 converts every other value to the latter, so it cannot
    return a `token-error`. An empty str has the same effect: the plugin reports `no-token`.
    """
    return "" if request.refresh else os.environ.get("GRAPH_TOKEN", "")


def load(path: str) -> Callable[..., Any]:
    """Loads the plugin. Call its function `name` with `load(path)(name, ...)`."""
    engine = Engine()
    store = Store(engine)
    store.set_wasi(WasiConfig())  # Clock and random numbers. Nothing is inherited from this process.
    store.set_wasi_http()
    linker = Linker(engine)
    linker.add_wasip2()
    linker.add_wasi_http()
    with linker.root() as root, root.add_instance("entra:risk/credentials@0.1.0") as credentials:
        credentials.add_func("get-token", get_token)
    instance = linker.instantiate(store, Component.from_file(engine, path))
    actions = instance.get_export_index(store, "entra:risk/actions@0.1.0")

    def call(name: str, *arguments: Any) -> Any:
        index = instance.get_export_index(store, name, actions)
        function = index and instance.get_func(store, index)
        if not function:
            raise LookupError(f"{path} has no function {name}")
        result = function(store, *arguments)
        function.post_return(store)
        return result

    return call


def explain(error: Any) -> str:
    """Formats an error: a Variant whose payload is a str, a record `graph-error`, or None."""
    detail = error.payload
    if detail is None or isinstance(detail, str):
        return f"{error.tag}: {detail}" if detail else error.tag
    return f"{error.tag}: {detail.status} {detail.code}: {detail.message} (request-id {getattr(detail, 'request-id')})"


def main(component: str, *user_ids: str) -> int:
    call = load(component)
    options = Options(endpoint=os.environ.get("GRAPH_ENDPOINT"))
    result = call("dismiss-risky-users", list(user_ids), options)
    if isinstance(result, list):  # Every id was accepted.
        print(f"accepted: {sum(len(batch.ids) for batch in result)}")
        return 0
    for batch in result.batches:  # A failure reports the outcome of every id.
        outcome = batch.outcome
        reason = "" if outcome.tag == "accepted" else f" ({explain(outcome.payload)})"
        print(f"{outcome.tag}{reason}: {', '.join(batch.ids)}")
    print(f"cause: {explain(result.cause)}")
    return 1


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
