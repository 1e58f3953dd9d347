"""The contenders: what their users install, and the program that each of them runs."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent / "contenders"

SDK, REQUESTS = "msgraph-sdk==1.65.0", "requests==2.34.2"
GRAPH_CLIENT = "@microsoft/microsoft-graph-client@3.0.7"
# Optional with all but msgraph-sdk.
IDENTITY = {"python": "azure-identity==1.27.0", "node": "@azure/identity@4.13.1"}
OWN = {"python": "entra-risk (wheel)", "node": "entra-risk (npm)"}


@dataclass(frozen=True)
class Contender:
    name: str
    package: str
    """What its users install."""
    language: str
    load: str
    """A program that imports the package, and ends."""
    program: str
    """The file of the program that dismisses the risk of the ids in a file."""
    arguments: tuple[str, ...] = ()
    naming: str = "none"
    """Which ids a refusal names."""
    times: int = 1
    """Only one in this many of the ids is sent, the first ones, because all of them would take too
    long."""

    def installed(self, work):
        """The folder in which its package is installed."""
        return folder(work, self.language, self.package)

    def command(self, ids):
        """The command that dismisses the risk of the ids in this file."""
        start = [sys.executable, "-B"] if self.language == "python" else ["node"]
        return [*start, PROGRAMS / self.program, ids, *self.arguments]

    def environment(self, work):
        """The environment of that command, and of the loading one."""
        installed = self.installed(work)
        return {"PYTHONPATH": f"{installed}:{PROGRAMS}", "MODULES": str(installed)}

    def load_command(self, work):
        """A command that imports the package, and ends."""
        return [*self._evaluate(), self.load.format(f"{self.installed(work)}/node_modules")]

    def empty_command(self):
        """A command that imports nothing, and ends."""
        return [*self._evaluate(), ""]

    def _evaluate(self):
        return (
            [sys.executable, "-B", "-c"]
            if self.language == "python"
            else ["node", "--input-type=module", "--eval"]
        )


IMPORT_SDK = """\
import azure.core.credentials, msgraph, kiota_authentication_azure.azure_identity_authentication_provider
import msgraph.generated.identity_protection.risky_users.dismiss.dismiss_post_request_body"""
PYTHON = Contender(
    "entra-risk for Python", OWN["python"], "python", "import entra_risk", "package.py"
)
NODE = Contender(
    "entra-risk for JavaScript",
    OWN["node"],
    "node",
    "await import('{}/entra-risk/dist/index.js')",
    "package.mjs",
)
ALL = [
    PYTHON,
    NODE,
    Contender(
        "entra-risk for Python, named",
        OWN["python"],
        "python",
        "import entra_risk",
        "package.py",
        naming="first",
    ),
    Contender("msgraph-sdk, in sequence", SDK, "python", IMPORT_SDK, "msgraph_sdk.py"),
    Contender(
        "msgraph-sdk, simultaneously", SDK, "python", IMPORT_SDK, "msgraph_sdk.py", ("gather",)
    ),
    Contender(
        "microsoft-graph-client",
        GRAPH_CLIENT,
        "node",
        "await import('{}/@microsoft/microsoft-graph-client/lib/src/index.js')",
        "graph_client.mjs",
    ),
    Contender("requests, retry adapter", REQUESTS, "python", "import requests", "adapter_loop.py"),
    Contender(
        "requests, as documented", REQUESTS, "python", "import requests", "documented_loop.py"
    ),
    Contender(
        "requests, one id each",
        REQUESTS,
        "python",
        "import requests",
        "adapter_loop.py",
        ("1",),
        times=20,
    ),
]


def folder(work, language, package):
    """The folder in which a package is installed."""
    name = "".join(character if character.isalnum() else "-" for character in package)
    return work / language / name


def install(work, wheel, tarball):
    """Installs each package in a folder of its own, as its users do."""
    packages = {(each.language, each.package): each.package for each in ALL}
    packages |= {("python", OWN["python"]): wheel, ("node", OWN["node"]): tarball}
    packages |= {(language, package): package for language, package in IDENTITY.items()}
    for (language, name), package in packages.items():
        target = folder(work, language, name)
        target.mkdir(parents=True)
        if language == "python":
            command = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--only-binary",
                ":all:",
                "--target",
                target,
                package,
            ]
        else:
            command = [
                "npm",
                "install",
                "--silent",
                "--ignore-scripts",
                "--prefix",
                target,
                package,
            ]
        subprocess.run([str(part) for part in command], check=True)
