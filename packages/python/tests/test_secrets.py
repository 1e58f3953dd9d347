"""A service that repeats tokens wherever it can: nothing that the package reports, raises or logs
contains them, nor do the variables of its functions in a traceback."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import threading
import traceback
import unittest
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from entra_risk import AsyncEntraRisk, EntraRisk, Progress, RateLimit, Report, TokenRequest, report_of

from .model import CANARY, PRESENT, Model, some_ids

RUN = 24
"""No run of this many characters of a token appears anywhere."""
BEFORE = 40
"""Tokens before that of a request which the service repeats too."""
# One 401 in a round: a request that is repeated with a fresh token must not meet the next one, which
# would end the call.
STATUSES = (204, 404, 400, 401, 409, 302, 404, 200, *(204, 404, 400, 410, 409, 302, 404, 200) * 3, 503, 429)
FAILING = some_ids(9)[-1]
"""The id on which the service fails in every attempt, whatever else it responds meanwhile."""


class Echo:
    """A service that repeats the token of the request, and those of the 40 before, in every header
    and in every part of the body."""

    def __init__(self) -> None:
        echo = self
        self.tokens: list[str] = []
        """The token of each request."""
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                token = self.headers["authorization"].removeprefix("Bearer ")
                with lock:
                    number = len(echo.tokens)
                    echo.tokens.append(token)
                    known = echo.tokens[-BEFORE - 1 :]
                # The token of the request, or the oldest one, or each in turn.
                chosen = (token, known[0], known[number * 7 % len(known)])[number % 3]
                status = 502 if FAILING.encode() in body else STATUSES[number % len(STATUSES)]
                self.respond(status, chosen, known)

            def respond(self, status: int, token: str, known: list[str]) -> None:
                claims = json.dumps({"access_token": {"nbf": {"essential": True, "value": token}}})
                challenge = f'Bearer realm="{token}", error="{token}", error_description="{token}", claims="{token}"'
                message = f"{token} and {token[5:40]} and {token[-60:]}: {' '.join(known)}"
                body = json.dumps({
                    "error": {
                        "code": token,
                        "message": message,
                        token: token,
                        "innerError": {name: token for name in ("code", "date", "request-id", "client-request-id")},
                        "details": [{"code": token, "message": message, "target": token}],
                    },
                    token: known,
                    "claims": claims,
                }).encode()
                self.wfile.write(f"HTTP/1.1 {status} {token}\r\n".encode())
                names = (
                    "request-id client-request-id date server location content-type x-ms-ags-diagnostic etag via warning"
                    " set-cookie retry-after ratelimit-reset x-ms-throttle-information x-ms-request-id"
                )
                for name in names.split():
                    if not (name == "retry-after" and status in (429, 503)):
                        self.send_header(name, token)
                if status in (429, 503):
                    self.send_header("retry-after", "0")
                self.send_header("www-authenticate", challenge)
                self.send_header(f"x-{token[:30]}", token)
                if status != 204:
                    self.send_header("content-length", str(len(body)))
                self.end_headers()
                if status != 204:
                    self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> Echo:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Output:
    """What is logged at all levels, by all loggers, and what else is printed."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._handler = handler = logging.Handler(0)
        handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        handler.emit = lambda record: self.texts.append(handler.format(record))  # type: ignore[method-assign]
        self._level = logging.getLogger().level

    def __enter__(self) -> Output:
        logging.getLogger().addHandler(self._handler)
        logging.getLogger().setLevel(1)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self._handler)
        logging.getLogger().setLevel(self._level)

    def add_report(self, report: Report | None) -> None:
        assert report is not None
        self.texts += [str(report), repr(report)]

    def add_exception(self, error: BaseException) -> None:
        """Adds a traceback, with the variables of the functions of the package."""
        self.texts += traceback.format_exception(error)
        self.texts += [f"{name} = {value!r}" for name, value in variables(error)]

    def runs_of(self, tokens: list[str]) -> list[str]:
        """The lines that contain a part of a token."""
        runs = {token[at : at + RUN] for token in tokens for at in range(len(token) - RUN + 1)}
        return [
            text for text in self.texts if any(text[at : at + RUN] in runs for at in range(len(text) - RUN + 1))
        ]


def variables(error: BaseException | None) -> Iterator[tuple[str, Any]]:
    """The local variables of the package's functions in the tracebacks of an exception."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_globals.get("__package__") == "entra_risk":
                yield from frame.f_locals.items()
        error = error.__cause__ or error.__context__


class Tokens:
    """A credential that returns another token each time, and raises `error` after the last one."""

    def __init__(self, count: int, error: BaseException | None = None, characters: int = 200) -> None:
        self.issued: list[str] = []
        self._left = count
        self._error = error
        self._characters = characters

    def __call__(self, request: TokenRequest) -> str:
        if self._left == 0 and self._error is not None:
            raise self._error
        self._left -= 1
        self.issued.append(("ey" + secrets.token_urlsafe(self._characters))[: self._characters])
        return self.issued[-1]


def raised_by(call: Callable[[], Any]) -> BaseException:
    """What a call raises. `assertRaises` would clear the variables."""
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


OPTIONS: Any = {"rate_limit": RateLimit(1000, 1), "ids_per_request": 1, "max_attempts": 2, "patience": 60}


class Repeated(unittest.TestCase):
    def assert_hidden(self, output: Output, tokens: list[str]) -> None:
        self.assertEqual([line[:500] for line in output.runs_of(tokens)][:3], [])

    def test_part_of_a_token_is_found(self) -> None:
        output, token = Output(), secrets.token_urlsafe(150)
        output.texts = [f"x{token[9 : 9 + RUN]}x", token[: RUN - 1]]
        self.assertEqual(output.runs_of([token]), output.texts[:1])

    def test_service_that_repeats_tokens_gets_none_into_a_report_or_log(self) -> None:
        credential, seen = Tokens(1000), list[Progress]()
        with Echo() as service, Output() as output:
            risk = EntraRisk(credential, endpoint=service.endpoint, **OPTIONS)
            call = risk.start("dismiss-risky-users", some_ids(110), on_progress=seen.append)
            for batch in call:
                output.texts.append(repr(batch))
            output.add_report(call.report())
        self.assertGreaterEqual(len(service.tokens), 120)
        self.assertEqual(len(set(service.tokens)), len(service.tokens))
        output.texts += map(repr, seen)
        text = "".join(output.texts)
        self.assertIn("[token]", text)
        for name in ("receipt", "client-error", "entra_risk DEBUG", "server-error", "unexpected-status"):
            self.assertIn(name, text)
        self.assert_hidden(output, credential.issued)

    def test_exception_after_many_requests_contains_no_token(self) -> None:
        credential = Tokens(150, LookupError("sealed"))
        with Echo() as service, Output() as output:
            risk = EntraRisk(credential, endpoint=service.endpoint, **OPTIONS)
            error = raised_by(lambda: risk.dismiss_risky_users(some_ids(300)))
            output.add_exception(error)
            output.add_report(report_of(error))
        self.assertIsInstance(error, LookupError)
        self.assertGreaterEqual(len(service.tokens), 120)
        self.assert_hidden(output, credential.issued)

    def test_asyncio_logs_no_token_in_its_debug_mode(self) -> None:
        credential = Tokens(150, LookupError("sealed"), characters=RUN)  # asyncio cuts what is longer.

        async def slowly(request: TokenRequest) -> str:
            return credential(request)

        async def main() -> None:
            asyncio.get_running_loop().slow_callback_duration = 0  # Log every callback.
            risk = AsyncEntraRisk(slowly, endpoint=service.endpoint, **OPTIONS)
            await risk.dismiss_risky_users(some_ids(300))

        with Echo() as service, Output() as output:
            error = raised_by(lambda: asyncio.run(main(), debug=True))
            output.add_exception(error)
        self.assertIsInstance(error, LookupError)
        self.assertGreaterEqual(len(service.tokens), 120)
        self.assertIn("asyncio WARNING", "".join(output.texts))
        self.assert_hidden(output, credential.issued)


class Variables(unittest.TestCase):
    """Tools that print the variables of tracebacks print no token."""

    def test_tracebacks_of_mistakes_contain_no_token(self) -> None:
        class Token:
            token: Any = 5

            def __repr__(self) -> str:
                return CANARY

        async def asynchronous(request: TokenRequest) -> Any:
            return Token()

        settings: list[dict[str, Any]] = [
            {"cloud": "moon"},
            {"tennant": "x"},
            {"max_instances": 0},
            {"endpoint": "http://example.com"},
            {"deadline": -1},
        ]
        credentials: list[Any] = [
            CANARY + "\u00f6",
            CANARY.encode(),
            lambda _: CANARY.encode(),
            lambda _: CANARY + "\u00f6",
            lambda _: Token(),
        ]
        attempts: list[tuple[type[EntraRisk] | type[AsyncEntraRisk], Any, dict[str, Any]]] = [
            *((kind, CANARY, each) for kind in (EntraRisk, AsyncEntraRisk) for each in settings),
            *((kind, each, {}) for kind in (EntraRisk, AsyncEntraRisk) for each in (*credentials, asynchronous)),
        ]
        def perform(kind: Any, credential: Any, settings: dict[str, Any]) -> None:
            async def main() -> None:
                await kind(credential, **settings).dismiss_risky_users([PRESENT])

            if kind is AsyncEntraRisk:
                asyncio.run(main())
            else:
                kind(credential, **settings).dismiss_risky_users([PRESENT])

        with Model() as model:
            for kind, credential, given in attempts:
                with self.subTest(kind, given=given, credential=type(credential)):
                    error = raised_by(lambda: perform(kind, credential, {"endpoint": model.endpoint, **given}))
                    self.assertIsInstance(error, (TypeError, ValueError))
                    found = [f"{name} = {value!r}" for name, value in variables(error)]
                    self.assertTrue(found)
                    self.assertEqual([each for each in found if CANARY in each], [])

    def test_refused_renewal_contains_no_token(self) -> None:
        with Model("--revoke-after", "0") as model, Output() as output:
            output.add_report(EntraRisk(CANARY, endpoint=model.endpoint).dismiss_risky_users([PRESENT]))
        self.assertNotIn(CANARY, "".join(output.texts))
