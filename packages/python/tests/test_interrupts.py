"""Ctrl-C, in processes of their own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import unittest
from collections.abc import Callable
from typing import Any

from .model import Model, some_ids

BEGIN = """
import asyncio, json, signal, sys, time
from entra_risk import AsyncEntraRisk, EntraRisk, report_of
from tests.model import some_ids
# A shell starts what runs in the background with the signal ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
def blocks(request):
    print("asked", flush=True)
    time.sleep(3600)
def show(error):
    report = report_of(error)
    print(json.dumps([type(error).__name__, report.cause.kind, report.accepted, report.to_retry]))
ids = some_ids(6000)
"""
WAITING = BEGIN + """
try:
    EntraRisk("token", endpoint=sys.argv[1]).dismiss_risky_users(ids)
except KeyboardInterrupt as error:
    assert error.report is report_of(error)
    show(error)
"""
ITERATING = BEGIN + """
try:
    for batch in EntraRisk("token", endpoint=sys.argv[1]).start("dismiss-risky-users", ids):
        pass
except KeyboardInterrupt as error:
    show(error)
"""
IN_ASYNCIO = BEGIN + """
try:
    asyncio.run(AsyncEntraRisk("token", endpoint=sys.argv[1]).dismiss_risky_users(ids))
except KeyboardInterrupt as error:
    show(error)
"""
BLOCKED = BEGIN + """
try:
    EntraRisk(blocks, endpoint=sys.argv[1]).dismiss_risky_users(ids)
except KeyboardInterrupt as error:
    show(error)
"""
OPEN = BEGIN + """
import logging, threading
logging.basicConfig(stream=sys.stdout, level=logging.INFO)
risk, begun = EntraRisk("token", endpoint=sys.argv[1]), threading.Event()
def follow():
    for batch in risk.start("dismiss-risky-users", ids):
        begun.set()
threading.Thread(target=follow, daemon=True).start()
begun.wait()
"""

STOPPED = BEGIN + """
async def hangs(request):
    print("asked", flush=True)
    await asyncio.sleep(3600)
loop = asyncio.new_event_loop()
task = loop.create_task(AsyncEntraRisk({credential}, endpoint=sys.argv[1]).dismiss_risky_users(ids))
loop.call_later(1, loop.stop)
loop.run_forever()
print("stopped", flush=True)
"""
HANGING = BEGIN + """
async def hangs(request):
    print("asked", flush=True)
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            print("cancelled", flush=True)
            if sys.argv[2:] == ["once"]:
                raise
async def main():
    await AsyncEntraRisk(hangs, endpoint=sys.argv[1]).dismiss_risky_users(ids)
try:
    asyncio.run(main())
except KeyboardInterrupt as error:
    show(error)
"""


class Interrupts(unittest.TestCase):
    def start(self, program: str, model: Model, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program, model.endpoint, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        return process

    def wait_for(self, process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
        while not condition():
            self.assertIsNone(process.poll())
            time.sleep(0.02)

    def interrupt(self, process: subprocess.Popen[str]) -> Any:
        """Presses Ctrl-C, and returns what the program prints."""
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, errors), (0, ""))
        return json.loads(output.splitlines()[-1])

    def test_interrupt_ends_the_call_with_every_outcome(self) -> None:
        programs = [WAITING, ITERATING]
        if sys.version_info >= (3, 11):  # Before, `asyncio.run` raises it outside of the task.
            programs.append(IN_ASYNCIO)
        for program in programs:
            # With a request in flight, and with none.
            for latency in ("700", "5"):
                with self.subTest(program, latency=latency), Model("--latency-ms", latency) as model:
                    process = self.start(program, model)
                    self.wait_for(process, lambda: len(model.arrivals()) == 2)
                    time.sleep(0.2)
                    kind, cause, accepted, to_retry = self.interrupt(process)
                    self.assertEqual((kind, cause), ("KeyboardInterrupt", "cancelled"))
                    self.assertEqual(accepted + to_retry, some_ids(6000))
                    self.assertEqual(model.applied(), set(accepted))
                    self.assertEqual(len(accepted), 120)

    def test_interrupt_ends_a_call_whose_credential_blocks(self) -> None:
        with Model() as model:
            process = self.start(BLOCKED, model)
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), "asked\n")
            began = time.monotonic()
            _, cause, accepted, to_retry = self.interrupt(process)
            self.assertLess(time.monotonic() - began, 5)
            self.assertEqual((cause, accepted, to_retry), ("cancelled", [], some_ids(6000)))

    def test_second_interrupt_ends_the_process(self) -> None:
        with Model("--latency-ms", "60000") as model:
            process = self.start(WAITING, model)
            self.wait_for(process, lambda: bool(model.arrivals()))
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
            self.assertIsNone(process.poll())
            began = time.monotonic()
            _, _, accepted, to_retry = self.interrupt(process)
            self.assertLess(time.monotonic() - began, 5)
            self.assertEqual((accepted, to_retry), ([], some_ids(6000)))

    def test_process_ends_although_the_loop_was_stopped(self) -> None:
        for credential in ("hangs", "blocks", "'token'"):
            with self.subTest(credential), Model("--latency-ms", "60000") as model:
                process = self.start(STOPPED.format(credential=credential), model)
                output, _ = process.communicate(timeout=30)
                self.assertEqual((process.returncode, output.splitlines()[-1]), (0, "stopped"))

    @unittest.skipIf(sys.version_info < (3, 11), "asyncio.run does not cancel the task")
    def test_interrupt_cancels_an_asynchronous_credential(self) -> None:
        with Model() as model:
            process = self.start(HANGING, model, "once")
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), "asked\n")
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=30)
            self.assertEqual((process.returncode, errors), (0, ""))
            [cancelled, shown] = output.splitlines()
            self.assertEqual((cancelled, json.loads(shown)[1:3]), ("cancelled", ["cancelled", []]))

    @unittest.skipIf(sys.version_info < (3, 11), "asyncio.run does not cancel the task")
    def test_second_interrupt_ends_a_process_whose_credential_ignores_cancellation(self) -> None:
        with Model() as model:
            process = self.start(HANGING, model)
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), "asked\n")
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.stdout.readline(), "cancelled\n")
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=30)
            self.assertEqual(json.loads(output.splitlines()[-1])[0], "KeyboardInterrupt")

    def test_process_ends_although_a_call_is_open(self) -> None:
        with Model() as model:
            process = self.start(OPEN, model)
            output, errors = process.communicate(timeout=30)
            self.assertEqual((process.returncode, errors), (0, ""))
            [_, ended] = output.splitlines()
            self.assertIn("60 ids accepted, 0 refused, 5940 to retry, cause cancelled", ended)
