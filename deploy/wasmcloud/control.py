"""Starts and stops a workload on every `wash host` that is connected to a NATS server, as the operator for Kubernetes does.

Usage: control.py NATS-URL start|stop WORKLOAD

WORKLOAD is a JSON file. `${NAME}` in one of its strings is replaced by the variable NAME of the environment.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import nats
import nats.errors

# A host reports itself when it starts, and then every 15 seconds.
_HEARTBEAT_SECONDS = 20
# Pulling and compiling the components of a workload.
_START_SECONDS = 60


def read(file: Path, variables: Mapping[str, str]) -> Any:
    """The workload in a file. A variable that is not set is a KeyError."""

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return Template(value).substitute(variables)
        if isinstance(value, list):
            return [fill(item) for item in value]
        if isinstance(value, dict):
            return {name: fill(item) for name, item in value.items()}
        return value

    return fill(json.loads(file.read_text()))


def hosts(url: str, count: int | None = None) -> list[str]:
    """The ids of the hosts: of the first `count`, or of all that report within 20 seconds."""
    return asyncio.run(_hosts(url, count))


def start(url: str, host: str, workload: Any) -> None:
    """Starts a workload on a host, under its name as its id. A RuntimeError contains the reason of the host."""
    request = {"workload": workload, "workloadId": workload["name"]}
    status = asyncio.run(_request(url, f"runtime.host.{host}.workload.start", request))
    if status["workloadState"] != "WORKLOAD_STATE_RUNNING":
        raise RuntimeError(f"{host}: {status}")


def stop(url: str, host: str, name: str) -> None:
    """Stops a workload on a host."""
    asyncio.run(_request(url, f"runtime.host.{host}.workload.stop", {"workloadId": name}))


async def _hosts(url: str, count: int | None) -> list[str]:
    found: set[str] = set()
    end = time.monotonic() + _HEARTBEAT_SECONDS
    connection = await nats.connect(url)
    try:
        heartbeats = await connection.subscribe("runtime.operator.heartbeat.*")
        while count is None or len(found) < count:
            heartbeat = await heartbeats.next_msg(timeout=max(0.001, end - time.monotonic()))
            found.add(json.loads(heartbeat.data)["id"])
    except nats.errors.TimeoutError:
        if count is not None:
            raise
    finally:
        await connection.close()
    return sorted(found)


async def _request(url: str, subject: str, request: Any) -> Any:
    connection = await nats.connect(url)
    try:
        response = await connection.request(subject, json.dumps(request).encode(), timeout=_START_SECONDS)
    finally:
        await connection.close()
    return json.loads(response.data)["workloadStatus"]


def main() -> None:
    match sys.argv[1:]:
        case [url, "start", file]:
            workload = read(Path(file), os.environ)
            for host in hosts(url):
                start(url, host, workload)
                print(f"{workload['name']} runs on {host}")
        case [url, "stop", file]:
            name = json.loads(Path(file).read_text())["name"]
            for host in hosts(url):
                stop(url, host, name)
                print(f"{name} is stopped on {host}")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
