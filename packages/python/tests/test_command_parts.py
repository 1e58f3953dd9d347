"""What the command is made of: folders, the lock, `GRAPH_TOKEN`, and where a token may go."""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import ntpath
import os
import tempfile
import unittest
import uuid
from pathlib import Path
from typing import Any
from unittest.mock import patch

from entra_risk._command_credential import CommandCredential
from entra_risk._credential import Denied, TokenRequest
from entra_risk._folders import Folder, arguments_for_component, folders_of
from entra_risk._graph_token import check_destination, graph_token
from entra_risk._lock import Lock, Locked

GRAPH = "https://graph.microsoft.com"


def file(argument: int, path: str, access: str = "read") -> dict[str, Any]:
    return {"argument": argument, "path": path, "access": access}


class Folders(unittest.TestCase):
    def test_each_folder_is_opened_once_and_for_writing_only_where_something_is_written(self) -> None:
        lists = tempfile.gettempdir()
        files = [file(0, "a.csv"), file(1, "./b.txt", "write"), file(2, f"{lists}/c.csv"), file(3, "/d"), file(4, f"{lists}/e")]
        expected = [Folder(".", ".", True), Folder(lists, lists, False), Folder("/", "/", False)]
        self.assertEqual(folders_of(files), expected)

    def test_a_missing_folder_is_named(self) -> None:
        with self.assertRaisesRegex(ValueError, "^nowhere/a.csv: there is no folder nowhere$"):
            folders_of([file(0, "nowhere/a.csv")])

    def test_windows_paths_are_mapped(self) -> None:
        # The rules of Windows, which nothing here was run on.
        windows = type("os", (), {"path": ntpath, "sep": "\\"})
        files = [file(1, r"C:\data\a.csv"), file(2, r"C:\b.csv"), file(3, r"logs\c.jsonl", "write"), file(4, "d.txt")]
        arguments = ["dismiss-risky-users", r"--file=C:\data\a.csv", r"C:\b.csv", r"logs\c.jsonl", "d.txt", r"a\b"]
        with patch("entra_risk._folders.os", windows), patch.object(ntpath, "isdir", return_value=True):
            self.assertEqual(folders_of(files), [
                Folder(r"C:\data", "C:/data", False), Folder("C:\\", "C:", False), Folder("logs", "logs", True),
                Folder(".", ".", False),
            ])
            self.assertEqual(arguments_for_component(arguments, files), [
                "dismiss-risky-users", "--file=C:/data/a.csv", "C:/b.csv", "logs/c.jsonl", "d.txt", r"a\b",
            ])


class Locks(unittest.TestCase):
    def test_one_run_has_the_lock_and_leaves_nothing(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder, "left.txt"))
            with Lock(path), self.assertRaises(Locked):
                Lock(path).__enter__()
            with Lock(path):
                pass
            self.assertEqual(os.listdir(folder), [])


    def test_a_file_system_without_locks_is_no_other_run(self) -> None:
        failure = OSError(errno.ENOLCK, "no locks")
        with tempfile.TemporaryDirectory() as folder, patch("entra_risk._lock._lock", side_effect=failure):
            with self.assertRaises(OSError) as raised:
                Lock(str(Path(folder, "left.txt"))).__enter__()
            self.assertEqual(raised.exception.errno, errno.ENOLCK)


class Tokens(unittest.TestCase):
    def test_a_token_for_another_tenant_is_refused(self) -> None:
        payload = base64.urlsafe_b64encode(json.dumps({"tid": str(uuid.UUID(int=1))}).encode()).decode().rstrip("=")
        needs = {"signIn": None, "check": False}
        credential = CommandCredential(needs, lambda _: None)
        with patch.dict(os.environ, GRAPH_TOKEN=f"e30.{payload}.x"):
            for number, refused in ((1, False), (2, True)):
                tenant = str(uuid.UUID(int=number))
                request = TokenRequest(f"{GRAPH}/.default", tenant, GRAPH, False, None, ())
                with self.assertRaisesRegex(Denied, "not for") if refused else contextlib.nullcontext():
                    credential(request, lambda: False)

    def test_what_is_copied_with_a_token_is_removed(self) -> None:
        for value in (
            " canary-3e9d\n", '"canary-3e9d"', "Bearer canary-3e9d", '"bearer  canary-3e9d" ', "canary\r\n -3e9d",
            '{"accessToken": "canary-3e9d"}', '{"Token":"canary-3e9d","TenantId":"t"}',
        ):
            with self.subTest(value), patch.dict(os.environ, GRAPH_TOKEN=value):
                self.assertEqual(graph_token(GRAPH, False).value, "canary-3e9d")

    def test_what_is_no_token_is_named_and_not_repeated(self) -> None:
        for value, rejected, message in (
            ('""', False, "holds no token"),
            ("System.Security.SecureString", False, "ConvertFrom-SecureString"),
            ('{"canary":1}', False, "JSON without a token"),
            ("canary", True, "fresh access token"),
        ):
            with self.subTest(value), patch.dict(os.environ, GRAPH_TOKEN=value):
                with self.assertRaisesRegex(Denied, message) as raised:
                    graph_token(GRAPH, rejected)
                self.assertNotIn("canary", str(raised.exception))

    def test_a_token_goes_to_its_cloud_and_to_listed_endpoints_alone(self) -> None:
        listed = "https://A.test:443/, http://LocalHost:80\thttp://127.0.0.1:8000\n https://b.test:8443"
        with patch.dict(os.environ, ENTRA_RISK_ALLOWED_ENDPOINTS=listed):
            for endpoint in (GRAPH, "https://a.test", "http://localhost", "http://127.0.0.1:8000", "https://b.test:8443"):
                check_destination(endpoint, GRAPH)
            for endpoint in ("https://graph.microsoft.us", "https://c.a.test", "https://b.test", "http://127.0.0.1:8001"):
                with self.subTest(endpoint), self.assertRaisesRegex(Denied, f"does not list {endpoint}: "):
                    check_destination(endpoint, GRAPH)

    def test_a_list_with_an_entry_that_is_no_endpoint_permits_nothing(self) -> None:
        for entry in ("http://a.test", "https://a.test/path", "https://user:canary@a.test", "a.test", "https://h:p:80"):
            with self.subTest(entry), patch.dict(os.environ, ENTRA_RISK_ALLOWED_ENDPOINTS=f"https://a.test,{entry}"):
                with self.assertRaisesRegex(Denied, "not valid") as raised:
                    check_destination("https://a.test", GRAPH)
                self.assertNotIn("canary", str(raised.exception))
                check_destination(GRAPH, GRAPH)
