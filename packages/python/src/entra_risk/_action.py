"""The names of the actions."""

from typing import Literal

Action = Literal[
    "dismiss-sign-ins",
    "confirm-sign-ins-safe",
    "confirm-sign-ins-compromised",
    "dismiss-risky-users",
    "confirm-risky-users-safe",
    "confirm-risky-users-compromised",
    "dismiss-risky-service-principals",
    "confirm-risky-service-principals-compromised",
    "dismiss-risky-agents",
    "confirm-risky-agents-safe",
    "confirm-risky-agents-compromised",
]
"""The name of an action, for `start`."""
