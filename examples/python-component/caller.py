"""Dismisses the risk of users: a caller component in Python.

The arguments are the ids of the users. If GRAPH_ENDPOINT is set, requests go there instead of to
Microsoft Graph. componentize-py generates `wit_world` from the world in `../caller.wit`.
"""

from typing import Any

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import actions, calls, environment


class Run(exports.Run):
    def run(self) -> None:
        # Not sys.argv and os.environ, which are those of the build.
        endpoint = dict(environment.get_environment()).get("GRAPH_ENDPOINT")
        ids = environment.get_arguments()[1:]
        defaults: dict[str, Any] = dict.fromkeys(actions.Options.__annotations__)
        options = actions.Options(**{**defaults, "endpoint": endpoint})
        try:
            # The block drops the call, which garbage collection may never do.
            with calls.Call.start(calls.Action.DISMISS_RISKY_USERS, ids, options) as call:
                cause = follow(call)
        except Err as err:
            print(f"invalid argument: {err.value}")
            raise Err(None) from None  # Exit code 1.
        if cause is not None:
            print(f"cause: {explain(cause)}")
            raise Err(None)


def follow(call: calls.Call) -> actions.Error | None:
    """Works on the call, and prints each outcome as soon as it is known. Returns why not every id
    was accepted."""
    while True:
        match call.next(1000):
            case calls.Event_Ended(batches):
                for batch in batches:
                    show(batch)
            case calls.Event_Waiting(progress):
                reason = f": {explain(progress.error)}" if progress.error else ""
                print(f"waiting, {progress.left} ids remain{reason}")
            case calls.Event_Over(cause):
                return cause


def show(batch: actions.Batch) -> None:
    """Prints the outcome of ids, as what to do with them next."""
    words = {
        actions.Outcome.ACCEPTED: "accepted",
        actions.Outcome.REFUSED: "refused",  # Sending these again is pointless.
        actions.Outcome.NOT_APPLIED: "send again",
        actions.Outcome.UNKNOWN: "send again",  # They may have been applied; it is safe.
    }
    reason = f" ({explain(batch.error)})" if batch.error else ""
    print(f"{words[batch.outcome]}: {' '.join(batch.ids)}{reason}")


def explain(error: actions.Error) -> str:
    """Formats an error for people."""
    request = f" (request-id {error.response.request_id})" if error.response else ""
    return f"{error.kind.name.lower().replace('_', '-')}: {error.message}{request}"
