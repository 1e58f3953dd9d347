"""The progress of a call, and what it logs."""

from __future__ import annotations

import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from entra_risk import EntraRisk, Progress, report_of

from .model import ABSENT, FAST, PRESENT, Model, some_ids


class Throttling:
    """A service that responds 429 to every request."""

    def __init__(self, seconds: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(429)
                self.send_header("retry-after", str(seconds))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Progresses(unittest.TestCase):
    def test_progress_counts_ids_by_outcome_and_ends_at_all_of_them(self) -> None:
        seen: list[Progress] = []
        with Model("--absent", ABSENT) as model:
            risk = EntraRisk("token", endpoint=model.endpoint, rate_limit=FAST)
            report = risk.dismiss_risky_users([ABSENT, ABSENT.upper(), *some_ids(179)], on_progress=seen.append)
            requests = len(model.arrivals())
        self.assertEqual({progress.done + progress.left for progress in seen}, {180})
        for progress in seen:
            by_outcome = progress.accepted + progress.refused + progress.not_applied + progress.unknown
            self.assertEqual(by_outcome, progress.done)
        self.assertEqual([progress.done for progress in seen], sorted(progress.done for progress in seen))
        last = seen[-1]
        self.assertEqual((last.done, last.left, last.accepted, last.refused), (180, 0, 179, 1))
        self.assertEqual((last.requests, last.in_flight, last.next_send, last.error), (requests, 0, None, None))
        self.assertEqual(len(report.accepted), 179)

    def test_progress_tells_what_the_call_waits_for(self) -> None:
        seen: list[Progress] = []
        with Model("--unavailable", "1") as model:
            risk = EntraRisk("token", endpoint=model.endpoint, rate_limit=FAST)
            report = risk.dismiss_risky_users([PRESENT], on_progress=seen.append, max_attempts=2)
        waiting = [progress for progress in seen if progress.error is not None and progress.next_send]
        self.assertTrue(waiting)
        for progress in waiting:
            assert progress.error is not None and progress.error.response is not None
            self.assertEqual((progress.error.kind, progress.error.response.status), ("server-error", 503))
        # Some three seconds, a line for each.
        self.assertGreaterEqual(len(waiting), 3)
        self.assertEqual((seen[-1].done, seen[-1].unknown, seen[-1].requests), (1, 1, 2))
        self.assertEqual(report.to_retry, [PRESENT])

    def test_stopped_call_ends_at_all_ids_too(self) -> None:
        seen: list[Progress] = []
        with Model() as model:
            risk = EntraRisk("token", endpoint=model.endpoint)
            call = risk.start("dismiss-risky-users", some_ids(300), on_progress=seen.append)
            for _ in call:
                call.stop()
        self.assertEqual((seen[-1].done, seen[-1].left), (300, 0))
        self.assertEqual(seen[-1].not_applied, 300 - seen[-1].accepted)

    def test_exception_of_on_progress_ends_the_call(self) -> None:
        ids = some_ids(300)

        def enough(progress: Progress) -> None:
            if progress.done >= 60:
                raise LookupError("enough")

        with Model() as model:
            with self.assertRaisesRegex(LookupError, "enough") as raised:
                EntraRisk("token", endpoint=model.endpoint).dismiss_risky_users(ids, on_progress=enough)
            report = report_of(raised.exception)
            assert report is not None
            self.assertEqual(set(report.accepted), model.applied())
            self.assertEqual(report.accepted + report.to_retry, ids)
            self.assertTrue(report.to_retry)


class Logs(unittest.TestCase):
    def test_log_says_why_a_request_is_repeated(self) -> None:
        with Model("--unavailable", "1") as model, self.assertLogs("entra_risk", "DEBUG") as logs:
            risk = EntraRisk("token", endpoint=model.endpoint)
            risk.dismiss_risky_users([PRESENT], max_attempts=2)
        self.assertRegex("\n".join(logs.output), r"dismiss-risky-users: waiting \d\.\d s: server-error \(503\)")
        self.assertNotIn(PRESENT, "".join(logs.output))

    def test_long_wait_is_logged_once_at_info(self) -> None:
        with Throttling(seconds=60) as endpoint, self.assertLogs("entra_risk", "INFO") as logs:
            seen: list[Progress] = []

            def stop_at_third_wait(progress: Progress) -> None:
                if progress.error is not None:
                    seen.append(progress)
                if len(seen) == 3:
                    call.stop(0)

            call = EntraRisk("token", endpoint=endpoint).start(
                "dismiss-risky-users", [PRESENT], on_progress=stop_at_third_wait
            )
            self.assertEqual([batch.outcome for batch in call], ["not-applied"])
        waits = [line for line in logs.output if "waiting" in line]
        self.assertEqual(len(waits), 1, logs.output)
        self.assertRegex(waits[0], r"INFO:entra_risk:dismiss-risky-users: waiting [56]\d\.\d s: throttled \(429\)")
        assert seen[0].error is not None and seen[0].error.response is not None
        self.assertEqual(seen[0].error.response.retry_after, 60)

    def test_begin_and_end_are_logged_with_counts(self) -> None:
        with Model("--absent", ABSENT) as model, self.assertLogs("entra_risk", "INFO") as logs:
            risk = EntraRisk("token", endpoint=model.endpoint, tenant="contoso", rate_limit=FAST)
            risk.dismiss_risky_users([PRESENT, ABSENT])
        [began, *_, ended] = logs.output
        self.assertIn("dismiss-risky-users: 2 ids, tenant 'contoso'", began)
        self.assertIn("dismiss-risky-users: 1 ids accepted, 1 refused, 0 to retry, cause client-error, ", ended)
