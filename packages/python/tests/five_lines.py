import os
from entra_risk import EntraRisk
risk = EntraRisk(lambda request: "a-token", endpoint=os.environ["GRAPH_ENDPOINT"])
for batch in risk.start("dismiss-risky-users", ["8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11"]):
    print(batch.outcome, *batch.ids)
