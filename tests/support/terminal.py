# SPDX-License-Identifier: Apache-2.0
"""Pseudo-terminals: a program under a pty of the test, and the receiving end of --console-socket."""
import array
import errno
import fcntl
import os
import select
import socket
import struct
import termios
import time


class Terminal:
    """The master side of a pty, with reading up to a text and a deadline."""

    def __init__(self, master):
        self.master = master
        self.seen = ''

    @classmethod
    def pair(cls, rows=24, columns=80):
        """(Terminal, slave fd) of a new pty."""
        master, slave = os.openpty()
        terminal = cls(master)
        terminal.resize(rows, columns)
        return terminal, slave

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def send(self, text):
        os.write(self.master, text.encode())

    def expect(self, text, timeout=10.0):
        """Reads until `text` was seen; returns everything up to and with it and forgets that."""
        end = time.monotonic() + timeout
        while text not in self.seen:
            if not self._read(end - time.monotonic()):
                raise AssertionError(f'{text!r} did not appear on the terminal, only {self.seen!r}')
        at = self.seen.index(text) + len(text)
        got, self.seen = self.seen[:at], self.seen[at:]
        return got

    def read_all(self, timeout=10.0):
        """Reads until the other side is closed."""
        end = time.monotonic() + timeout
        while self._read(end - time.monotonic()):
            pass
        got, self.seen = self.seen, ''
        return got

    def _read(self, timeout):
        if timeout <= 0 or not select.select([self.master], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError as error:
            if error.errno == errno.EIO:  # every slave closed: how a pty says end of file
                return False
            raise
        self.seen += data.decode(errors='replace')
        return bool(data)

    def close(self):
        if self.master >= 0:
            os.close(self.master)
            self.master = -1


class ConsoleSocket:
    """Listens where a caller of `create --console-socket` would, and receives the pty's master."""

    def __init__(self, path):
        self.path = str(path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen(1)

    def receive(self, timeout=10.0):
        """(Terminal, the name that was sent with it)."""
        self._listener.settimeout(timeout)
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(timeout)
            fds = array.array('i')
            name, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_LEN(4 * fds.itemsize))
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds.frombytes(data[:len(data) - len(data) % fds.itemsize])
        if len(fds) != 1:
            raise AssertionError(f'the console socket got {len(fds)} descriptors, not 1')
        os.set_inheritable(fds[0], False)
        return Terminal(fds[0]), name.decode(errors='replace')

    def close(self):
        self._listener.close()
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass
