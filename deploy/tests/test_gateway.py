"""The gateway as the image, Kubernetes and systemd start it, in `wasmtime serve`, and Caddy in front of it."""

import json
import os
import re
import shlex
import signal
import ssl
import subprocess
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from authority import Authority
from model import ABSENT, KEY, PRESENT, ROOT, TOKEN, Gateway, Model, some_ids
from process import Process, free_port

_FOLDER = ROOT / "deploy"
_IMAGE = (_FOLDER / "Containerfile").read_text().replace("\\\n", "")
_UNIT = (_FOLDER / "entra-risk-gateway.service").read_text().replace("\\\n", "")
_MANIFESTS = {document["kind"]: document for document in yaml.safe_load_all((_FOLDER / "kubernetes.yaml").read_text())}
_TOKENS = "/var/run/secrets/azure/tokens"
# That of the image.
_USER = 65532


def _instruction(name: str) -> str:
    """The arguments of the last instruction of that name in the image's description."""
    return str(re.findall(rf"^{name} (.*)$", _IMAGE, re.MULTILINE)[-1])


def _containers() -> dict[str, Any]:
    return {container["name"]: container for container in _MANIFESTS["Deployment"]["spec"]["template"]["spec"]["containers"]}


class Deployment(unittest.TestCase):
    folder: Path
    model: Model

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.folder.chmod(0o755)
        cls.model = Model(cls.folder, "model")
        cls.addClassCleanup(cls.model.stop)
        # As the image does it, for this processor's kind.
        compile_ = shlex.split(_instruction("RUN").replace("$(rustc --print host-tuple)", f"{os.uname().machine}-unknown-linux-gnu"))
        files = {
            "wasmtime": os.environ["WASMTIME"],
            "/entra-risk-gateway.wasm": str(ROOT / "target/dist/entra-risk-gateway.wasm"),
            "/gateway.cwasm": str(cls.folder / "gateway.cwasm"),
        }
        subprocess.run([files.get(word, word) for word in compile_], check=True)

    def serve(self, arguments: list[str], **variables: str) -> Gateway:
        """Starts the image with its entry point and these arguments, except for the port and the places of files."""
        port = free_port()
        places = {
            "/wasmtime": os.environ["WASMTIME"],
            "/gateway.cwasm": str(self.folder / "gateway.cwasm"),
            "0.0.0.0:8080": f"127.0.0.1:{port}",
            _TOKENS: f"{self.folder}::{_TOKENS}",
        }
        command = [places.get(word, word) for word in [*json.loads(_instruction("ENTRYPOINT")), *arguments]]
        name, value = _instruction("ENV").split("=")
        environment = {
            name: value,
            "GATEWAY_KEY": KEY,
            "ENTRA_RISK_ENDPOINT": self.model.endpoint,
            "ENTRA_RISK_ALLOWED_ENDPOINTS": self.model.endpoint,
            **variables,
        }
        user = _USER if os.geteuid() == 0 else None
        self.process = Process(self.folder / f"gateway-{port}", command, environment, user)
        self.addCleanup(self.process.stop)
        gateway = Gateway(port)
        self.process.wait_until(gateway.is_ready)
        self.model.rest()
        self.model.arrivals()
        self.port = port
        return gateway

    def proxy(self) -> Gateway:
        """Starts Caddy in front of the gateway, with the variables of Kubernetes except for names and ports."""
        port = free_port()
        certificate, key = self.folder / "tls.crt", self.folder / "tls.key"
        request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
        request += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(request, check=True, stderr=subprocess.DEVNULL)
        own = {
            "GATEWAY_NAME": "localhost",
            "GATEWAY_PORT": str(port),
            "GATEWAY_TLS": f"{certificate} {key}",
            "XDG_DATA_HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder),
        }
        self.assertEqual(own.keys(), {variable["name"] for variable in _containers()["caddy"]["env"]})
        command = [os.environ["CADDY"], "run", "--config", str(_FOLDER / "Caddyfile")]
        caddy = Process(self.folder / f"caddy-{port}", command, {**own, "GATEWAY": f"127.0.0.1:{self.port}"})
        self.addCleanup(caddy.stop)
        proxy = Gateway(port, "localhost", ssl.create_default_context(cafile=str(certificate)))
        caddy.wait_until(lambda: _responds(proxy))
        return proxy

    def test_20_callers_of_caddy_with_tls_share_one_limit(self) -> None:
        """1,200 users at one request per second, with the arguments of Kubernetes and a workload identity."""
        authority = Authority(TOKEN)
        self.addCleanup(authority.stop)
        assertion = self.folder / "azure-identity-token"
        assertion.write_text("header.of-the-service-account.signature")
        assertion.chmod(0o644)
        self.serve(
            _containers()["gateway"]["args"],
            AZURE_AUTHORITY_HOST=authority.address,
            AZURE_TENANT_ID=some_ids(1)[0],
            AZURE_CLIENT_ID=some_ids(1, 2)[0],
            AZURE_FEDERATED_TOKEN_FILE=f"{_TOKENS}/{assertion.name}",
        )
        proxy = self.proxy()
        callers = range(20)
        start = time.monotonic()
        with ThreadPoolExecutor(len(callers)) as threads:
            reports = list(threads.map(lambda caller: proxy.dismiss(some_ids(60, 1 + 60 * caller)), callers))
        seconds = time.monotonic() - start
        statuses = [arrival["status"] for arrival in self.model.arrivals()]
        print(f"{seconds:.1f} s, {len(statuses)} requests, {statuses.count(429)} of them answered 429", end=" ... ")
        self.assertEqual([status for status, _ in reports], [200 for _ in callers], reports[0][1])
        self.assertEqual(statuses.count(204), len(callers))
        self.assertLessEqual(statuses.count(429), 1)
        self.assertEqual(authority.requests, 1)
        self.assertNotIn(TOKEN, self.process.output())

    def test_the_call_in_progress_ends_when_the_image_is_stopped(self) -> None:
        gateway = self.serve(json.loads(_instruction("CMD")), GRAPH_TOKEN=TOKEN)
        ids = some_ids(180)
        with ThreadPoolExecutor(2) as threads:
            call = threads.submit(gateway.dismiss, ids)
            time.sleep(0.5)
            waiting = threads.submit(gateway.dismiss, [PRESENT])
            time.sleep(0.5)
            self.process.send(signal.Signals[_instruction("STOPSIGNAL")])
            status, report = call.result()
            self.assertEqual((status, report["ids"]["accepted"]), (200, len(ids)), report)
            self.assertNotEqual(_status(waiting.result), 200)
        self.assertEqual([id for arrival in self.model.arrivals() for id in arrival["ids"]], ids)
        self.assertEqual(self.process.exit_code(90), 0)
        lines = [json.loads(line) for line in self.process.output().splitlines() if line.startswith("{")]
        self.assertEqual([id for line in lines if line["event"] == "batch" for id in line["ids"]], ids)

    def test_a_termination_leaves_only_requests_in_flight_out_of_the_log(self) -> None:
        for is_streamed in (False, True):
            with self.subTest(is_streamed=is_streamed):
                gateway = self.serve(json.loads(_instruction("CMD")), GRAPH_TOKEN=TOKEN)
                ids = some_ids(600)
                with ThreadPoolExecutor(1) as threads:
                    call = threads.submit(_lines, gateway, ids) if is_streamed else threads.submit(gateway.dismiss, ids)
                    time.sleep(2.5)
                    self.process.send(signal.SIGTERM)
                    self.process.exit_code(10)
                    self.assertNotEqual(_status(call.result), 200)
                applied = [arrival["ids"] for arrival in self.model.arrivals() if arrival["status"] == 204]
                lines = [json.loads(line) for line in self.process.output().splitlines() if line.startswith("{")]
                logged = {id for line in lines if line["event"] == "batch" for id in line["ids"]}
                unlogged = [request for request in applied if not logged.issuperset(request)]
                self.assertGreaterEqual(len(applied), 2)
                self.assertLessEqual(len(unlogged), 1)

    def test_caddy_serves_actions_and_no_probes(self) -> None:
        self.serve(json.loads(_instruction("CMD")), GRAPH_TOKEN=TOKEN)
        proxy = self.proxy()
        status, report = proxy.dismiss([PRESENT, ABSENT])
        self.assertEqual((status, report["ids"]["refused"]), (207, 1), report)
        self.assertEqual([proxy.get(path) for path in ("/readyz", "/HEALTHZ", "/openapi.yaml")], [404, 404, 200])

    def test_caddy_passes_each_line_on_and_a_caller_that_hangs_up(self) -> None:
        self.serve(json.loads(_instruction("CMD")), GRAPH_TOKEN=TOKEN)
        ids = some_ids(600)
        with self.proxy().stream(ids) as lines:
            self.assertEqual(next(lines)["ids"], ids[:60])
            self.assertEqual([arrival["ids"] for arrival in self.model.arrivals()], [ids[:60]])
        self.process.wait_until(lambda: '"event":"request"' in self.process.output())
        self.assertLess(len(self.model.arrivals()), 9)

    def test_systemd_starts_what_the_image_starts(self) -> None:
        image = [*json.loads(_instruction("ENTRYPOINT")), *json.loads(_instruction("CMD"))]
        places = {"/wasmtime": "/usr/local/bin/wasmtime", "/gateway.cwasm": "/usr/local/lib/entra-risk/gateway.cwasm"}
        expected = [places.get(word, word).replace("0.0.0.0", "127.0.0.1") for word in image]
        settings = dict(re.findall(r"^(\w+)=(.*)$", _UNIT, re.MULTILINE))
        self.assertEqual(shlex.split(settings["ExecStart"]), expected)
        self.assertEqual(settings["Environment"], _instruction("ENV"))
        self.assertEqual(settings["KillSignal"], _instruction("STOPSIGNAL"))


def _responds(gateway: Gateway) -> bool:
    try:
        return gateway.get("/readyz") == 404
    except OSError:
        return False


def _lines(gateway: Gateway, ids: list[str]) -> tuple[int, Any]:
    """The lines of a streamed response, as far as it goes, after 200 if it is complete, or else 0."""
    with gateway.stream(ids) as lines:
        events = list(lines)
    return 200 if events[-1]["event"] == "end" else 0, events


def _status(result: Any) -> int | None:
    """The status, or None if the connection was closed."""
    try:
        return int(result()[0])
    except (OSError, ValueError):
        return None


if __name__ == "__main__":
    unittest.main()
