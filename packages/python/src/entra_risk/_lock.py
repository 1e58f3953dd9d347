"""A lock of the operating system for the list of `--remaining`: two runs would put ids back that
the other one has processed."""

from __future__ import annotations

import errno
import os
from types import TracebackType

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


_HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}
"""What `flock` and `msvcrt.locking` say if another process has the lock."""


class Locked(Exception):
    """Another process has the lock."""


class Lock:
    """Holds the lock of a file while the `with` block runs, or until the process ends, however it
    ends. Entering it raises `Locked`, or OSError.

    The lock is on a file next to it: the command replaces the list itself after each batch."""

    def __init__(self, path: str) -> None:
        folder, name = os.path.split(path)
        self._path = os.path.join(folder, f".{name}.entra-risk-lock")
        self._file = -1

    def __enter__(self) -> Lock:
        while self._file < 0:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
            try:
                _lock(file)
                # Whoever had the lock may have removed the file meanwhile.
                if os.path.exists(self._path) and os.path.samestat(os.stat(self._path), os.fstat(file)):
                    self._file = file
            except OSError as error:
                if error.errno not in _HELD:
                    raise
                raise Locked from None
            finally:
                if self._file < 0:
                    os.close(file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if fcntl is not None:  # Windows does not remove open files.
                os.remove(self._path)
            os.close(self._file)
            if fcntl is None:
                os.remove(self._path)
        except OSError:
            pass  # It remains, empty.


def _lock(file: int) -> None:
    """Takes the lock, or raises OSError if another process has it."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
