"""Processes that are forked: they raise an error instead of waiting forever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import unittest

from .model import Model

BEGIN = """
import os, sys, threading, time
from entra_risk import EntraRisk, RateLimit, _component
from tests.model import PRESENT, some_ids
def in_child(act):
    child = os.fork()
    if child == 0:
        try:
            act()
        except RuntimeError as error:
            os._exit(5 if "forked" in str(error) else 1)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
risk = EntraRisk("token", endpoint=sys.argv[1])
dismiss = lambda: risk.dismiss_risky_users([PRESENT])
"""
AFTER = BEGIN + """
dismiss()
print(in_child(dismiss))
"""
DURING_COMPILATION = BEGIN + """
compiling, forked = threading.Event(), threading.Event()
real = _component.Component
def slow(*arguments):
    compiling.set()
    forked.wait()
    return real(*arguments)
_component.Component = slow
thread = threading.Thread(target=dismiss)
thread.start()
compiling.wait()
print(in_child(dismiss))
forked.set()
thread.join()
"""
OPEN = BEGIN + """
call = risk.start("dismiss-risky-users", some_ids(300))
batches = iter(call)
next(batches)
print(in_child(lambda: list(batches)), in_child(lambda: list(call)), in_child(lambda: call.__exit__(None, None, None)))
"""
LOCKED = BEGIN + """
call = risk.start("dismiss-risky-users", some_ids(300))
with call._work._lock, risk._tenants._instances[None]._lock:
    threading.Thread(target=lambda: print(in_child(lambda: (call.report(), dismiss())))).start()
    time.sleep(3)
call.stop(0)
"""
ENDS = BEGIN + """
call = risk.start("dismiss-risky-users", some_ids(300))
child = os.fork()
if child == 0:
    sys.exit(5)
began = time.monotonic()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
assert time.monotonic() - began < 0.9
call.stop(0)
"""
BEFORE = BEGIN + """
child = os.fork()
accepted = dismiss().accepted == [PRESENT]
if child == 0:
    os._exit(5 if accepted else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@unittest.skipUnless(hasattr(os, "fork"), "needs fork")
class Forks(unittest.TestCase):
    def run_program(self, program: str) -> str:
        with Model() as model:
            command = [sys.executable, "-W", "ignore", "-c", program, model.endpoint]
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
            )
            try:
                return process.communicate(timeout=30)[0].strip()
            except subprocess.TimeoutExpired:
                self.fail("the process, or what it forked, waits forever")
            finally:
                # A child that waits too.
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate()

    def test_process_forked_after_the_first_action_has_begun_is_refused(self) -> None:
        for program in (AFTER, DURING_COMPILATION):
            with self.subTest(program):
                self.assertEqual(self.run_program(program), "5")

    def test_forked_process_cannot_go_on_with_a_call(self) -> None:
        self.assertEqual(self.run_program(OPEN), "5 5 5")

    def test_locks_of_other_threads_do_not_hold_a_forked_process(self) -> None:
        self.assertEqual(self.run_program(LOCKED), "5")

    def test_forked_process_ends_although_a_call_was_open(self) -> None:
        self.assertEqual(self.run_program(ENDS), "5")

    def test_process_forked_before_the_first_action_performs_actions(self) -> None:
        self.assertEqual(self.run_program(BEFORE), "5")
