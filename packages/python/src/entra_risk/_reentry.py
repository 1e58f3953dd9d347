"""Refuses a call that would wait for itself: one that is made while its instance of the plugin
waits for whoever makes it, such as by the credential that is asked for the token."""

from __future__ import annotations

from contextvars import Context, ContextVar


class _Wait:
    """Instances wait for what runs in a context, until the `with` block ends."""

    # Not `contextlib.contextmanager`, which changes the exceptions that pass.

    def __init__(self, *instances: object) -> None:
        self.instances = instances

    def __enter__(self) -> _Wait:
        return self

    def __exit__(self, *_: object) -> None:
        # Code that runs in a copy of the context may go on.
        self.instances = ()


_waits: ContextVar[tuple[_Wait, ...]] = ContextVar("entra_risk_waits", default=())


def waits_for_this_thread(instance: object) -> _Wait:
    """For a `with` block: `instance` waits for what runs in this thread."""
    return _added(_Wait(instance))


def waits_for(context: Context) -> _Wait:
    """For a `with` block: what waits for this thread waits for what runs in `context` too."""
    return context.run(_added, _Wait(*(instance for wait in _waits.get() for instance in wait.instances)))


def refuse_reentry(instance: object) -> None:
    """Raises RuntimeError if `instance` waits for the caller."""
    if any(instance in wait.instances for wait in _waits.get()):
        raise RuntimeError(
            "a credential or a handler of the log performed an action for the tenant whose call waits for it, and would"
            " wait for itself: use another EntraRisk or AsyncEntraRisk there"
        )


def _added(wait: _Wait) -> _Wait:
    _waits.set((*_waits.get(), wait))
    return wait
