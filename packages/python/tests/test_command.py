"""The command, as a process. Skipped if azure-identity or trustme is not installed."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path

from .model import ABSENT, CANARY, PRESENT, Model, some_ids

try:
    import azure.identity  # noqa: F401

    from .authority import CLIENT, PERSON, TENANT, Authority
    from .test_forwarder import Server, certificate, roots
except ImportError as missing:
    raise unittest.SkipTest(str(missing))

COMMAND = [sys.executable, "-m", "entra_risk"]
FAST = ["--rate-limit", "100/1s"]
WITHOUT_AZURE = "import sys; sys.modules['azure.identity'] = None; from entra_risk._command import main; main()"


class Commands(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.command = COMMAND

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        names = re.compile("AZURE_|IDENTITY_|GRAPH_|.*_PROXY|REQUESTS_CA_BUNDLE|SSL_CERT_FILE|BROWSER", re.IGNORECASE)
        others = {name: value for name, value in os.environ.items() if not names.match(name)}
        process = subprocess.Popen(
            [*self.command, *arguments],
            cwd=self.folder, env={**others, **environment}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            # What a shell runs in the background ignores it, and so would the command.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def run_command(self, *arguments: str, **environment: str) -> tuple[int | None, str, str]:
        process = self.start(*arguments, **environment)
        output, errors = process.communicate(timeout=60)
        self.assertNotIn(CANARY, output + errors)
        return process.returncode, output, errors

    def dismiss(self, model: Model, *arguments: str, **environment: str) -> tuple[int | None, str, str]:
        allowed = {"GRAPH_TOKEN": CANARY, "ENTRA_RISK_ALLOWED_ENDPOINTS": model.endpoint, **environment}
        return self.run_command(
            "dismiss-risky-users", "--endpoint", model.endpoint, *FAST, *arguments,
            **{name: value for name, value in allowed.items() if value},
        )

    def write(self, name: str, ids: list[str]) -> str:
        (self.folder / name).write_text("\n".join(["User ID", *ids]) + "\n")
        return name


class ExitCodes(Commands):
    def test_each_has_its_meaning(self) -> None:
        with Model("--absent", ABSENT) as model:
            code, output, _ = self.dismiss(model, PRESENT)
            self.assertEqual((code, output), (0, "dismiss-risky-users: 1 of 1 ids accepted\n"))
            code, output, _ = self.dismiss(model, PRESENT, ABSENT)
            self.assertEqual(code, 1)
            self.assertIn("1 of 2 ids accepted, 1 refused", output)
            code, output, errors = self.dismiss(model, "no-id")
            self.assertEqual((code, output), (2, ""))
            self.assertRegex(errors, "^entra-risk: .*no-id.*\nSee entra-risk --help.\n$")
            code, output, _ = self.dismiss(model, PRESENT, GRAPH_TOKEN='""')
            self.assertEqual(code, 3)
            self.assertIn("GRAPH_TOKEN holds no token", output)

    def test_what_sends_nothing_needs_no_credential(self) -> None:
        code, output, _ = self.run_command("--version")
        self.assertEqual((code, output), (0, "entra-risk 0.1.0\n"))
        code, output, _ = self.run_command("dismiss-risky-users", "--dry-run", PRESENT)
        self.assertEqual(code, 0)
        self.assertIn(PRESENT, output)


class Files(Commands):
    def test_folders_are_those_of_the_arguments(self) -> None:
        (self.folder / "in").mkdir()
        path = self.write("in/portal.csv", some_ids(2))
        with Model() as model:
            code, output, errors = self.dismiss(model, f"--file={path}", "--log", str(self.folder / "log.jsonl"))
            self.assertEqual((code, errors), (0, ""), output)
            lines = [json.loads(line) for line in (self.folder / "log.jsonl").read_text().splitlines()]
            self.assertEqual(sum(len(line["ids"]) for line in lines), 2)
            code, _, errors = self.dismiss(model, "--file", "nowhere/portal.csv")
            self.assertEqual(code, 2)
            self.assertIn("nowhere/portal.csv: there is no folder nowhere\n", errors)

    def test_what_was_killed_goes_on_where_it_ended(self) -> None:
        ids = some_ids(300)
        arguments = ["--file", self.write("portal.csv", ids), "--remaining", "left.txt"]
        with Model("--silent", ids[240]) as hanging, Model() as model:
            process = self.begin(hanging, *arguments)
            self.wait_for(lambda: len(self.left()) == 60)
            code, _, errors = self.dismiss(model, *arguments)
            self.assertEqual(code, 2)
            self.assertIn("left.txt: another run is at work on it", errors)
            process.kill()
            process.communicate()
            code, output, _ = self.dismiss(model, *arguments)
            self.assertEqual((code, output), (0, "dismiss-risky-users: 60 of 60 ids accepted\n"))
            self.assertEqual((hanging.applied(), model.applied()), (set(ids[:240]), set(ids[240:])))
            code, output, _ = self.dismiss(model, *arguments)
            self.assertEqual((code, output), (0, "dismiss-risky-users: nothing to do: no ids\n"))
            self.assertEqual(model.statuses(), [204])
        names = {path.name for path in self.folder.iterdir()}
        self.assertEqual(names, {"portal.csv", "left.txt", ".left.txt.entra-risk-input"})

    def test_interrupt_says_what_is_left(self) -> None:
        ids = some_ids(300)
        arguments = ["--file", self.write("portal.csv", ids), "--remaining", "left.txt"]
        with Model("--silent", ids[240]) as model:
            process = self.begin(model, *arguments)
            self.wait_for(lambda: len(self.left()) == 60)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(
            errors, "entra-risk: interrupted: 60 ids are left in left.txt; the same command continues with them\n"
        )

    def begin(self, model: Model, *arguments: str) -> subprocess.Popen[str]:
        return self.start(
            "dismiss-risky-users", "--endpoint", model.endpoint, *FAST, *arguments,
            GRAPH_TOKEN=CANARY, ENTRA_RISK_ALLOWED_ENDPOINTS=model.endpoint,
        )

    def left(self) -> list[str]:
        path = self.folder / "left.txt"
        return path.read_text().split() if path.exists() else []

    def wait_for(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + 30
        while not condition():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.01)


class Credentials(Commands):
    def test_an_application_of_the_environment(self) -> None:
        with Authority() as authority, Model("--token", "token-1") as model:
            code, output, errors = self.dismiss(model, PRESENT, GRAPH_TOKEN="", **authority.application())
            self.assertEqual((code, errors), (0, ""), output)
            [asked] = authority.requests
            self.assertEqual((asked["client_id"], asked["grant_type"]), (CLIENT, "client_credentials"))
            code, output, errors = self.dismiss(model, PRESENT, GRAPH_TOKEN="", **authority.application(CANARY))
            self.assertEqual((code, errors), (3, ""))
            self.assertIn("AADSTS7000215", output)

    def test_no_token_goes_where_it_is_not_allowed(self) -> None:
        with Authority() as authority, Model() as model:
            for environment in ({}, {"GRAPH_TOKEN": "", **authority.application()}):
                code, output, _ = self.dismiss(model, PRESENT, ENTRA_RISK_ALLOWED_ENDPOINTS="", **environment)
                self.assertEqual(code, 3)
                self.assertIn(f"ENTRA_RISK_ALLOWED_ENDPOINTS does not list {model.endpoint}", output)
            self.assertEqual((authority.requests, model.arrivals()), ([], []))

    def test_what_is_missing_is_said_in_one_line(self) -> None:
        # A credential that is configured, but unavailable.
        code, output, _ = self.run_command("dismiss-risky-users", PRESENT, AZURE_TOKEN_CREDENTIALS="EnvironmentCredential")
        self.assertEqual(code, 3)
        self.assertIn("no credential: use --sign-in, set GRAPH_TOKEN, or set AZURE_TENANT_ID", output)
        self.command = [sys.executable, "-c", WITHOUT_AZURE]
        code, output, errors = self.run_command("dismiss-risky-users", PRESENT)
        self.assertEqual((code, errors), (3, ""))
        self.assertIn("pip install azure-identity", output)

    def test_people_sign_in(self) -> None:
        with Authority() as authority, Model() as model:
            path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
            browser = f"{sys.executable} -m tests.browser {authority.roots} %s &"
            environment = {**authority.environment(), "BROWSER": browser, "PYTHONPATH": path}
            for how, shown in (("browser", "in the browser"), ("device-code", "enter the code ABC123")):
                arguments = ["--sign-in", how, "--client-id", CLIENT, "--tenant", TENANT]
                code, output, errors = self.dismiss(model, PRESENT, *arguments, GRAPH_TOKEN="", **environment)
                self.assertEqual(code, 0, output + errors)
                self.assertRegex(errors, f"^entra-risk: .*{shown}")
            self.assertEqual(len(model.arrivals()), 2)

    def test_check_sees_the_token_and_sends_nothing(self) -> None:
        with Authority() as authority, Model() as model:
            arguments = ["--sign-in", "device-code", "--client-id", CLIENT, "--endpoint", model.endpoint]
            code, output, errors = self.run_command(
                "--check", "dismiss-risky-users", *arguments,
                ENTRA_RISK_ALLOWED_ENDPOINTS=model.endpoint, **authority.environment(),
            )
            self.assertEqual(code, 0, output + errors)
            self.assertIn(PERSON, output)
            self.assertEqual(model.arrivals(), [])


class Networks(Commands):
    def test_a_proxy_that_intercepts_tls_needs_its_root(self) -> None:
        endpoint = "https://graph.test"
        arguments = ["dismiss-risky-users", PRESENT, "--endpoint", endpoint]
        with Server(intercept=certificate("graph.test")) as proxy, roots() as file:
            environment = {
                "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}",
                "GRAPH_TOKEN": CANARY,
                "ENTRA_RISK_ALLOWED_ENDPOINTS": endpoint,
            }
            code, output, _ = self.run_command(*arguments, SSL_CERT_FILE=file, **environment)
            self.assertEqual(code, 0, output)
            code, output, _ = self.run_command(*arguments, **environment)
            self.assertEqual(code, 3, output)
            self.assertIn("the certificate of https://graph.test through the proxy is not trusted", output)
            self.assertIn("SSL_CERT_FILE", output)
            code, _, errors = self.run_command(*arguments, **{**environment, "HTTPS_PROXY": "http://:x"})
            self.assertEqual(code, 2)
            self.assertIn("HTTPS_PROXY: expected", errors)


    def test_what_cannot_be_reached_is_named(self) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
            environment = {"GRAPH_TOKEN": CANARY, "ENTRA_RISK_ALLOWED_ENDPOINTS": endpoint}
            for arguments in (["dismiss-risky-users", PRESENT], ["list-risky-users"]):
                code, output, errors = self.run_command(
                    *arguments, "--endpoint", endpoint, "--max-attempts", "1", "--patience", "1s", **environment
                )
                self.assertEqual(code, 3)
                self.assertIn(f"unreachable: no connection to {endpoint}: ", output + errors)


class Lists(Commands):
    def test_a_list_is_acted_on_and_verified(self) -> None:
        with Model("--risky-users", "9") as model:
            environment = {"GRAPH_TOKEN": CANARY, "ENTRA_RISK_ALLOWED_ENDPOINTS": model.endpoint}
            code, output, errors = self.run_command(
                "list-risky-users", "--level", "high", "--endpoint", model.endpoint, **environment
            )
            self.assertEqual((code, errors), (0, ""))
            (self.folder / "risky.csv").write_text(output)
            code, output, errors = self.dismiss(model, "--file", "risky.csv", "--verify", "--verify-for", "10s")
            self.assertEqual((code, errors), (0, ""), output)
            self.assertIn("3 of 3 ids accepted\nverified: 3 of 3 accepted ids", output)


class Terminals(Commands):
    def test_questions_and_progress_are_shown_in_a_terminal(self) -> None:
        with Model() as model:
            environment = {
                **os.environ, "GRAPH_TOKEN": CANARY, "ENTRA_RISK_ALLOWED_ENDPOINTS": model.endpoint
            }
            ours, theirs = pty.openpty()
            process = subprocess.Popen(
                [*COMMAND, "dismiss-risky-users", "--endpoint", model.endpoint, "--file", self.write("ids.csv", some_ids(180))],
                cwd=self.folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
            )
            self.addCleanup(process.kill)
            os.close(theirs)
            shown = b""
            with os.fdopen(ours, "r+b", buffering=0) as terminal:
                while b"Type yes to continue: " not in shown:
                    shown += terminal.read(1000)
                self.assertEqual(model.arrivals(), [])
                terminal.write(b"yes\n")
                try:
                    while part := terminal.read(1000):
                        shown += part
                except OSError:  # The process has ended.
                    pass
            self.assertEqual(process.wait(30), 0)
            self.assertIn(b"Dismiss the risk of 180 users?", shown)
            self.assertIn(b" 60/180", shown)
