"""Dismisses and confirms risk in Microsoft Entra ID Protection.

>>> from azure.identity import DefaultAzureCredential
>>> from entra_risk import EntraRisk
>>> risk = EntraRisk(DefaultAzureCredential())
>>> print(risk.dismiss_risky_users(["8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11"]))
1 of 1 ids accepted
"""

from ._action import Action
from ._async_call import AsyncCall
from ._async_client import AsyncEntraRisk
from ._call import Call
from ._check import TokenCheck
from ._client import EntraRisk
from ._credential import Credential, TokenRequest
from ._entry import Collection, Entry, ListError
from ._errors import EntraRiskError, InvalidArgument
from ._options import ListOptions, Options, RateLimit, Settings
from ._progress import Progress
from ._report import Batch, Error, ErrorKind, Outcome, Receipt, Report, Response, report_of
from ._sign_in import SignIn, SignInError
from ._verification import Verification

__all__ = [
    "Action",
    "AsyncCall",
    "AsyncEntraRisk",
    "Batch",
    "Call",
    "Collection",
    "Credential",
    "EntraRisk",
    "EntraRiskError",
    "Entry",
    "Error",
    "ErrorKind",
    "InvalidArgument",
    "ListError",
    "ListOptions",
    "Options",
    "Outcome",
    "Progress",
    "RateLimit",
    "Receipt",
    "Report",
    "Response",
    "Settings",
    "SignIn",
    "SignInError",
    "TokenCheck",
    "TokenRequest",
    "Verification",
    "report_of",
]
