# SPDX-License-Identifier: Apache-2.0
"""A seccomp agent (config-linux.md, Seccomp: listenerPath): takes container process states with their listener and
answers for the system calls that the filter notifies of. x86-64's structures."""
import array
import contextlib
import errno
import fcntl
import json
import os
import socket
import struct
import threading

SECCOMP_IOCTL_NOTIF_RECV = 0xc0502100
SECCOMP_IOCTL_NOTIF_SEND = 0xc0182101
SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1
_NOTIFICATION = struct.Struct('=QIIiIQ6Q')  # id, pid, flags; nr, arch, instruction pointer, arguments
_RESPONSE = struct.Struct('=QqiI')  # id, value, error, flags
MKDIR = 83
ARCH_X86_64 = 0xc000003e


class Notification:
    """One call that waits for an answer."""

    def __init__(self, data):
        (self.id, self.pid, self.flags, self.nr, self.arch, _, *self.args) = _NOTIFICATION.unpack(data)

    def text(self, argument):
        """The string that this argument points to."""
        with open(f'/proc/{self.pid}/mem', 'rb', buffering=0) as memory:
            memory.seek(self.args[argument])
            return memory.read(4096).split(b'\0')[0].decode()


class Agent:
    """Listens on `path`. `answer(notification, state)` gives an errno, or None to let the call go on. States are kept
    in .states with the calls that were seen for each; .stop() ends it."""

    def __init__(self, path, answer):
        self.path, self._answer = path, answer
        self.states, self.calls, self.messages = [], [], []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(path if not path.startswith('@') else '\0' + path[1:])
        self._socket.listen(8)
        self._listeners = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def stop(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.close_listeners()

    def close_listeners(self):
        """As if the agent had been killed: calls get ENOSYS from now on."""
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                os.close(listener)
        self._listeners.clear()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._take, args=(connection,), daemon=True).start()

    def _take(self, connection):
        with connection:
            self._read(connection)

    def _read(self, connection):
        fds = array.array('i')
        text, ancillary, _, _ = connection.recvmsg(1 << 16, socket.CMSG_SPACE(64))
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(data)
        state = json.loads(text)
        self.states.append(state)
        for listener in fds:
            self._listeners.append(listener)
            thread = threading.Thread(target=self._serve, args=(listener, state), daemon=True)
            thread.start()
        # At once or, runc, when it ends: by then the container may need answers.
        self.messages.append((len(fds), connection.recv(4096)))

    def _serve(self, listener, state):
        while True:
            buffer = bytearray(_NOTIFICATION.size)
            try:
                fcntl.ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, buffer)
            except OSError as e:
                if e.errno in (errno.EINTR, errno.ENOENT):  # the caller was killed meanwhile
                    if e.errno == errno.ENOENT and self._over(listener):
                        return
                    continue
                return
            call = Notification(buffer)
            self.calls.append(call)
            error = self._answer(call, state)
            flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE if error is None else 0
            with contextlib.suppress(OSError):
                fcntl.ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, _RESPONSE.pack(call.id, 0, -(error or 0), flags))

    @staticmethod
    def _over(listener):
        """Nobody is left under the filter."""
        import select  # pylint: disable=import-outside-toplevel
        poll = select.poll()
        poll.register(listener, 0)
        return any(event & select.POLLHUP for _, event in poll.poll(0))
