"""Dismisses the risk of the users in a CSV of the portal, with a progress bar: `portal.py FILE`. Stop it
with Ctrl-C or kill it, and run it again: it continues with the ids that are not in FILE.done."""

import csv
import os
import sys
from pathlib import Path

from azure.identity import DefaultAzureCredential
from tqdm import tqdm

from entra_risk import EntraRisk

path = sys.argv[1]
with open(path, newline="", encoding="utf-8-sig") as file:
    ids = [row["User ID"] for row in csv.DictReader(file)]
risk = EntraRisk(os.environ.get("GRAPH_TOKEN") or DefaultAzureCredential(), endpoint=os.environ.get("GRAPH_ENDPOINT"))

with open(f"{path}.done", "a", encoding="utf-8") as done:
    before = set(Path(done.name).read_text(encoding="utf-8").split())
    call = risk.start("dismiss-risky-users", [id for id in ids if id not in before])
    bar = tqdm(total=len(ids), initial=len(before))
    try:
        for batch in call:
            bar.update(len(batch.ids))
            if batch.outcome in ("accepted", "refused"):  # Neither needs to be sent again.
                print(*batch.ids, sep="\n", file=done, flush=True)
    except KeyboardInterrupt:
        print(*call.report().accepted, sep="\n", file=done)  # Requests in flight have ended meanwhile.
    bar.close()

print(call.report())
sys.exit(1 if call.report().to_retry else 0)
