"""The way of requests to Microsoft Graph: proxies, certificates, and what nobody else can use.
Skipped if trustme is not installed."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

from wasmtime.component import Variant

from entra_risk import EntraRisk, Report, RateLimit, TokenRequest
from entra_risk import _forwarder
from entra_risk._graph import ROOTS
from entra_risk._options import OptionsRecord
from entra_risk._plugin import Plugin

from .model import FAST, PRESENT, Model, some_ids

try:
    import trustme
except ImportError as missing:
    raise unittest.SkipTest(str(missing))

TOKEN = "eyJ0eXAi.canary-b7c1d09e5f3a4c62-0123456789.signature/with+all="
Respond = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """A service, or a proxy that intercepts TLS and is the service itself."""

    protocol_version = "HTTP/1.1"
    respond: Respond
    seen: list[tuple[str, str, dict[str, str]]]
    intercept: ssl.SSLContext | None
    password: str | None

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.seen.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
        type(self).respond(self)

    def do_GET(self) -> None:
        type(self).respond(self)

    def do_CONNECT(self) -> None:
        if self.password is not None and self.headers["proxy-authorization"] != self.password:
            self.answer(407, {"proxy-authenticate": "Basic"})
            return
        self.seen.append((self.command, self.path, {}))
        self.send_response_only(200)
        self.end_headers()
        assert self.intercept is not None
        try:
            self.connection = self.intercept.wrap_socket(self.connection, server_side=True)
        except OSError:  # The client does not trust the certificate.
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response_only(status)
        for name, value in {"request-id": "11111111-2222-4333-8444-555555555555", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    @staticmethod
    def ask(address: str, method: str, path: str, headers: dict[str, str]) -> int:
        """The status with which another server responds."""
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
        try:
            connection.request(method, path, b"{}", headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def log_message(self, *_: object) -> None:
        pass


def accept(handler: Handler) -> None:
    handler.answer(204)


class Server:
    """A server on loopback while the `with` block runs."""

    def __init__(
        self,
        respond: Respond = accept,
        tls: ssl.SSLContext | None = None,
        intercept: ssl.SSLContext | None = None,
        password: str | None = None,
    ) -> None:
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        members = {"respond": staticmethod(respond), "seen": self.seen, "intercept": intercept, "password": password}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handling", (Handler,), members))
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]

    def __enter__(self) -> Server:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


AUTHORITY = trustme.CA(organization_name="A company")


def certificate(*names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(*names).configure_cert(context)
    return context


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """The environment while the `with` block runs, without a proxy and certificates. A forwarder
    reads it once."""
    names = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    others = {name: value for name, value in os.environ.items() if name.upper() not in names}
    with patch.dict(os.environ, {**others, **variables}, clear=True), patch.dict(_forwarder._forwarders, clear=True):
        yield


@contextmanager
def roots() -> Iterator[str]:
    """A file with the certificate of the company."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "roots.pem")
        AUTHORITY.cert_pem.write_to_path(str(path))
        yield str(path)


def dismiss(endpoint: str, **options: Any) -> Report:
    settings = {"patience": 1, "max_attempts": 2, "rate_limit": FAST, **options}
    return EntraRisk(TOKEN, endpoint=endpoint).dismiss_risky_users([PRESENT], **settings)


class Networks(unittest.TestCase):
    def test_requests_go_through_a_proxy_that_intercepts_tls(self) -> None:
        with Server(intercept=certificate("graph.test")) as proxy, roots() as file:
            address = f"http://127.0.0.1:{proxy.port}"
            for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
                with environment(HTTPS_PROXY=address, **{name: file}):
                    self.assertEqual(dismiss("https://graph.test").accepted, [PRESENT])
            connect, (method, path, headers) = proxy.seen[:2]
            self.assertEqual(connect[:2], ("CONNECT", "graph.test:443"))
            self.assertEqual((method, path), ("POST", "/v1.0/identityProtection/riskyUsers/dismiss"))
            self.assertEqual((headers["host"], headers["authorization"]), ("graph.test", f"Bearer {TOKEN}"))

    def test_an_untrusted_certificate_is_named_with_what_to_do(self) -> None:
        with Server(intercept=certificate("graph.test")) as proxy, environment(
            HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}"
        ):
            began = time.monotonic()
            report = dismiss("https://graph.test", patience=60)
            self.assertLess(time.monotonic() - began, 30, "nothing is repeated")
        assert report.cause is not None
        self.assertEqual((report.cause.kind, report.batches[0].outcome), ("unreachable", "not-applied"))
        self.assertIn("https://graph.test through the proxy is not trusted", report.cause.message)
        self.assertIn("SSL_CERT_FILE", report.cause.message)
        self.assertIsNone(report.cause.response)

    def test_a_proxy_that_wants_a_password_is_told_apart(self) -> None:
        with Server(intercept=certificate("graph.test"), password="Basic dXNlcjpwYXNz") as proxy, roots() as file:
            with environment(HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}", SSL_CERT_FILE=file):
                report = dismiss("https://graph.test")
                assert report.cause is not None
                self.assertEqual(report.cause.kind, "unreachable")
                self.assertIn("put user name and password into HTTPS_PROXY", report.cause.message)
            with environment(HTTPS_PROXY=f"http://user:pass@127.0.0.1:{proxy.port}", SSL_CERT_FILE=file):
                self.assertEqual(dismiss("https://graph.test").accepted, [PRESENT])

    def test_no_proxy_is_respected(self) -> None:
        with environment(HTTPS_PROXY="http://127.0.0.1:9", NO_PROXY="graph.test"):
            report = dismiss("https://graph.test")
        assert report.cause is not None
        self.assertNotIn("proxy,", report.cause.message)
        self.assertRegex(report.cause.message, "^no connection to https://graph.test: ")

    def test_variables_that_cannot_be_used_are_invalid_arguments(self) -> None:
        for name, value in [("HTTPS_PROXY", "http://canary:x@:port"), ("SSL_CERT_FILE", "/nowhere.pem")]:
            with self.subTest(name), environment(**{name: value}), self.assertRaises(ValueError) as raised:
                dismiss("https://graph.test")
            self.assertTrue(str(raised.exception).startswith(f"{name}: "), raised.exception)
            self.assertNotIn("canary", str(raised.exception))

    def test_connections_are_used_again(self) -> None:
        connections = set()

        def respond(handler: Handler) -> None:
            connections.add(handler.client_address)
            handler.answer(204)

        with Server(respond) as server, environment():
            risk = EntraRisk(TOKEN, endpoint=f"http://127.0.0.1:{server.port}", rate_limit=FAST)
            self.assertEqual(len(risk.dismiss_risky_users(some_ids(1200), max_in_flight=1).accepted), 1200)
        self.assertEqual((len(server.seen), len(connections)), (20, 1))


class Proofs(unittest.TestCase):
    """Kind and outcome are those that the same failure has without a forwarder."""

    def check(self, report: Report, kind: str, outcome: str) -> None:
        assert report.cause is not None
        self.assertEqual((report.cause.kind, report.batches[0].outcome), (kind, outcome), report.cause)

    def test_failures_before_a_connection(self) -> None:
        with environment():
            self.check(dismiss("https://nowhere.invalid"), "unreachable", "not-applied")
            with socket.socket() as closed:
                closed.bind(("127.0.0.1", 0))
                self.check(dismiss(f"http://127.0.0.1:{closed.getsockname()[1]}"), "unreachable", "not-applied")

    def test_failures_after_the_request_was_sent(self) -> None:
        def reset(handler: Handler) -> None:
            handler.close_connection = True

        def silent(handler: Handler) -> None:
            time.sleep(2)

        with environment(), Server(reset) as server:
            self.check(dismiss(f"http://127.0.0.1:{server.port}"), "no-response", "unknown")
        with environment(), Server(silent) as server:
            report = dismiss(f"http://127.0.0.1:{server.port}", attempt_timeout=0.2)
            self.check(report, "no-response", "unknown")

    def test_421_and_407_of_the_service_pass_as_they_are(self) -> None:
        for status in (421, 407):
            with self.subTest(status), environment(), Server(lambda handler: handler.answer(status)) as server:
                report = dismiss(f"http://127.0.0.1:{server.port}")
            assert report.cause is not None and report.cause.response is not None
            self.assertEqual(report.cause.response.status, status)

    def test_what_is_abandoned_is_closed_upstream(self) -> None:
        closed = threading.Event()

        def wait(handler: Handler) -> None:
            handler.connection.settimeout(10)
            if handler.connection.recv(1) == b"":
                closed.set()

        with environment(), Server(wait) as server:
            dismiss(f"http://127.0.0.1:{server.port}", attempt_timeout=0.2, max_attempts=1)
            self.assertTrue(closed.wait(5))


class Secrecy(unittest.TestCase):
    def test_nobody_else_can_use_the_forwarder(self) -> None:
        path = "/v1.0/identityProtection/riskyUsers/dismiss"
        used: list[str] = []

        def respond(handler: Handler) -> None:
            [forwarder] = _forwarder._forwarders.values()
            [placeholder] = forwarder._routes
            used.append(placeholder)
            good = {"authorization": f"Bearer {placeholder}"}
            for method, target, headers in [
                ("POST", path, {}),
                ("POST", path, {"authorization": "Bearer " + "0" * 64}),
                ("POST", path, {**good, "host": "attacker.test"}),
                ("GET", path, good),
                ("POST", "/v1.0/identityProtection/riskyUsers/confirmCompromised", good),
                ("POST", "/v1.0/me/messages", good),
                ("POST", path + "?x=1", good),
                ("POST", "http://attacker.test" + path, good),
            ]:
                refused.append(handler.ask(forwarder.address, method, target, headers))
            handler.answer(204)

        refused: list[int] = []
        with environment(), Server(respond) as server:
            self.assertEqual(dismiss(f"http://127.0.0.1:{server.port}").accepted, [PRESENT])
            self.assertEqual(refused, [403, 403, 403, 404, 404, 404, 404, 403])
            [forwarder] = _forwarder._forwarders.values()
            old = {"authorization": f"Bearer {used[0]}"}
            self.assertEqual(Handler.ask(forwarder.address, "POST", path, old), 403, "the call is over")
            self.assertEqual(len(server.seen), 1, "nothing was forwarded")
        self.assertEqual(len(used[0]), 64)

    def test_redirects_cookies_and_netrc_are_off(self) -> None:
        def redirect(handler: Handler) -> None:
            handler.answer(307, {"location": handler.path, "set-cookie": "a=b; Path=/"})

        with tempfile.TemporaryDirectory() as home, Server(redirect) as server:
            Path(home, ".netrc").write_text("machine 127.0.0.1 login canary password canary\n")
            with environment(HOME=home, NETRC=str(Path(home, ".netrc"))):
                report = dismiss(f"http://127.0.0.1:{server.port}")
        assert report.cause is not None
        self.assertEqual(report.cause.kind, "unexpected-status")
        for _, _, headers in server.seen:
            self.assertEqual(headers["authorization"], f"Bearer {TOKEN}")
            self.assertNotIn("cookie", headers)

    def test_no_part_of_the_token_comes_back(self) -> None:
        def echo(handler: Handler) -> None:
            token = handler.headers["authorization"]
            escaped = "".join(f"\\u{ord(character):04x}" for character in token)
            code = f'{{"error":{{"code":"{token[9:60]}","message":"{token} {escaped} {token[20:]}"}}}}'
            handler.answer(400, {"request-id": token, "www-authenticate": token, "x-other": token}, code.encode())

        def twice(handler: Handler) -> None:
            handler.answer(400, body=f'{{"error":{{"message":"{escaped(handler)}"}},"error":{{}}}}'.encode())

        def not_utf8(handler: Handler) -> None:
            handler.answer(400, body=f'{{"error":{{"message":"{escaped(handler)}'.encode() + b'\xff"}}')

        def nested(handler: Handler) -> None:
            handler.answer(403, body=b"[" * 30_000 + f'"{escaped(handler)}"'.encode())

        def escaped(handler: Handler) -> str:
            return "".join(f"\\u{ord(character):04x}" for character in handler.headers["authorization"])

        for respond in (echo, twice, not_utf8, nested):
            with (
                self.subTest(respond.__name__),
                environment(),
                Server(respond) as server,
                self.assertLogs("entra_risk", "DEBUG") as logs,
            ):
                report = dismiss(f"http://127.0.0.1:{server.port}")
                texts = f"{report!r} {report} {logs.output}"
                if respond in (echo, not_utf8):
                    self.assertIn("[token]", texts, "the service has repeated it")
                for at in range(len(TOKEN) - 24 + 1):
                    self.assertNotIn(TOKEN[at : at + 24], texts)

    def test_the_credential_sees_the_real_endpoint(self) -> None:
        asked: list[TokenRequest] = []

        def credential(request: TokenRequest) -> str:
            asked.append(request)
            return TOKEN

        with environment(), Model() as model:
            risk = EntraRisk(credential, endpoint=model.endpoint.replace("127.0.0.1", "LocalHost"), rate_limit=RateLimit(100, 1))
            self.assertEqual(risk.dismiss_risky_users([PRESENT]).accepted, [PRESENT])
            self.assertEqual(asked[0].endpoint, model.endpoint.replace("127.0.0.1", "localhost"))
            with self.assertRaisesRegex(ValueError, "^endpoint: "):
                EntraRisk(TOKEN, endpoint="http://graph.test").dismiss_risky_users([PRESENT])


    def test_every_cloud_has_the_address_that_the_plugin_knows(self) -> None:
        for cloud, root in ROOTS.items():
            asked: list[str] = []

            def get_token(_: Any, request: Any) -> Variant:
                asked.append(request.endpoint)
                return Variant("denied", "this is enough")

            plugin = Plugin(get_token)
            call = plugin.start("dismiss-risky-users", [PRESENT], OptionsRecord({"cloud": cloud}))
            assert not isinstance(call, str), call
            while plugin.next(call, 1000).tag != "over":
                pass
            plugin.drop(call)
            self.assertEqual(asked, [root])


class Ending(unittest.TestCase):
    def test_a_process_ends_without_a_word(self) -> None:
        program = (
            "import os; from entra_risk import EntraRisk;"
            f"print(EntraRisk('token', endpoint=os.environ['ENDPOINT']).dismiss_risky_users(['{PRESENT}']).accepted)"
        )
        with Model() as model:
            child = subprocess.run(
                [sys.executable, "-W", "error", "-c", program],
                env={**os.environ, "ENDPOINT": model.endpoint}, capture_output=True, text=True, timeout=60,
            )
        self.assertEqual((child.stdout, child.stderr, child.returncode), (f"['{PRESENT}']\n", "", 0))
