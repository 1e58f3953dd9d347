"""The package entra-risk: one call with all ids."""

import os

from entra_risk import EntraRisk
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
    return batch.error.response.status if batch.error.response else batch.error.kind


risk, result = EntraRisk(Tokens(), endpoint=os.environ["GRAPH_ENDPOINT"]), Result()
for batch in risk.dismiss_risky_users(ids()).batches:
    result.add(status(batch), batch.ids)
result.print()
