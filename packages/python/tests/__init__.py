"""Tests of the package."""

import logging

# Otherwise Python prints what azure-identity warns of.
logging.getLogger("azure").addHandler(logging.NullHandler())
