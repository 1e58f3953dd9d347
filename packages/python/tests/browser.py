"""Signs in at the stub of Microsoft Entra ID: `python -m tests.browser ROOTS ADDRESS`."""

import sys

from .authority import follow

follow(sys.argv[2], sys.argv[1])
