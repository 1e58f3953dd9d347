"""Dismisses and confirms risk in Microsoft Entra ID Protection.

>>> from azure.identity import DefaultAzureCredential
>>> from entra_risk import EntraRisk
>>> risk = EntraRisk(DefaultAzureCredential())
>>> batches = risk.dismiss_risky_users(["8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11"])
"""

from ._async import AsyncEntraRisk
from ._client import EntraRisk
from ._credential import Credential, TokenRequest
from ._errors import EntraRiskError, InvalidArgument, PartialFailure, partial_failure
from ._options import Options, RateLimit, Settings
from ._report import Batch, Error, ErrorKind, GraphError, OutcomeKind, Progress, Receipt

__all__ = [
    "AsyncEntraRisk",
    "Batch",
    "Credential",
    "EntraRisk",
    "EntraRiskError",
    "Error",
    "ErrorKind",
    "GraphError",
    "InvalidArgument",
    "Options",
    "OutcomeKind",
    "PartialFailure",
    "Progress",
    "RateLimit",
    "Receipt",
    "Settings",
    "TokenRequest",
    "partial_failure",
]
