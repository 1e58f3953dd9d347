"""This plugin from Python: one call with all ids. The second argument is its file."""

import os
import sys

from result import Result, ids
from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Linker, Record


class Options(Record):
    """The record `options`. A field that is not given is None: it has the default of the contract."""

    FIELDS = (
        "tenant", "cloud", "endpoint", "audience", "api-version", "ids-per-request", "max-in-flight", "max-attempts",
        "attempt-timeout-ms", "deadline-ms", "patience-ms", "isolate-refused", "rate-limit",
    )

    def __init__(self, **given):
        for field in self.FIELDS:
            setattr(self, field, given.get(field.replace("-", "_")))


class Tokens:
    """Caches its token, and returns a fresh one if the plugin asks for it."""

    def __init__(self):
        self.number = 1

    def get_token(self, _store, request):
        if request.refresh:
            self.number += 1
        return f"token-{self.number}"


def load(path):
    """Loads the plugin and returns its function `dismiss-risky-users`."""
    engine = Engine()
    store = Store(engine)
    store.set_wasi(WasiConfig())
    store.set_wasi_http()
    linker = Linker(engine)
    linker.add_wasip2()
    linker.add_wasi_http()
    with linker.root() as root, root.add_instance("entra:risk/credentials@0.1.0") as credentials:
        credentials.add_func("get-token", Tokens().get_token)
    instance = linker.instantiate(store, Component.from_file(engine, path))
    actions = instance.get_export_index(store, "entra:risk/actions@0.1.0")
    function = instance.get_func(store, instance.get_export_index(store, "dismiss-risky-users", actions))
    return lambda *arguments: function(store, *arguments)


def status(outcome):
    """The status of the last request with these ids; for an unknown outcome "unknown"."""
    if outcome.tag == "accepted":
        return 204
    if outcome.tag == "unknown":
        return "unknown"
    return getattr(outcome.payload.payload, "status", outcome.payload.tag)


dismiss, result = load(sys.argv[2]), Result()
returned = dismiss(ids(), Options(endpoint=os.environ["GRAPH_ENDPOINT"]))
for batch in returned if isinstance(returned, list) else returned.batches:
    result.add(status(batch.outcome), batch.ids)
result.print()
