"""A process in the background, which never outlives the test that started it, and its output in a file."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_START_SECONDS = 30
_STOP_SECONDS = 10


class Process:
    """Runs from its construction until `stop`, or until this process ends."""

    def __init__(self, output: Path, command: list[str], environment: Mapping[str, str], user: int | None = None) -> None:
        self._output = output
        ids = [] if user is None else [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        # Linux: a test that is killed cannot stop anything.
        command = ["setpriv", "--pdeathsig", "KILL", *ids, *command]
        with output.open("wb") as file:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, env=environment
            )

    def wait_until(self, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + _START_SECONDS
        while not ready():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self._process.args!r} did not start:\n{self.output()}")
            time.sleep(0.05)

    def output(self) -> str:
        return self._output.read_text()

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def exit_code(self, seconds: float) -> int:
        """Waits until it ends by itself."""
        return self._process.wait(seconds)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def accepts_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
