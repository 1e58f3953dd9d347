"""Dismisses the risk of users: a component in Python that calls the plugin.

The arguments are the ids of the users. If GRAPH_ENDPOINT is set, requests go there instead of to Microsoft Graph.
componentize-py generates `wit_world` from the world in `../playbook.wit`.
"""

from typing import Any

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import actions, environment


class Run(exports.Run):
    def run(self) -> None:
        # sys.argv and os.environ are those of the build.
        endpoint = dict(environment.get_environment()).get("GRAPH_ENDPOINT")
        defaults: dict[str, Any] = dict.fromkeys(actions.Options.__annotations__)
        options = actions.Options(**{**defaults, "endpoint": endpoint})
        try:
            batches = actions.dismiss_risky_users(environment.get_arguments()[1:], options)
        except Err as err:
            report(err.value.batches)
            print(f"cause: {explain(err.value.cause)}")
            raise Err(None) from None  # Exit code 1.
        report(batches)


def report(batches: list[actions.Batch]) -> None:
    """Prints the outcome of every id, and the ids to send again."""
    again = []
    for batch in batches:
        ids = " ".join(batch.ids)
        match batch.outcome:
            case actions.Outcome_Accepted():
                print(f"accepted: {ids}")
            case actions.Outcome_Refused(error):  # Sending these again is pointless.
                print(f"refused: {ids} ({explain(error)})")
            case actions.Outcome_NotApplied() | actions.Outcome_Unknown():  # Sending these again is safe.
                again += batch.ids
    if again:
        print(f"send again: {' '.join(again)}")


def explain(error: actions.Error) -> str:
    """Formats an error: a case whose value is a str or a `GraphError`, or a case without a value."""
    name = type(error).__name__.removeprefix("Error_")
    detail = getattr(error, "value", None)
    if isinstance(detail, actions.GraphError):
        return f"{name}: {detail.status} {detail.code}: {detail.message} (request-id {detail.request_id})"
    return f"{name}: {detail}" if detail else name
