"""Dismisses the risk of users with a high level, and waits until it is gone, with one credential."""

import os

from azure.identity import DefaultAzureCredential
from rich.progress import track

from entra_risk import EntraRisk

risk = EntraRisk(os.environ.get("GRAPH_TOKEN") or DefaultAzureCredential(), endpoint=os.environ.get("GRAPH_ENDPOINT"))
users = risk.list_risky_users("riskState eq 'atRisk' and riskLevel eq 'high'")
ids = [user.id for user in track(users, "listing") if not user.deleted]  # Nobody can dismiss theirs.
report = risk.dismiss_risky_users(ids)
print(report)
print(risk.verify("dismiss-risky-users", report.accepted))
