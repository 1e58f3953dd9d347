"""Services that do not behave, in a process of their own: their threads and sockets are not those
of the test. `python -m tests.stubs KIND` prints the address, and serves until it is killed."""

from __future__ import annotations

import itertools
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

KINDS = ("silent", "endless", "flood", "reset")


class Stub:
    """Serves a kind of misbehavior while the `with` block runs."""

    def __init__(self, kind: str) -> None:
        command = [sys.executable, "-m", "tests.stubs", kind]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])

    def __enter__(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def silent(connection: socket.socket) -> None:
    """Never responds, and waits until the client closes the connection."""
    while connection.recv(65_536):
        pass


def endless(connection: socket.socket) -> None:
    """Sends a response whose body never ends."""
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10\r\n0123456789abcdef\r\n" * 100)
        time.sleep(0.005)


def flood(connection: socket.socket) -> None:
    """Announces a response, and never sends it."""
    connection.recv(65_536)
    while True:
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n" * 100)


def reset(connection: socket.socket) -> None:
    """Resets the connection: alternately immediately, and in the middle of a response."""
    if next(_connections) % 2:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 1000\r\n\r\n{")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


_connections = itertools.count()
_behaviors: dict[str, Callable[[socket.socket], None]] = {
    "silent": silent, "endless": endless, "flood": flood, "reset": reset
}


def serve(behavior: Callable[[socket.socket], None]) -> None:
    def run(connection: socket.socket) -> None:
        try:
            behavior(connection)
        except OSError:
            pass  # The client is gone.
        finally:
            connection.close()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=run, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    serve(_behaviors[sys.argv[1]])
