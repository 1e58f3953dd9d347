"""Calls that report while they run: their batches, and how they are ended."""

from __future__ import annotations

import gc
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from unittest.mock import patch

from wasmtime.component import ResourceAny

from entra_risk import EntraRisk, EntraRiskError, InvalidArgument, RateLimit, TokenRequest, report_of
from entra_risk._plugin import Plugin

from .model import ABSENT, FAST, PRESENT, Model, some_ids


class Iterators(unittest.TestCase):
    def test_iterator_yields_each_batch_when_it_ends(self) -> None:
        ids, seen = some_ids(180), []
        with Model() as model:
            call = EntraRisk("token", endpoint=model.endpoint).start("dismiss-risky-users", ids)
            for batch in call:
                # The next request is sent a second later: a list of results would have all three.
                seen.append((batch.ids, len(model.arrivals())))
        self.assertEqual(seen, [(tuple(ids[at : at + 60]), at // 60 + 1) for at in (0, 60, 120)])
        self.assertEqual(call.report().accepted, ids)

    def test_report_grows_and_has_the_cause_when_iteration_is_over(self) -> None:
        ids = [ABSENT, *some_ids(60)]
        with Model("--absent", ABSENT) as model:
            risk = EntraRisk("token", endpoint=model.endpoint, rate_limit=FAST, ids_per_request=1)
            call, seen = risk.start("dismiss-risky-users", ids), 0
            for batch in call:
                seen += len(batch.ids)
                reported = [id for batch in call.report().batches for id in batch.ids]
                self.assertGreaterEqual(len(reported), seen)
                self.assertEqual(reported, [id for id in ids if id in reported])
            report = call.report()
        self.assertEqual(report.refused, [ABSENT])
        assert report.cause is not None
        self.assertEqual(report.cause.kind, "client-error")

    def test_report_of_a_running_call_is_no_success(self) -> None:
        with Model() as model:
            call = EntraRisk("token", endpoint=model.endpoint).start("dismiss-risky-users", some_ids(120))
            for _ in call:
                report = call.report()
                if report.left:
                    with self.assertRaisesRegex(EntraRiskError, "60 of 120 ids accepted, 60 without an outcome yet"):
                        report.raise_for_failure()
            self.assertEqual(str(call.report().raise_for_failure()), "120 of 120 ids accepted")

    def test_finished_call_yields_nothing_again(self) -> None:
        with Model() as model:
            call = EntraRisk("token", endpoint=model.endpoint).start("dismiss-risky-users", [PRESENT])
            self.assertEqual([len(list(call)), len(list(call))], [1, 0])

    def test_invalid_argument_is_raised_by_start(self) -> None:
        with self.assertRaisesRegex(InvalidArgument, r"^ids\[0\]"):
            EntraRisk("token").start("dismiss-risky-users", ["no-guid"])

    def test_two_calls_of_a_tenant_run_at_the_same_time(self) -> None:
        with Model() as model:
            risk = EntraRisk("token", endpoint=model.endpoint, rate_limit=FAST, ids_per_request=1)
            for batch in risk.start("dismiss-risky-users", some_ids(3)):
                report = risk.confirm_risky_users_safe(batch.ids)
                self.assertEqual(report.accepted, list(batch.ids))
            self.assertEqual(model.statuses(), [204] * 6)


class Ends(unittest.TestCase):
    def test_leaving_the_loop_early_sends_nothing_more(self) -> None:
        ids = some_ids(300)
        with Model() as model:
            call = EntraRisk("token", endpoint=model.endpoint).start("dismiss-risky-users", ids)
            for batch in call:
                break
            report = call.report()
            time.sleep(1.5)
            self.assertEqual(model.applied(), set(report.accepted))
        self.assertEqual([id for batch in report.batches for id in batch.ids], ids)
        assert report.cause is not None
        self.assertEqual(report.cause.kind, "cancelled")

    def test_leaving_the_loop_early_gives_requests_in_flight_no_grace(self) -> None:
        with Model("--latency-ms", "1500") as model:
            risk = EntraRisk("token", endpoint=model.endpoint, rate_limit=RateLimit(1, 0.5), ids_per_request=1)
            call = risk.start("dismiss-risky-users", some_ids(10))
            for batch in call:
                break
        outcomes = [batch.outcome for batch in call.report().batches]
        self.assertEqual(set(outcomes), {"accepted", "unknown", "not-applied"})

    def test_batches_that_were_not_yielded_can_still_be_read(self) -> None:
        with Model() as model:
            call = EntraRisk("token", endpoint=model.endpoint).start("dismiss-risky-users", some_ids(300))
            first = next(iter(call))
            self.assertEqual(len(first.ids) + sum(len(batch.ids) for batch in call), 300)

    def test_stop_gives_requests_in_flight_their_grace(self) -> None:
        with Model("--latency-ms", "700") as model:
            graces = {None: "accepted", timedelta(seconds=5): "accepted", 0: "unknown", 0.05: "unknown"}
            for grace, outcome in graces.items():
                with self.subTest(grace=grace):
                    before = len(model.arrivals())
                    call = EntraRisk("token", endpoint=model.endpoint).start("dismiss-risky-users", [PRESENT])
                    while len(model.arrivals()) == before:
                        time.sleep(0.01)
                    call.stop(grace)
                    self.assertEqual([batch.outcome for batch in call], [outcome])

    def test_second_stop_shortens_the_grace(self) -> None:
        with Model("--latency-ms", "5000") as model:
            call = EntraRisk("token", endpoint=model.endpoint).start("dismiss-risky-users", [PRESENT])
            while not model.arrivals():
                time.sleep(0.01)
            call.stop()
            call.stop(0)
            call.stop(60)
            began = time.monotonic()
            self.assertEqual([batch.outcome for batch in call], ["unknown"])
            self.assertLess(time.monotonic() - began, 4)

    def test_grace_must_be_a_span_of_time(self) -> None:
        with Model() as model:
            call = EntraRisk("token", endpoint=model.endpoint).start("dismiss-risky-users", [PRESENT])
            with self.assertRaisesRegex(InvalidArgument, "^grace: expected 0 to "):
                call.stop(-1)

    def test_exception_in_a_with_block_ends_the_call_and_has_its_report(self) -> None:
        ids = some_ids(300)
        with Model() as model:
            risk = EntraRisk("token", endpoint=model.endpoint)
            with self.assertRaises(LookupError) as raised, risk.start("dismiss-risky-users", ids) as call:
                for batch in call:
                    raise LookupError
            report = report_of(raised.exception)
            assert report is not None
            self.assertEqual(model.applied(), set(report.accepted))
            self.assertEqual(report.accepted + report.to_retry, ids)

    def test_call_that_is_forgotten_ends(self) -> None:
        with Model() as model:
            risk = EntraRisk("token", endpoint=model.endpoint)
            risk.start("dismiss-risky-users", some_ids(6000))
            gc.collect()
            instance = risk._tenants._instances[None]
            instance.wait(seconds=30)
            self.assertTrue(instance.is_idle())

    def test_every_call_is_dropped(self) -> None:
        with (
            Model() as model,
            patch.object(Plugin, "start", autospec=True, side_effect=Plugin.start) as start,
            patch.object(Plugin, "drop", autospec=True, side_effect=Plugin.drop) as drop,
        ):
            risk = EntraRisk("token", endpoint=model.endpoint)
            risk.dismiss_risky_users([PRESENT])
            for _ in risk.start("dismiss-risky-users", some_ids(600)):
                break
            EntraRisk("", endpoint=model.endpoint).dismiss_risky_users([PRESENT])
        # Each call has one without ids before it, which checks the endpoint.
        self.assertEqual((start.call_count, drop.call_count), (6, 6))

    def test_trap_is_reported_with_the_outcomes_so_far(self) -> None:
        ids, real = some_ids(180), Plugin.next

        def trap(plugin: Plugin, call: ResourceAny, wait_ms: int) -> object:
            if len(model.arrivals()) == 2:
                raise RuntimeError("wasm trap")
            return real(plugin, call, wait_ms)

        with Model() as model:
            risk = EntraRisk("token", endpoint=model.endpoint)
            with patch.object(Plugin, "next", trap), self.assertLogs("entra_risk", "ERROR"):
                report = risk.dismiss_risky_users(ids)
            self.assertEqual(report.accepted[:60], ids[:60])
            self.assertEqual(report.accepted + report.to_retry, ids)
            assert report.cause is not None
            self.assertEqual(report.cause.kind, "other")
            self.assertEqual(risk.dismiss_risky_users([PRESENT]).accepted, [PRESENT])

    def test_call_that_has_not_begun_survives_the_trap_of_another(self) -> None:
        real, asked, queued, trapped = Plugin.next, Event(), Event(), Event()

        def credential(request: TokenRequest) -> str:
            asked.set()
            assert queued.wait(30)
            return "token"

        def trap_once(plugin: Plugin, call: ResourceAny, wait_ms: int) -> object:
            event = real(plugin, call, wait_ms)
            if not trapped.is_set():
                trapped.set()
                raise RuntimeError("wasm trap")
            return event

        with (
            Model() as model,
            patch.object(Plugin, "next", trap_once),
            self.assertLogs("entra_risk", "ERROR"),
            ThreadPoolExecutor() as pool,
        ):
            risk = EntraRisk(credential, endpoint=model.endpoint)
            first = pool.submit(risk.dismiss_risky_users, [PRESENT])
            asked.wait()
            second = pool.submit(risk.dismiss_risky_users, [ABSENT])
            while len(risk._tenants._instances[None]._open) < 2:
                time.sleep(0.01)
            queued.set()
            self.assertEqual(first.result().to_retry, [PRESENT])
            self.assertEqual(second.result().accepted, [ABSENT])
