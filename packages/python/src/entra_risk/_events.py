"""Converts what the plugin returns. Texts become printable here, so that anybody can print them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from ._entry import Entry
from ._graph import delegated, of_application
from ._printable import printable
from ._report import Batch, Error, ErrorKind, Outcome, Receipt, Response


def batches_from(values: list[Any], unsent: Mapping[str, Error]) -> list[Batch]:
    """Converts a `list<batch>`. `unsent`: see `error_from`."""
    return [
        Batch(
            tuple(value.ids),
            value.attempts,
            _known(value.outcome, Outcome),
            None if value.receipt is None else Receipt(**_fields(value.receipt)),
            error_from(value.error, unsent),
        )
        for value in values
    ]


def error_from(value: Any, unsent: Mapping[str, Error]) -> Error | None:
    """Converts an `option<error>`. `unsent` has the error of each request that the forwarder could
    not send, by its `client-request-id`: it takes the place of the one that the plugin saw."""
    if value is None:
        return None
    response = _response_from(value.response)
    if response is not None and response.client_request_id in unsent:
        return unsent[response.client_request_id]
    return Error(_known(value.kind, ErrorKind), printable(value.message), response)


def explained(error: Error | None, name: str) -> Error | None:
    """Says in the error of a 403 which permission an action needs, or the list of a collection."""
    if error is None or error.kind != "forbidden":
        return error
    person, application = (" and ".join(permissions(name)) for permissions in (delegated, of_application))
    either = person if person == application else f"{person}, or {application} as an application"
    return replace(error, message=f"{error.message} {name} needs {either}: `check` says what the token has")


def entries_from(values: list[Any]) -> list[Entry]:
    """Converts a `list<entry>`."""
    return [Entry(**_fields(value)) for value in values]


def seconds_from(milliseconds: int | None) -> float | None:
    """Converts an optional number of milliseconds."""
    return None if milliseconds is None else milliseconds / 1000


def _response_from(value: Any) -> Response | None:
    if value is None:
        return None
    fields = _fields(value)
    return Response(retry_after=seconds_from(fields.pop("retry_after_ms")), **fields)


def _fields(record: Any) -> dict[str, Any]:
    return {
        name.replace("-", "_"): printable(value) if isinstance(value, str) else value
        for name, value in vars(record).items()
    }


def _known(case: str, cases: Any) -> Any:
    """Checks that the types of the package contain every case of the contract."""
    if case not in get_args(cases):
        raise AssertionError(f"entra-risk.wasm returned the case {case!r}, which is not part of the contract")
    return case
