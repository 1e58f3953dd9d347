"""Runs one command against a new service, and compares what it reports with the record of the
service."""

import json
import os
import resource
import subprocess
import time

LONGEST_S = 900


def run(model, service, work, command, environment, ids, bad=frozenset()):
    """The measurements of one run. `command` takes a file of ids and returns the command to run.
    `done_at` are the times at which good ids were first applied, in seconds since the start of the
    process."""
    file, record = work / "ids.txt", work / "record.jsonl"
    file.write_text("\n".join(ids) + "\n", encoding="ascii")
    # What a contender keeps for the next run.
    (work / "done.txt").unlink(missing_ok=True)
    start, before = time.monotonic(), processor_seconds()
    finished = subprocess.run(
        [
            str(part)
            for part in (
                model,
                "--record",
                record,
                *service,
                "--",
                "timeout",
                LONGEST_S,
                *command(file),
            )
        ],
        cwd=work,
        check=False,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    seconds = time.monotonic() - start
    # The lines of the service begin with a time, the result of the contender with a brace.
    results = [line for line in finished.stdout.splitlines() if line.startswith("{")]
    if finished.returncode or not results:
        raise SystemExit(f"exit code {finished.returncode}: {finished.stdout[-2000:]}")
    requests = [json.loads(line) for line in record.read_text(encoding="ascii").splitlines()]
    first = {}
    for request in requests:
        for id in request["ids"] if request["applied"] else ():
            first.setdefault(id, request["at"])
    good = [id for id in ids if id not in bad]
    result = json.loads(results[-1])
    unknown = sum(
        n
        for status, n in result["by_status"].items()
        if status in ("unknown", "no response") or status[0] == "5"
    )
    return {
        "seconds": seconds,
        "processor_seconds": processor_seconds() - before,
        "arrivals": [request["at"] for request in requests],
        "ids": len(ids),
        "good": len(good),
        "done_at": sorted(first[id] for id in good if id in first),
        "unknown": unknown,
        "requests": len(requests),
        "throttled": sum(request["status"] == 429 for request in requests),
        **result,
    }


def command_seconds(command, environment):
    """The processor time of this command."""
    before = processor_seconds()
    subprocess.run(command, check=True, env=os.environ | environment)
    return processor_seconds() - before


def processor_seconds():
    """The processor time of all processes that have ended here."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def size(folder):
    """The bytes that the files in this folder take on the disk."""
    files = (file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    return sum(512 * file.stat().st_blocks for file in files)
