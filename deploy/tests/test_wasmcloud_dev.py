"""`wash dev` with the composed gateway."""

import os
import tempfile
import unittest
from pathlib import Path

from model import ABSENT, PRESENT, ROOT, SECRETS, Gateway, Model
from process import Process, free_port

_CONFIG = ROOT / "deploy/wasmcloud/dev/.wash/config.yaml"


class Dev(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.model = Model(self.folder, "model")
        self.addCleanup(self.model.stop)

    def start(self, *replacements: tuple[str, str]) -> Gateway:
        """Starts wash with the configuration as it is committed, except for ports, the path and `replacements`."""
        port = free_port()
        config = _CONFIG.read_text()
        ports = ("127.0.0.1:8080", f"127.0.0.1:{port}"), ("127.0.0.1:8000", self.model.endpoint.removeprefix("http://"))
        for old, new in (*ports, ("../../../target", f"{ROOT}/target"), *replacements):
            self.assertIn(old, config)
            config = config.replace(old, new)
        file = self.folder / ".wash/config.yaml"
        file.parent.mkdir()
        file.write_text(config)
        environment = {**os.environ, **SECRETS, "HOME": str(self.folder)}
        command = [os.environ["WASH"], "-C", str(self.folder), "dev"]
        self.wash = Process(self.folder / "wash", command, environment)
        self.addCleanup(self.wash.stop)
        gateway = Gateway(port)
        self.wash.wait_until(gateway.is_ready)
        return gateway

    def test_each_id_has_its_outcome(self) -> None:
        status, report = self.start().dismiss([PRESENT, ABSENT])
        self.assertEqual(status, 207, report)
        self.assertEqual(report["accepted"][0]["ids"], [PRESENT])
        self.assertEqual(report["refused"][0]["ids"], [ABSENT])
        self.assertIn('"outcome":"refused"', self.wash.output(), "the audit log")
        for secret in SECRETS.values():
            self.assertNotIn(secret, self.wash.output())

    def test_a_host_that_is_not_allowed_is_denied(self) -> None:
        allowed = f'["{self.model.endpoint.removeprefix("http://")}"]'
        status, report = self.start((f"allowedHosts: {allowed}", "allowedHosts: [graph.microsoft.com]")).dismiss([PRESENT])
        self.assertEqual((status, report["cause"]["kind"]), (502, "denied-by-host"))
        self.assertEqual(self.model.arrivals(), [])


if __name__ == "__main__":
    unittest.main()
