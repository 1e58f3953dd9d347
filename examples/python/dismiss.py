"""Dismisses the risk of users: `dismiss.py USER-ID...`, with the token in GRAPH_TOKEN. If
GRAPH_ENDPOINT is set, requests go there instead of to Microsoft Graph."""

import os
import sys

from entra_risk import EntraRisk

risk = EntraRisk(os.environ.get("GRAPH_TOKEN", ""), endpoint=os.environ.get("GRAPH_ENDPOINT"))
call = risk.start("dismiss-risky-users", sys.argv[1:])
for batch in call:  # As soon as its ids have their outcome.
    print(f"{batch.outcome}: {len(batch.ids)}")

report = call.report()
if report.cause is not None:
    print(report)
    print("refused:", *report.refused)
    print("to retry:", *report.to_retry)
    sys.exit(1)
