"""Threads, tenants and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

from entra_risk import Batch, EntraRisk, EntraRiskError, RateLimit, TokenRequest, _plugin
from entra_risk._plugin import _compile

from .model import FAST, PRESENT, Model, some_ids

INTERRUPTED = """
import json, signal, sys
from entra_risk import EntraRisk, partial_failure
from tests.model import some_ids
# A shell starts what runs in the background with the signal ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    EntraRisk("token", endpoint=sys.argv[1]).dismiss_risky_users(some_ids(6000))
except KeyboardInterrupt as error:
    failure = partial_failure(error)
    print(json.dumps([failure.cause.kind, failure.accepted, failure.to_retry]))
"""


class Threads(unittest.TestCase):
    def test_eight_threads_share_one_rate_limit_and_lose_no_id(self) -> None:
        parts = [some_ids(60, first=1 + 60 * part) for part in range(16)]
        with Model() as model:
            risk = EntraRisk("token", endpoint=model.endpoint, rate_limit=RateLimit(5, 1000))
            with ThreadPoolExecutor(8) as pool:
                results = list(pool.map(risk.dismiss_risky_users, parts))
            self.assertEqual([[id for batch in result for id in batch.ids] for result in results], parts)
            self.assertEqual(model.applied(), {id for part in parts for id in part})
            self.assertEqual(model.statuses(), [204] * 16)
            times = [arrival["at"] for arrival in model.arrivals()]
            # The rate limit allows the last one after 3 s. With one for each call, the model receives all of them within a second.
            self.assertGreater(max(times) - min(times), 2)
            self.assertEqual(len(risk._tenants), 1)

    def test_tenants_run_at_the_same_time_in_an_instance_each(self) -> None:
        together = threading.Barrier(8, timeout=30)

        def credential(request: TokenRequest) -> str:
            together.wait()  # Breaks unless all eight calls are in progress.
            return "token"

        with Model() as model:
            risk = EntraRisk(credential, endpoint=model.endpoint, rate_limit=FAST)

            def dismiss(number: int) -> list[Batch]:
                return risk.dismiss_risky_users([PRESENT], tenant=f"tenant-{number}")

            with ThreadPoolExecutor(8) as pool:
                results = list(pool.map(dismiss, range(8)))
            self.assertEqual([len(result) for result in results], [1] * 8)
            self.assertEqual(len(risk._tenants), 8)

    def test_component_is_compiled_once_in_a_process(self) -> None:
        together = threading.Barrier(8, timeout=30)

        def compile_together(_: int) -> object:
            together.wait()
            return _compile()

        with patch.multiple(_plugin, _compiled=None, _compiled_in_process=None), ThreadPoolExecutor(8) as pool:
            compiled = list(pool.map(compile_together, range(8)))
        self.assertEqual(len(set(map(id, compiled))), 1)

    def test_interrupt_ends_the_call_with_every_outcome(self) -> None:
        with Model("--latency-ms", "200") as model:
            command = [sys.executable, "-c", INTERRUPTED, model.endpoint]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            while len(model.arrivals()) < 2:
                self.assertIsNone(process.poll())
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
            self.assertEqual((process.returncode, errors), (0, ""))
            kind, accepted, to_retry = json.loads(output)
            self.assertEqual(kind, "cancelled")
            self.assertEqual(accepted + to_retry, some_ids(6000))
            self.assertEqual(model.applied(), set(accepted))

    @unittest.skipUnless(hasattr(os, "fork"), "needs fork")
    def test_forked_process_raises_instead_of_waiting_forever(self) -> None:
        with Model() as model:
            risk = EntraRisk("token", endpoint=model.endpoint, rate_limit=FAST)
            risk.dismiss_risky_users([PRESENT])
            child = os.fork()
            if child == 0:
                try:
                    risk.dismiss_risky_users([PRESENT])
                except EntraRiskError as error:
                    os._exit(5 if "forked" in str(error) else 1)
                finally:
                    os._exit(1)
            _, status = os.waitpid(child, 0)
            self.assertEqual(os.waitstatus_to_exitcode(status), 5)

    def test_call_after_a_trap_uses_a_new_instance(self) -> None:
        def trap(*_: object) -> None:
            raise RuntimeError("trap")

        with Model() as model:
            risk = EntraRisk("token", endpoint=model.endpoint, rate_limit=FAST)
            risk._tenants.instance(None)._call = trap
            with self.assertRaisesRegex(RuntimeError, "trap"):
                risk.dismiss_risky_users([PRESENT])
            risk.dismiss_risky_users([PRESENT])
