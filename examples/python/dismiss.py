"""Dismisses the risk of users from Python.

Usage: dismiss.py COMPONENT USER-ID...

The token is in GRAPH_TOKEN. GRAPH_ENDPOINT, if it is set, is where the requests go instead of Microsoft Graph.
"""

import os
import sys

from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Linker, Record


class Options(Record):
    """The record `options`. What is not given is None, and has the default that the contract says."""

    FIELDS = (
        "cloud", "endpoint", "api-version", "ids-per-request", "max-in-flight", "max-attempts",
        "attempt-timeout-ms", "deadline-ms", "pace",
    )

    def __init__(self, **given):
        for field in self.FIELDS:
            setattr(self, field, given.get(field.replace("-", "_")))


def get_token(_store, request):
    """The plugin asks for a token before each attempt: for `request.audience`, and a fresh one if `request.refresh`.

    A str is `bearer`, None is `attached-by-host`. wasmtime-py 50 takes everything else for the latter too, and so cannot
    give a `token-error`: an empty str makes the plugin say `no-token`.
    """
    return "" if request.refresh else os.environ.get("GRAPH_TOKEN", "")


def load(path):
    """Gives the plugin's functions: a call of `name` is `load(path)(name, ...)`."""
    engine = Engine()
    store = Store(engine)
    store.set_wasi(WasiConfig())  # The clock and the random numbers. Nothing is inherited from this process.
    store.set_wasi_http()
    linker = Linker(engine)
    linker.add_wasip2()
    linker.add_wasi_http()
    with linker.root() as root, root.add_instance("entra:risk/credentials@0.1.0") as credentials:
        credentials.add_func("get-token", get_token)
    instance = linker.instantiate(store, Component.from_file(engine, path))
    actions = instance.get_export_index(store, "entra:risk/actions@0.1.0")

    def call(name, *arguments):
        function = instance.get_func(store, instance.get_export_index(store, name, actions))
        result = function(store, *arguments)
        function.post_return(store)
        return result

    return call


def explain(error):
    """An error is a Variant: its tag says what to do, its payload is a str, a record `graph-error`, or None."""
    answer = error.payload
    if answer is None or isinstance(answer, str):
        return f"{error.tag}: {answer}" if answer else error.tag
    return f"{error.tag}: {answer.status} {answer.code}: {answer.message} (request-id {getattr(answer, 'request-id')})"


def main(component, *user_ids):
    call = load(component)
    # One id a request, so that an id that is refused takes no other with it.
    options = Options(endpoint=os.environ.get("GRAPH_ENDPOINT"), ids_per_request=1)
    result = call("dismiss-risky-users", list(user_ids), options)
    if isinstance(result, list):  # The receipts: every id was accepted.
        print(f"accepted: {sum(len(receipt.ids) for receipt in result)}")
        return 0
    for batch in result.batches:  # A failure accounts for every id.
        outcome = batch.outcome
        why = "" if outcome.tag == "accepted" else f" ({explain(outcome.payload)})"
        print(f"{outcome.tag}{why}: {', '.join(batch.ids)}")
    print(f"cause: {explain(result.cause)}")
    return 1


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
