"""The command `entra-risk`: its component in wasmtime, with the folders, the credential and the
network that the arguments ask for."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
import threading
from typing import Any, NoReturn

from wasmtime import ExitTrap, WasiConfig
from wasmtime.component import Record, Variant

from ._command_credential import CommandCredential
from ._component import GetToken, Instantiated
from ._credential import Secret
from ._folders import Folder, arguments_for_component, folders_of
from ._forwarder import forwarder_to
from ._lock import Lock, Locked
from ._options import canonical
from ._printable import printable
from ._route import Route
from ._token import Tokens

_TICK = 0.25
"""Seconds between two checks. On Windows, a wait without a time limit does not notice Ctrl-C."""
_FAILED = 1
_USAGE = 2
_INTERRUPTED = 130
_GUID = re.compile(b"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Run:
    """A run of the command. It has a thread of its own: Ctrl-C raises an exception in the main
    thread, which wasmtime-py would discard."""

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments
        self._needs: dict[str, Any] | None = None
        self.code = _FAILED

    def __call__(self) -> None:
        """Runs, and sets the exit code."""
        try:
            self.code = self._run()
        except Exception as error:
            _say(f"{type(error).__name__}: {error}: this is a mistake in entra-risk, please report it")

    def _run(self) -> int:
        output = bytearray()
        code = _enter(["--needs", *self._arguments], [], _no_token, output=output)
        if code != 0:
            return code
        self._needs = needs = json.loads(output)
        remaining = needs["remaining"]
        try:
            folders = folders_of(needs["files"])
            with contextlib.ExitStack() as stack:
                try:
                    if remaining:
                        stack.enter_context(Lock(remaining))
                except Locked:
                    return _wrong(f"{remaining}: another run is at work on it")
                except OSError as error:
                    return _wrong(f"{remaining}: cannot be locked: {error.strerror}")
                return _perform(arguments_for_component(self._arguments, needs["files"]), folders, needs)
        except ValueError as error:
            return _wrong(str(error))

    def left(self) -> str:
        """Says what an interruption leaves."""
        needs = self._needs
        if needs is None or not needs["credential"] or needs["check"] or needs["action"] is None:
            return "nothing was changed"
        path = needs["remaining"]
        if path is None:
            return "without --remaining, there is no list of what is left; repeating the whole command is safe"
        try:
            with open(path, "rb") as file:
                ids = len(_GUID.findall(file.read()))
        except OSError:
            return "nothing was sent"
        return f"{ids} ids are left in {path}; the same command continues with them"


def main() -> NoReturn:
    """Runs the command line of this process, and exits."""
    # What fails is said once, by the component.
    logging.getLogger().addHandler(logging.NullHandler())
    run = Run(sys.argv[1:])
    thread = threading.Thread(target=run, name="entra-risk", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_TICK)
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            sys.stderr.write("\n")  # After the line of the progress.
        _say(f"interrupted: {run.left()}")
        # Like a kill: the files of a run are whole at every moment.
        os._exit(_INTERRUPTED)
    sys.exit(run.code)


def _perform(arguments: list[str], folders: list[Folder], needs: dict[str, Any]) -> int:
    if not needs["credential"]:
        return _enter(arguments, folders, _no_token)
    forwarder = forwarder_to(canonical(needs["endpoint"]))
    tokens = Tokens(CommandCredential(needs, _say), tuple(needs["scopes"]))
    if needs["check"]:
        tokens.route = _Shown(forwarder.upstream, {}, ())
    else:
        tokens.route = forwarder.open_route(*(name for name in (needs["action"], needs["collection"]) if name))
    return _enter(arguments, folders, lambda _, request: tokens.get(request, bool), forwarder=forwarder.address)


class _Shown(Route):
    """Lets the component see the token. It sends nothing."""

    def placeholder(self, token: Secret) -> str:
        return str(token.value)


def _enter(
    arguments: list[str],
    folders: list[Folder],
    get_token: GetToken,
    *,
    forwarder: str | None = None,
    output: bytearray | None = None,
) -> int:
    """Runs the component, and returns its exit code."""
    wasi = WasiConfig()
    try:
        wasi.argv = ["entra-risk", *arguments]
    except UnicodeEncodeError:
        raise ValueError("the arguments are not UTF-8") from None
    wasi.env = [("ENTRA_RISK_PACKAGE", "python")] + ([("ENTRA_RISK_FORWARDER", forwarder)] if forwarder else [])
    wasi.inherit_stdin()
    wasi.inherit_stderr()
    if output is None:
        wasi.inherit_stdout()
    else:
        wasi.stdout_custom = output.extend
    for folder in folders:
        wasi.preopen_dir(folder.path, folder.name, folder.is_writable)
    component = Instantiated("entra-risk-command.wasm", wasi, get_token)
    try:
        result = component.enter(component.function("wasi:cli/run@0.2.2", "run"))
    except ExitTrap as exit:
        return exit.code
    return 0 if result.tag == "ok" else _FAILED


def _no_token(_store: Any, _request: Any) -> Record | Variant:
    return Variant("denied", "--needs did not ask for a token")


def _wrong(message: str) -> int:
    _say(message)
    print("See entra-risk --help.", file=sys.stderr, flush=True)
    return _USAGE


def _say(line: str) -> None:
    print(f"entra-risk: {printable(line)}", file=sys.stderr, flush=True)
