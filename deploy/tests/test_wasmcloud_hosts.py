"""Two `wash host` on one NATS, with the gateway, the plugin, the token adapter and the turns as components linked at run time."""

import os
import subprocess
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import control
from model import ABSENT, PRESENT, ROOT, SECRETS, Gateway, Model, some_ids
from process import Process, accepts_connections, free_port
from registry import Registry

_WORKLOAD = ROOT / "deploy/wasmcloud/workload.json"
_VERSION = "0.1.0"
_IMAGES = "entra-risk-gateway-uncomposed", "entra-risk-with-turns", "entra-risk-env-token", "entra-risk-keyvalue-turns"
_HOST = "risk.test"
# How long wasmCloud lets a function of a linked component take.
_FUNCTION_SECONDS = 30


class Hosts(unittest.TestCase):
    folder: Path
    environment: dict[str, str]
    model: Model
    registry: Registry
    nats: str
    ports: tuple[int, int]
    wash: list[Process]
    hosts: list[str]

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.environment = {**os.environ, "HOME": folder.name}
        cls.model = Model(cls.folder, "model")
        cls.addClassCleanup(cls.model.stop)
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.stop)
        for image in _IMAGES:
            source = ROOT / f"target/dist/{image}.wasm"
            target = f"{cls.registry.address}/{image}:{_VERSION}"
            push = [os.environ["WASH"], "oci", "push", "--insecure", target, str(source)]
            subprocess.run(push, check=True, env=cls.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        cls.nats = cls.start_nats()
        cls.ports = free_port(), free_port()
        cls.wash = [cls.start_host(port) for port in cls.ports]
        cls.hosts = control.hosts(cls.nats, len(cls.ports))

    @classmethod
    def start_nats(cls) -> str:
        port = free_port()
        store = str(cls.folder / "jetstream")
        command = [os.environ["NATS_SERVER"], "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", store]
        nats = Process(cls.folder / "nats", command, cls.environment)
        cls.addClassCleanup(nats.stop)
        nats.wait_until(lambda: accepts_connections(port))
        return f"nats://127.0.0.1:{port}"

    @classmethod
    def start_host(cls, port: int) -> Process:
        command = [os.environ["WASH"], "host", "--scheduler-nats-url", cls.nats, "--data-nats-url", cls.nats]
        command += ["--http-addr", f"127.0.0.1:{port}", "--allow-insecure-registries"]
        command += ["--oci-cache-dir", str(cls.folder / f"images-{port}")]
        host = Process(cls.folder / f"host-{port}", command, cls.environment)
        cls.addClassCleanup(host.stop)
        return host

    def start(self, model: Model | None = None, **changes: Any) -> list[Gateway]:
        """Starts the workload on both hosts: as it is committed, except for the `localResources` in `changes`."""
        endpoint = (model or self.model).endpoint
        variables = {"REGISTRY": self.registry.address, "GRAPH_ENDPOINT": endpoint, "HOST_NAME": _HOST}
        workload = control.read(_WORKLOAD, {**variables, **SECRETS})
        for component in workload["witWorld"]["components"]:
            component["localResources"].update(changes.get(component["name"], {}))
        for host in self.hosts:
            control.start(self.nats, host, workload)
            self.addCleanup(control.stop, self.nats, host, workload["name"])
        self.model.rest()
        self.model.arrivals()
        return [Gateway(port, _HOST) for port in self.ports]

    def test_both_hosts_report_the_outcome_of_each_id(self) -> None:
        for gateway in self.start():
            status, report = gateway.dismiss([PRESENT, ABSENT])
            self.assertEqual(status, 207, report)
            self.assertEqual(report["accepted"][0]["ids"], [PRESENT])
            self.assertEqual(report["refused"][0]["ids"], [ABSENT])
            self.assertIn([PRESENT], [arrival["ids"] for arrival in self.model.arrivals() if arrival["applied"]])
        for wash in self.wash:
            self.assertIn('"outcome":"accepted"', wash.output(), "the audit log")
            for secret in SECRETS.values():
                self.assertNotIn(secret, wash.output())

    def test_all_instances_of_both_hosts_keep_one_limit(self) -> None:
        """20 callers at the same time, and an instance for each: 1 200 users at one request per second."""
        gateways = self.start()
        callers = range(20)
        start = time.monotonic()
        with ThreadPoolExecutor(len(callers)) as threads:
            calls = threads.map(lambda caller: gateways[caller % 2].dismiss(some_ids(60, 1 + 60 * caller)), callers)
            reports = list(calls)
        statuses = [arrival["status"] for arrival in self.model.arrivals()]
        seconds = time.monotonic() - start
        print(f"{seconds:.1f} s, {len(statuses)} requests, {statuses.count(429)} of them answered 429", end=" ... ")
        self.assertEqual([status for status, _ in reports], [200 for _ in callers])
        self.assertEqual(statuses.count(204), len(callers))
        self.assertLessEqual(statuses.count(429), 1)

    def test_only_the_list_of_the_plugin_allows_requests(self) -> None:
        own = {"allowedHosts": [self.model.endpoint]}
        for gateway in self.start(gateway=own, plugin={"allowedHosts": ["graph.microsoft.com"]}, token=own):
            status, report = gateway.dismiss([PRESENT])
            self.assertEqual((status, report["cause"]["kind"]), (502, "denied-by-host"))
        self.assertEqual(self.model.arrivals(), [])

    def test_the_secret_of_one_component_is_in_no_environment_of_another(self) -> None:
        """Each secret, given to every component except the one that reads it, might as well not be set."""
        misplaced = {"environment": {**SECRETS, "ENTRA_RISK_ENDPOINT": self.model.endpoint}}
        endpoints = {"ENTRA_RISK_ALLOWED_ENDPOINTS": self.model.endpoint}
        for gateway in self.start(gateway=misplaced, plugin=misplaced, token={"environment": endpoints}):
            status, report = gateway.dismiss([PRESENT])
            self.assertEqual((status, report["cause"]["kind"]), (503, "no-token"), report)
        self.doCleanups()
        for gateway in self.start(gateway={"environment": {}}, plugin=misplaced, token=misplaced):
            status, report = gateway.dismiss([PRESENT])
            self.assertEqual((status, report["error"]["code"]), (503, "keyNotConfigured"), report)
        self.assertEqual(self.model.arrivals(), [])

    def test_a_call_takes_longer_than_the_host_permits_a_function(self) -> None:
        """After 30 seconds, the host ends a function of a linked component: the caller would get 500 without a body."""
        gateway = self.start()[0]
        ids = some_ids(2_100)
        logged = self.wash[0].output().count('"event":"batch"')
        start = time.monotonic()
        with ThreadPoolExecutor(1) as thread:
            call = thread.submit(gateway.dismiss, ids)
            time.sleep(10)
            early = self.wash[0].output().count('"event":"batch"') - logged
            status, report = call.result()
        seconds = time.monotonic() - start
        print(f"{seconds:.1f} s, {early} batches in the audit log after 10 s", end=" ... ")
        self.assertEqual((status, report["ids"]["accepted"]), (200, len(ids)), report["cause"])
        self.assertGreater(seconds, _FUNCTION_SECONDS)
        self.assertIn(early, range(3, 20))


if __name__ == "__main__":
    unittest.main()
