"""The model of Microsoft Graph as a server, and what it recorded."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from entra_risk import RateLimit

PRESENT = "8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11"
ABSENT = "c3a1f9d2-0b57-4d8e-9c44-5b7f1e2a6d30"
# Nothing that the package prints, logs or raises may contain it.
CANARY = "canary-b7c1d09e5f3a4c62"
# Tests do not wait for the documented limit.
FAST = RateLimit(requests=100, window=1)


def some_ids(count: int, first: int = 1) -> list[str]:
    return [str(uuid.UUID(int=number)) for number in range(first, first + count)]


class Model:
    """Serves the model while the `with` block runs."""

    def __init__(self, *arguments: str) -> None:
        program = os.environ.get("GRAPH_MODEL", str(Path(__file__).parents[3] / "target/debug/graph-model"))
        self._folder = tempfile.TemporaryDirectory()
        self._record = Path(self._folder.name, "record.jsonl")
        self._output = Path(self._folder.name, "output")
        defaults = ["--latency-ms", "5", "--limit", "200", "--for", "120", "--record", str(self._record)]
        # The last of two equal options must win, and clap refuses repetition.
        given = set(arguments)
        pairs = [defaults[at : at + 2] for at in range(0, len(defaults), 2)]
        command = [program, *(word for pair in pairs if pair[0] not in given for word in pair), *arguments]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output)

    def __enter__(self) -> Model:
        while not (text := self._output.read_text()).endswith("\n"):
            assert self._process.poll() is None, "graph-model ended"
            time.sleep(0.01)
        self.endpoint = text.splitlines()[0]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def arrivals(self) -> list[Any]:
        """A dictionary for each request: `at`, `status`, `applied`, `ids`."""
        lines = self._record.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def statuses(self) -> list[int]:
        return [arrival["status"] for arrival in self.arrivals()]

    def paths(self) -> list[str]:
        """The path of each request."""
        return [line.split()[-1] for line in self._output.read_text().splitlines()[1:]]

    def applied(self) -> set[str]:
        """The ids to which an action was applied."""
        return {id for arrival in self.arrivals() if arrival["applied"] for id in arrival["ids"]}
