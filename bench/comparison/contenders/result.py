"""What every contender in Python shares: the ids, the chunks, and the result."""

import json
import re
import sys


def ids():
    """The ids of the users: one on each line of the file that the first argument names."""
    with open(sys.argv[1], encoding="ascii") as file:
        return file.read().split()


def chunks(ids, size=60):
    """The ids in requests of at most `size`."""
    return [ids[start : start + size] for start in range(0, len(ids), size)]


class Result:
    """What the caller knows at the end: the ids by the status of their last request."""

    def __init__(self):
        self.by_status = {}

    def add(self, status, ids):
        """Records that the last request with these ids ended with this status, or with "no
        response"."""
        self.by_status[str(status)] = self.by_status.get(str(status), 0) + len(ids)

    def print(self):
        """Prints the result as a line of JSON, with the peak of the resident memory."""
        with open("/proc/self/status", encoding="ascii") as file:
            memory = int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1])
        print(json.dumps({"by_status": self.by_status, "memory_kib": memory}))
