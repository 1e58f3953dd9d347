"""`python -m entra_risk`: the command `entra-risk`."""

from ._command import main

main()
