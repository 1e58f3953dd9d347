"""A plain loop with `requests` and its retry adapter; a second argument replaces the 60 ids in a
request.

The adapter is that of
<https://requests.readthedocs.io/en/latest/user/advanced/#transport-adapters>, with 429 among the
statuses and waits of 0, 2 and 4 s, because the 0, 0.2 and 0.4 s of the documentation never outlast
a limit.
"""

import os
import sys

import requests
from requests.adapters import HTTPAdapter
from result import Result, chunks, ids
from urllib3.util import Retry

url = os.environ["GRAPH_ENDPOINT"] + "/v1.0/identityProtection/riskyUsers/dismiss"
session, result, token = requests.Session(), Result(), 1
retries = Retry(
    total=3,
    backoff_factor=1,
    status_forcelist=[429, 502, 503, 504],
    allowed_methods={"POST"},
    raise_on_status=False,
)
session.mount("http://", HTTPAdapter(max_retries=retries))

for chunk in chunks(ids(), int(sys.argv[2]) if sys.argv[2:] else 60):
    try:
        response = session.post(
            url, json={"userIds": chunk}, headers={"Authorization": f"Bearer token-{token}"}
        )
    except requests.RequestException as error:
        print(repr(error), file=sys.stderr)
        result.add("no response", chunk)
        continue
    result.add(response.status_code, chunk)
    if response.status_code == 401:
        token += 1
result.print()
