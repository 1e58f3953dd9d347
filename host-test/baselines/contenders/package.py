"""The package entra-risk: one call with all ids."""

import os

from entra_risk import EntraRisk, PartialFailure
from result import Result, ids


class Tokens:
    """Caches its token, and returns a fresh one if Microsoft Graph rejected it."""

    def __init__(self):
        self.number = 1

    def __call__(self, request):
        if request.refresh:
            self.number += 1
        return f"token-{self.number}"


def status(batch):
    """The status of the last request with these ids; for an unknown outcome "unknown"."""
    if batch.outcome == "accepted":
        return 204
    if batch.outcome == "unknown":
        return "unknown"
    return batch.error.graph.status if batch.error.graph else batch.error.kind


risk, result = EntraRisk(Tokens(), endpoint=os.environ["GRAPH_ENDPOINT"]), Result()
try:
    batches = risk.dismiss_risky_users(ids())
except PartialFailure as failure:
    batches = failure.batches
for batch in batches:
    result.add(status(batch), batch.ids)
result.print()
