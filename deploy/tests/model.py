"""The model of Microsoft Graph as a server, and requests to a gateway in front of it."""

import json
import ssl
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

from process import Process

ROOT = Path(__file__).resolve().parents[2]
PRESENT = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11"
ABSENT = "c3a1f9d2-0b57-4d8e-9c44-5b7f1e2a6d30"
KEY = "key-of-the-example-9f27"
TOKEN = "canary-b7c1d09e5f3a4c62"
# What a component reads of the environment.
SECRETS = {"GATEWAY_KEY": KEY, "GRAPH_TOKEN": TOKEN}
_LIMIT_SECONDS = 1


class Model:
    """A model that accepts only TOKEN, and the documented rate."""

    def __init__(self, folder: Path, name: str, latency_ms: int = 20) -> None:
        self._record = folder / f"{name}.jsonl"
        command = [str(ROOT / "target/debug/graph-model"), "--token", TOKEN, "--absent", ABSENT]
        command += ["--latency-ms", str(latency_ms), "--record", str(self._record), "--for", "600"]
        self._process = Process(folder / name, command, {})
        self._process.wait_until(lambda: self._process.output().endswith("\n"))
        self.endpoint = self._process.output().splitlines()[0]
        self._seen = 0

    def arrivals(self) -> list[Any]:
        """The requests since the last call: a dictionary for each, with `status`, `applied` and `ids`."""
        arrivals = [json.loads(line) for line in self._record.read_text().splitlines()]
        new = arrivals[self._seen :]
        self._seen = len(arrivals)
        return new

    def rest(self) -> None:
        """Waits until the limit is free: an instance does not know what another has sent."""
        time.sleep(_LIMIT_SECONDS * 1.1)

    def stop(self) -> None:
        self._process.stop()


class Gateway:
    """A gateway at a port of loopback. `host` is the name by which a host selects the workload, `tls` whom to trust."""

    def __init__(self, port: int, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self._port = port
        self._host = host
        self._tls = tls

    def dismiss(self, ids: list[str]) -> tuple[int, Any]:
        """Dismisses the risk of users: the status and the report."""
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        body = json.dumps({"userIds": ids})
        status, content = self._send("POST", "/identityProtection/riskyUsers/dismiss", body, headers)
        return status, json.loads(content) if content else None

    @contextmanager
    def stream(self, ids: list[str]) -> Iterator[Iterator[Any]]:
        """Dismisses the risk of users: the lines about it as they arrive. Leaving the block hangs up."""
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json", "accept": "application/x-ndjson"}
        body = json.dumps({"userIds": ids})
        with closing(self._connection()) as connection:
            connection.request("POST", "/identityProtection/riskyUsers/dismiss", body, {"host": self._host, **headers})
            yield map(json.loads, connection.getresponse())

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz") == 200
        except OSError:
            return False

    def get(self, path: str) -> int:
        """The status of a request without a key."""
        return self._send("GET", path)[0]

    def _send(self, method: str, path: str, body: str | None = None, headers: dict[str, str] = {}) -> tuple[int, bytes]:
        with closing(self._connection()) as connection:
            connection.request(method, path, body, {"host": self._host, **headers})
            response = connection.getresponse()
            return response.status, response.read()

    def _connection(self) -> HTTPConnection:
        if self._tls:
            return HTTPSConnection("localhost", self._port, timeout=60, context=self._tls)
        return HTTPConnection("127.0.0.1", self._port, timeout=60)


def some_ids(count: int, first: int = 1) -> list[str]:
    return [str(uuid.UUID(int=number)) for number in range(first, first + count)]
