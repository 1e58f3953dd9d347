"""What people write after reading the documentation, with `requests`: at most 60 ids in a request,
a pause of 1.02 s between requests, another try after what Microsoft Graph calls temporary, a fresh
token after a 401, halves of what is refused, and a file from which the next run resumes.

<https://learn.microsoft.com/graph/throttling>, <https://learn.microsoft.com/graph/errors>
"""

import os
import sys
import time

import requests
from result import Result, chunks, ids

PAUSE = 1.02
TRIES = 5

url = os.environ["GRAPH_ENDPOINT"] + "/v1.0/identityProtection/riskyUsers/dismiss"
session, result, token = requests.Session(), Result(), 1
done = "done.txt"


def send(chunk):
    """The status of the last try."""
    global token
    for attempt in range(TRIES):
        time.sleep(PAUSE)
        try:
            response = session.post(
                url,
                json={"userIds": chunk},
                headers={"Authorization": f"Bearer token-{token}"},
                timeout=30,
            )
        except requests.RequestException as error:
            print(repr(error), file=sys.stderr)
            status, wait = "no response", 2**attempt
        else:
            status, wait = (
                response.status_code,
                int(response.headers.get("Retry-After", 2**attempt)),
            )
        if status == 401:
            token += 1
        elif status in (429, 500, 502, 503, 504, "no response"):
            time.sleep(wait)
        else:
            break
    return status


with open(done, "a+", encoding="ascii") as file:
    file.seek(0)
    finished = set(file.read().split())
    waiting = chunks([id for id in ids() if id not in finished])
    while waiting:
        chunk = waiting.pop(0)
        status = send(chunk)
        if status in (400, 404) and len(chunk) > 1:
            half = len(chunk) // 2
            waiting[:0] = [chunk[:half], chunk[half:]]
            continue
        result.add(status, chunk)
        if status in (204, 400, 404):
            file.writelines(f"{id}\n" for id in chunk)
            file.flush()
result.print()
