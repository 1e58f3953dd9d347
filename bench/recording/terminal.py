"""A program in a pseudo-terminal, and what its screen shows over time."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

import pyte

LONGEST_S = 120
KEY_S = 0.03


class Terminal:
    def __init__(self, command, folder, environment, screen):
        self.screen, self.stream = screen, pyte.ByteStream(screen)
        self.controller, program = pty.openpty()
        fcntl.ioctl(
            program, termios.TIOCSWINSZ, struct.pack("HHHH", screen.lines, screen.columns, 0, 0)
        )
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=program,
            stdout=program,
            stderr=program,
            start_new_session=True,
        )
        os.close(program)
        self.start = time.monotonic()
        self.screens = []
        """The second at which the screen changed, and its lines then."""

    def type(self, text):
        """Presses one key after the other."""
        for key in text:
            os.write(self.controller, key.encode())
            self.run(KEY_S)

    def run(self, seconds):
        """Shows what the program writes in this time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._show(left)

    def wait_for(self, prompt):
        """Shows what the program writes until the line of the cursor is this one."""
        end = time.monotonic() + LONGEST_S
        while self.screen.display[self.screen.cursor.y][: self.screen.cursor.x] != prompt:
            if time.monotonic() > end:
                raise SystemExit("\n".join(["no prompt:", *self.screen.display]))
            self._show(1)

    def _show(self, seconds):
        if not select.select([self.controller], [], [], seconds)[0]:
            return
        self.stream.feed(os.read(self.controller, 1 << 16))
        lines = [line.rstrip() for line in self.screen.display]
        if not self.screens or self.screens[-1][1] != lines:
            self.screens.append((time.monotonic() - self.start, lines))
