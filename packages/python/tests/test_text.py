"""What is printed: no text from outside that a terminal executes or that breaks a line."""

from __future__ import annotations

import json
import logging
import unicodedata
import unittest
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from entra_risk import EntraRisk, EntraRiskError, InvalidArgument, TokenRequest, report_of
from entra_risk._printable import printable, shown

from .model import FAST, PRESENT, some_ids

BAD = "\x1b[31m\r\nline \x85\x9b\u2028\u2029\u202e\u2066\u200e\ufeff\x7f"


class Malicious:
    """A service that responds with `BAD` wherever it can."""

    def __init__(self, status: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                body = json.dumps({"error": {"code": BAD, "message": f"the id {BAD} is wrong"}}).encode()
                self.send_response(status)
                for name in ("request-id", "date"):
                    self.send_header(name, "\x9b\x85\xad")  # Bytes; a client may take them for ISO 8859-1.
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def date_time_string(self, timestamp: float | None = None) -> str:
                return "\x85 today"

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Texts(unittest.TestCase):
    def assert_printable(self, text: str) -> None:
        bad = [character for character in text if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs")]
        self.assertFalse(bad, ascii(text))

    def test_no_control_character_line_end_or_bidirectional_override_remains(self) -> None:
        for code in [*range(0x20), *range(0x7F, 0xA0), *map(ord, BAD), 0xD800, 0xDFFF, 0xE0001]:
            if not 0x20 <= code < 0x7F:
                self.assertIn(printable(f"a{chr(code)}b"), ("a b", "a\ufffdb"))
        text = " \"Ünïcode\", 日本語、e\u0301 'क्षि' العربية 👩🏽 \ufffd~"
        self.assertEqual(printable(text), text)

    def test_values_are_cut_and_cannot_replace_the_message(self) -> None:
        class Hostile:
            def __repr__(self) -> str:
                raise LookupError

        self.assertEqual(shown("x" * 100), "'" + "x" * 63 + "…")
        self.assertEqual(shown(Hostile()), "a Hostile")
        self.assert_printable(shown(type("Odd", (), {"__repr__": lambda _: BAD})()))

    def test_texts_of_responses_are_printable_in_reports_exceptions_and_logs(self) -> None:
        for status in (400, 403, 404, 429, 503):
            logs: list[str] = []
            handler = logging.Handler(0)
            handler.emit = lambda record: logs.append(record.getMessage())  # type: ignore[method-assign]
            logging.getLogger().addHandler(handler)
            self.addCleanup(logging.getLogger().removeHandler, handler)
            self.addCleanup(logging.getLogger().setLevel, logging.getLogger().level)
            logging.getLogger().setLevel(0)
            with self.subTest(status), Malicious(status) as endpoint:
                risk = EntraRisk("token", endpoint=endpoint, rate_limit=FAST, max_attempts=1, patience=0.5)
                report = risk.dismiss_risky_users(some_ids(2))
                with self.assertRaises(EntraRiskError) as raised:
                    report.raise_for_failure()
                error = report.batches[0].error
                assert error is not None and error.response is not None
                response = error.response
                self.assertIn("[31m", response.message)
                texts = [str(report), repr(report), str(raised.exception), str(error), error.message, *logs]
                texts += [response.code, response.message, str(response.request_id), str(response.date)]
                for text in texts:
                    self.assert_printable(text)

    def test_note_of_an_exception_is_printable(self) -> None:
        def stop(_: object) -> None:
            raise LookupError

        with Malicious(400) as endpoint:
            risk = EntraRisk("token", endpoint=endpoint, rate_limit=FAST, ids_per_request=1)
            with self.assertRaises(LookupError) as raised:
                for batch in risk.start("dismiss-risky-users", some_ids(1), on_progress=stop):
                    pass
        self.assertIsNotNone(report_of(raised.exception))
        for note in getattr(raised.exception, "__notes__", []):
            self.assert_printable(note)

    def test_arguments_are_printable_in_messages(self) -> None:
        class Custom:
            def __repr__(self) -> str:
                return BAD

        odd: Any = type(BAD, (), {})
        risk: Any = EntraRisk("token")
        calls: list[Callable[[], object]] = [
            lambda: risk.dismiss_risky_users([BAD]),
            lambda: risk.dismiss_risky_users([Custom()]),
            lambda: risk.dismiss_risky_users(odd()),
            lambda: risk.dismiss_risky_users([PRESENT], tenant=BAD),
            lambda: risk.dismiss_risky_users([PRESENT], tenant=odd()),
            lambda: risk.dismiss_risky_users([PRESENT], **{BAD: 1}),
            lambda: risk.dismiss_risky_users([PRESENT], api_version=BAD),
            lambda: risk.start(BAD, [PRESENT]),
            *(
                partial(risk.dismiss_risky_users, [PRESENT], **{option: Custom()})
                for option in ("deadline", "max_attempts", "rate_limit", "api_version", "isolate_refused")
            ),
            lambda: EntraRisk("token", endpoint=f"https://{BAD}").dismiss_risky_users([PRESENT]),
            lambda: EntraRisk(odd()),
            lambda: EntraRisk(odd),
        ]
        for number, call in enumerate(calls):
            with self.subTest(number), self.assertRaises((InvalidArgument, TypeError)) as raised:
                call()
            if number != 2:  # Python's own message about what is not iterable.
                self.assert_printable(str(raised.exception))

    def test_name_of_an_exception_is_printable(self) -> None:
        odd: type[Exception] = type(BAD, (Exception,), {})

        def credential(_: TokenRequest) -> str:
            raise odd

        with self.assertRaises(odd) as raised:
            EntraRisk(credential, endpoint="http://127.0.0.1:1").dismiss_risky_users([PRESENT])
        self.assert_printable(str(report_of(raised.exception)))
