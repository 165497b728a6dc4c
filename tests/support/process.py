# SPDX-License-Identifier: Apache-2.0
"""Descendants. The test process makes itself the reaper of everything that its programs leave behind, so a
process that a runtime forgot is our child and can be named, instead of vanishing to PID 1."""
import ctypes
import os
import signal
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36
LIBC = ctypes.CDLL(None, use_errno=True)

# For what runs under strace or a storm of SIGSTOP: at its end a sanitized program is stopped with ptrace by its own
# LeakSanitizer, which gives up, or waits for ever, when somebody else does so too.
NO_LEAK_CHECK = {**os.environ, 'ASAN_OPTIONS': 'detect_leaks=0'}


def become_subreaper():
    """From here on orphans of our descendants become our children."""
    if LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), 'prctl(PR_SET_CHILD_SUBREAPER)')


def stat_fields(pid):
    """(comm, state, ppid, start time) of a process, or None when it is gone."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as f:
            text = f.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    comm = text[text.index('(') + 1:text.rindex(')')]
    rest = text[text.rindex(')') + 2:].split()
    return comm, rest[0], int(rest[1]), int(rest[19])


def alive(pid):
    """Running or stopped, but neither gone nor a zombie."""
    fields = stat_fields(pid)
    return fields is not None and fields[1] not in 'ZX'


def children(pid=None):
    """Direct children of a process (default: ours), zombies included."""
    pid = pid or os.getpid()
    found = []
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            fields = stat_fields(entry)
            if fields and fields[2] == pid:
                found.append(int(entry))
    return found


def descendants(pid=None):
    """Children, their children and so on."""
    found, todo = [], [pid or os.getpid()]
    while todo:
        below = children(todo.pop())
        found += below
        todo += below
    return found


def describe(pid):
    """'1234 sleep 1000 [S]' for messages."""
    fields = stat_fields(pid)
    if not fields:
        return f'{pid} (gone)'
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as f:
            line = f.read().replace(b'\0', b' ').decode(errors='replace').strip()
    except OSError:
        line = ''
    return f'{pid} {line or fields[0]} [{fields[1]}]'


def _popen_pids():
    """Children that a Popen object will wait for: reaping those here would steal their exit status."""
    import gc
    return {o.pid for o in gc.get_objects() if isinstance(o, subprocess.Popen) and o.returncode is None}


def reap_orphans():
    """Reaps adopted zombies, as the monitor of a real caller would. Returns {pid: wait status}."""
    reaped, ours = {}, _popen_pids()
    for pid in children():
        fields = stat_fields(pid)
        if pid not in ours and fields and fields[1] == 'Z':
            try:
                reaped[pid] = os.waitpid(pid, os.WNOHANG)[1]
            except ChildProcessError:
                pass
    return reaped


def end_leftovers(grace=2.0, keep=()):
    """Gives our descendants (but those of `keep`) `grace` seconds to end, kills the rest by pid, and returns
    what was killed."""
    deadline = time.monotonic() + grace
    while True:
        reap_orphans()
        left = [p for p in descendants() if p not in keep and alive(p)]
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    names = [describe(p) for p in left]
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    deadline = time.monotonic() + 5
    while any(alive(p) for p in left) and time.monotonic() < deadline:
        time.sleep(0.02)
        reap_orphans()
    reap_orphans()
    return names
