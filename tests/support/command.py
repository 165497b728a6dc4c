# SPDX-License-Identifier: Apache-2.0
"""Starting programs with a deadline, and waiting for things without sleeping longer than they take."""
import dataclasses
import os
import signal
import subprocess
import time

DEADLINE = 60.0  # seconds; a hang is a failure with a name, never a suite that stands still


class CommandTimeout(AssertionError):
    """The program did not end in time; carries what it had printed."""


@dataclasses.dataclass
class Result:
    """What a finished program left: exit code (negative for a signal), stdout and stderr as text."""
    argv: list
    code: int
    out: str
    err: str

    def __str__(self):
        return f'$ {" ".join(map(str, self.argv))}\nexit {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}'


def run(argv, *, timeout=DEADLINE, stdin=None, env=None, cwd=None, check=False, **popen):
    """Runs argv to its end. `stdin` is text or None (/dev/null). With check=True a failure raises with all
    the program said. On timeout the program's whole process group is killed."""
    argv = [str(a) for a in argv]
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, errors='replace', env=env, cwd=cwd, start_new_session=True, **popen)
    try:
        out, err = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        kill_group(process.pid)
        try:
            out, err = process.communicate(timeout=5)
        except subprocess.TimeoutExpired:  # a grandchild that left the group holds the pipes
            out, err = '(pipes still held)\n', ''
        raise CommandTimeout(f'no end after {timeout} s:\n{Result(argv, -9, out or "", err or "")}') from None
    result = Result(argv, process.returncode, out, err)
    if check and result.code != 0:
        raise AssertionError(str(result))
    return result


def kill_group(pid, sig=signal.SIGKILL):
    """Signals the process group that run() or Popen(start_new_session=True) made; gone already is fine."""
    try:
        os.killpg(pid, sig)
    except ProcessLookupError:
        pass


def wait_until(condition, what, *, timeout=10.0, interval=0.01):
    """Calls condition() until it returns something true and returns that; fails with `what` at the deadline."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f'not within {timeout} s: {what}')
        time.sleep(interval)
        interval = min(interval * 1.5, 0.2)
