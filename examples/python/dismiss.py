"""Dismisses the risk of users: `dismiss.py USER-ID...`, with the token in GRAPH_TOKEN. If GRAPH_ENDPOINT is set, requests go
there instead of to Microsoft Graph."""

import os
import sys

from entra_risk import EntraRisk, PartialFailure

risk = EntraRisk(os.environ.get("GRAPH_TOKEN", ""), endpoint=os.environ.get("GRAPH_ENDPOINT"))
try:
    batches = risk.dismiss_risky_users(sys.argv[1:])
    print("accepted:", sum(len(batch.ids) for batch in batches))
except PartialFailure as failure:
    print(failure)
    print("refused:", *failure.refused)
    print("to retry:", *failure.to_retry)
    sys.exit(1)
