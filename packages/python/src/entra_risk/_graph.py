"""What the package knows of Microsoft Graph: where it is, the paths of actions and collections, and
the least permission that each needs."""

from __future__ import annotations

import re
from typing import NamedTuple

ROOTS = {
    "global": "https://graph.microsoft.com",
    "us-gov-l4": "https://graph.microsoft.us",
    "us-gov-l5": "https://dod-graph.microsoft.us",
    "china": "https://microsoftgraph.chinacloudapi.cn",
}
"""The address of Microsoft Graph in each cloud, which is the audience of tokens for it."""

AUTHORITIES = {
    "https://graph.microsoft.com": "login.microsoftonline.com",
    "https://graph.microsoft.us": "login.microsoftonline.us",
    "https://dod-graph.microsoft.us": "login.microsoftonline.us",
    "https://microsoftgraph.chinacloudapi.cn": "login.chinacloudapi.cn",
}
"""Where to sign in for a token with each audience. Source:
https://learn.microsoft.com/graph/deployments."""


class _Target(NamedTuple):
    path: str
    delegated: str
    """The permission that a person grants."""
    application: str
    """The permission that an application has itself."""
    reading: tuple[str, ...]
    """The permissions to read, delegated or of an application. All of them are needed."""


_USER = "IdentityRiskyUser"
_PRINCIPAL = "IdentityRiskyServicePrincipal"
_AGENT = "IdentityRiskyAgent"
_WRITE = ".ReadWrite.All"
_READ = ".Read.All"
# Source: the reference of Microsoft Graph.
_TARGETS = {
    "sign-ins": _Target(
        "auditLogs/signIns", _USER + _WRITE, "IdentityRiskEvent" + _WRITE, ("AuditLog" + _READ, "Directory" + _READ)
    ),
    "risky-users": _Target("identityProtection/riskyUsers", _USER + _WRITE, _USER + _WRITE, (_USER + _READ,)),
    "risky-service-principals": _Target(
        "identityProtection/riskyServicePrincipals", _PRINCIPAL + _WRITE, _PRINCIPAL + _WRITE, (_PRINCIPAL + _READ,)
    ),
    "risky-agents": _Target("identityProtection/riskyAgents", _AGENT + _WRITE, _AGENT + _WRITE, (_AGENT + _READ,)),
}
"""What an action acts on. The name of an action contains it; a collection has this name."""


def delegated(name: str) -> tuple[str, ...]:
    """The permissions that a person needs for an action or to read a collection."""
    target = _target(name)
    return target.reading if name in _TARGETS else (target.delegated,)


def of_application(name: str) -> tuple[str, ...]:
    """The permissions that an application needs for an action or to read a collection."""
    target = _target(name)
    return target.reading if name in _TARGETS else (target.application,)


def request_line(name: str) -> re.Pattern[str]:
    """Matches method, path and query of the requests of an action, or of those that read a
    collection."""
    path = f"/(v1\\.0|beta)/{_target(name).path}"
    if name in _TARGETS:
        return re.compile(f"GET {path}(\\?[!-~]*)?")
    function = "dismiss" if name.startswith("dismiss-") else f"confirm{name.rpartition('-')[2].capitalize()}"
    return re.compile(f"POST {path}/{function}")


def _target(name: str) -> _Target:
    [target] = [target for what, target in _TARGETS.items() if name == what or f"-{what}" in name]
    return target
