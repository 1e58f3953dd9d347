"""Threads, tenants and instances."""

from __future__ import annotations

import gc
import threading
import unittest
import weakref
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

from entra_risk import EntraRisk, RateLimit, Report, TokenRequest, _component
from entra_risk._component import _compile

from .model import FAST, PRESENT, Model, some_ids

class Threads(unittest.TestCase):
    def test_eight_threads_share_one_rate_limit_and_lose_no_id(self) -> None:
        parts = [some_ids(60, first=1 + 60 * part) for part in range(16)]
        with Model() as model:
            risk = EntraRisk("token", endpoint=model.endpoint, rate_limit=RateLimit(5, 1))
            with ThreadPoolExecutor(8) as pool:
                results = list(pool.map(risk.dismiss_risky_users, parts))
            self.assertEqual([report.accepted for report in results], parts)
            self.assertEqual(model.applied(), {id for part in parts for id in part})
            self.assertEqual(model.statuses(), [204] * 16)
            times = [arrival["at"] for arrival in model.arrivals()]
            # The rate limit allows the last one after 3 s. With one for each call, the model
            # receives all of them within a second.
            self.assertGreater(max(times) - min(times), 2)
            self.assertEqual(len(risk._tenants), 1)

    def test_tenants_run_at_the_same_time_in_an_instance_each(self) -> None:
        together = threading.Barrier(8, timeout=30)

        def credential(request: TokenRequest) -> str:
            together.wait()  # Breaks unless all eight calls are in progress.
            return "token"

        with Model() as model:
            risk = EntraRisk(credential, endpoint=model.endpoint, rate_limit=FAST)

            def dismiss(number: int) -> Report:
                return risk.dismiss_risky_users([PRESENT], tenant=f"tenant-{number}")

            with ThreadPoolExecutor(8) as pool:
                results = list(pool.map(dismiss, range(8)))
            self.assertEqual([report.accepted for report in results], [[PRESENT]] * 8)
            self.assertEqual(len(risk._tenants), 8)

    def test_component_is_compiled_once_in_a_process(self) -> None:
        together = threading.Barrier(8, timeout=30)

        def compile_together(_: int) -> object:
            together.wait()
            return _compile("entra-risk.wasm")

        with patch.dict(_component._compiled, clear=True), ThreadPoolExecutor(8) as pool:
            compiled = list(pool.map(compile_together, range(8)))
        self.assertEqual(len(set(map(id, compiled))), 1)


class Instances(unittest.TestCase):
    def test_least_recently_used_instance_is_freed(self) -> None:
        with Model() as model:
            risk = EntraRisk("token", endpoint=model.endpoint, rate_limit=FAST, max_instances=2)
            for tenant in ("one", "two", "one", "three"):
                risk.dismiss_risky_users([PRESENT], tenant=tenant)
            self.assertEqual(list(risk._tenants._instances), ["one", "three"])

    def test_instance_with_an_open_call_is_kept(self) -> None:
        with Model() as model:
            risk = EntraRisk("token", endpoint=model.endpoint, rate_limit=RateLimit(1, 0.5), max_instances=1)
            call = risk.start("dismiss-risky-users", some_ids(180), tenant="open")
            for tenant in ("one", "two"):
                risk.dismiss_risky_users([PRESENT], tenant=tenant)
            self.assertIn("open", risk._tenants._instances)
            self.assertEqual(sum(len(batch.ids) for batch in call), 180)
            risk.dismiss_risky_users([PRESENT], tenant="three")
            self.assertEqual(list(risk._tenants._instances), ["three"])

    def test_freed_instance_frees_its_memory_and_thread(self) -> None:
        with Model() as model:
            risk = EntraRisk("token", endpoint=model.endpoint, rate_limit=FAST, max_instances=1)
            risk.dismiss_risky_users([PRESENT], tenant="one")
            instance = risk._tenants._instances["one"]
            instance.wait(seconds=30)
            freed = weakref.ref(instance._plugin)
            del instance
            risk.dismiss_risky_users([PRESENT], tenant="two")
            gc.collect()
            self.assertIsNone(freed())
        names = [thread.name for thread in threading.enumerate()]
        self.assertLessEqual(names.count("entra-risk"), 1)
