"""What abandoned attempts leave behind: no sockets, no threads, and no memory.

`python -m tests.test_abandoned` measures a thousand calls for each kind of service."""

from __future__ import annotations

import sys
import time
import unittest
from pathlib import Path

from entra_risk import EntraRisk, RateLimit

from .model import PRESENT
from .stubs import KINDS, Stub


def sockets() -> int:
    """How many sockets this process has open."""
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            count += str(descriptor.readlink()).startswith("socket:")
        except FileNotFoundError:  # That of the listing itself.
            pass
    return count


def threads() -> int:
    """How many threads this process has, with those of wasmtime."""
    return int(_status("Threads"))


def memory() -> float:
    """The resident memory of this process, in MB."""
    return int(_status("VmRSS").split()[0]) / 1024


def calls(risk: EntraRisk, count: int) -> None:
    """Performs calls of which none gets a complete response."""
    for _ in range(count):
        report = risk.dismiss_risky_users([PRESENT], attempt_timeout=0.05, max_attempts=1)
        assert report.to_retry == [PRESENT], report


def settled(limit: int) -> int:
    """The sockets that are open once there are no more than `limit`, or after some seconds."""
    until = time.monotonic() + 5
    while (count := sockets()) > limit and time.monotonic() < until:
        time.sleep(0.05)
    return count


@unittest.skipUnless(Path("/proc/self/fd").exists(), "needs /proc")
class Abandoned(unittest.TestCase):
    def test_abandoned_attempts_leave_no_sockets_and_no_threads(self) -> None:
        for kind in KINDS:
            with self.subTest(kind), Stub(kind) as endpoint:
                risk = EntraRisk("token", endpoint=endpoint, rate_limit=RateLimit(100_000, 1))
                calls(risk, 3)
                open_before, threads_before = settled(0), threads()
                self.shows_sockets_of_an_attempt(risk, kind, open_before)
                calls(risk, 40)
                self.assertLessEqual(settled(open_before), open_before)
                self.assertLessEqual(threads(), threads_before + 2)

    def shows_sockets_of_an_attempt(self, risk: EntraRisk, kind: str, idle: int) -> None:
        """Shows that sockets that stay open would be counted."""
        if kind == "reset":
            return
        call = risk.start("dismiss-risky-users", [PRESENT], attempt_timeout=30)
        until = time.monotonic() + 10
        while (count := sockets()) < idle + 3 and time.monotonic() < until:
            time.sleep(0.01)
        call.stop(0)
        self.assertEqual([batch.outcome for batch in call], ["unknown"])
        self.assertEqual(count, idle + 3, "from the plugin to the forwarder, of both ends, and to the service")


def _status(name: str) -> str:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name + ":")]
    return line.split(":", 1)[1].strip()


def measure(count: int) -> None:
    for kind in KINDS:
        with Stub(kind) as endpoint:
            risk = EntraRisk("token", endpoint=endpoint, rate_limit=RateLimit(100_000, 1))
            began, used = time.monotonic(), time.process_time()
            for done in range(0, count + 1, max(1, count // 5)):
                calls(risk, 3 if done == 0 else count // 5)
                counts = f"{settled(0):3} sockets, {threads():3} threads, {memory():6.1f} MB"
                print(f"{kind:8} {done:5} calls: {counts}", flush=True)
            seconds, used = time.monotonic() - began, time.process_time() - used
            idle = time.process_time()
            time.sleep(1)
            idle = time.process_time() - idle
            print(f"{kind:8} {seconds:.0f} s, {used:.0f} s of CPU; idle: {idle * 100:.0f} % of a core", flush=True)


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
