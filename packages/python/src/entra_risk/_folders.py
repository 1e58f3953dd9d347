"""The folders that a command line names. The component gets these, and no others."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NamedTuple


class Folder(NamedTuple):
    """A folder that is opened for the component."""

    path: str
    """Its path in this system."""
    name: str
    """Its path in the arguments of the component."""
    is_writable: bool


def folders_of(files: Iterable[Any]) -> list[Folder]:
    """The folders of the `files` of `--needs`, each once. Raises ValueError if there is none."""
    folders: dict[str, Folder] = {}
    for file in files:
        folder, slash, _ = in_component(file["path"]).rpartition("/")
        guest = folder or slash or "."
        while guest.startswith("./"):  # Folders of one name are one.
            guest = guest[2:] or "."
        path = os.path.dirname(file["path"]) or "."
        if not os.path.isdir(path):
            raise ValueError(f"{file['path']}: there is no folder {path}")
        is_writable = file["access"] == "write" or (guest in folders and folders[guest].is_writable)
        folders[guest] = Folder(path, guest, is_writable)
    return list(folders.values())


def arguments_for_component(arguments: list[str], files: Iterable[Any]) -> list[str]:
    """The arguments with the paths in them spelled for the component."""
    given = list(arguments)
    for file in files:
        at, path = file["argument"], file["path"]
        given[at] = given[at].removesuffix(path) + in_component(path)
    return given


def in_component(path: str) -> str:
    """A path as the component expects it: `/` separates folders, also on Windows."""
    return path if os.sep == "/" else path.replace(os.sep, "/")
