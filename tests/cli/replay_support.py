# SPDX-License-Identifier: Apache-2.0
"""What the replays of callers' command lines share: the surroundings in which buildah, conmon, the containerd shim,
BuildKit and CRI-O start their runtime, on a machine of the test's own, so that a caller which relies on the default
state root meets an empty one."""
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.harness import DEADLINE, Bundle, HostTest, Result, kill_group, paths, wait_until  # noqa: E402

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)

# Flags whose value may be a word of its own or follow an equals sign. Callers do both, in one command line.
WITH_VALUE = ('--log --log-format --root --rootless --cgroup-manager --bundle --pid-file --console-socket '
              '--preserve-fds --process --format --resources --image-path --work-path --config').split()


def joined(words):
    """--log X becomes --log=X."""
    out = []
    for word in words:
        if out and out[-1] in WITH_VALUE:
            out[-1] += f'={word}'
        else:
            out.append(word)
    return out


def separate(words):
    """--log=X becomes --log X."""
    out = []
    for word in words:
        flag, equals, value = word.partition('=')
        out += [flag, value] if equals and flag in WITH_VALUE else [word]
    return out


def die_with_the_caller():
    """What buildah, the shim and BuildKit ask for; it must reach the runtime and not the container."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def exit_code_of_docker(message):
    """docker run's exit code for a container that could not be started (docker/cli, toStatusError)."""
    if 'executable file not found' in message or 'no such file or directory' in message:
        return 127
    return 126 if 'permission denied' in message or 'is a directory' in message else 125


class ReplayTest(HostTest):
    """self.call('start', id) is one command of a caller. A class below says what `env` the caller leaves to its
    runtime and which `prefix` of flags it gives; `form` rewrites the words."""

    env = None
    form = staticmethod(list)

    def setUp(self):
        super().setUp()
        self.ident = os.urandom(32).hex()  # what podman, docker and CRI-O call their containers
        self.prefix = []
        self.addCleanup(lambda: self.host.run([paths.CRUN_LITE, *self.prefix, 'delete', '--force', self.ident]))

    def bundle(self, args=('/bin/sleep', '1000')):
        name = self.name('b')
        return Bundle(self.path(name), args, cgroup=f'/crl-{name}')

    def argv(self, *words):
        return [paths.CRUN_LITE, *self.form([str(w) for w in [*self.prefix, *words]])]

    def call(self, *words, code=0, stdin=None, cwd=None, before=()):
        """One command to its end, with exactly these words (`before` is put in front of the program). Its output
        goes to files, because a container that it starts would hold a pipe open. Silence on stderr is part of
        success: callers parse both streams as one."""
        argv = [*before, *self.argv(*words)]
        out_path, err_path = self.path(self.name('out')), self.path(self.name('err'))
        with open(out_path, 'wb') as out, open(err_path, 'wb') as err:
            started = self.host.popen(argv, stdin=subprocess.PIPE if stdin else subprocess.DEVNULL, stdout=out,
                                      stderr=err, env=self.env, cwd=cwd, preexec_fn=die_with_the_caller)
            try:
                started.communicate(stdin.encode() if stdin else None, timeout=DEADLINE)
            except subprocess.TimeoutExpired:
                kill_group(started.pid)
                started.wait()
                raise
        result = Result(argv, started.returncode, self.text(out_path), self.text(err_path))
        self.assertEqual(code, result.code, result)
        if code == 0 and words[0] not in ('create', 'run', 'exec', 'restore'):
            self.assertEqual('', result.err, result)
        self.last_output = out_path
        return result

    @staticmethod
    def text(path):
        with open(path, encoding='utf-8', errors='replace') as f:
            return f.read()

    def pid_in(self, path):
        """As go-runc and BuildKit read it: the whole file is a number, and it was there at once."""
        with open(path, 'rb') as f:
            content = f.read()
        self.assertRegex(content, rb'^[1-9][0-9]*$')
        self.assertFalse([n for n in os.listdir(os.path.dirname(path)) if n.startswith('.')])
        return int(content)

    def state(self):
        """The state as callers parse it: stdout and stderr together are one JSON document."""
        answer = self.call('state', self.ident)
        return json.loads(answer.out + answer.err)

    def wait_end(self, pid):
        """The caller is the subreaper: it gets the init's exit status."""
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)

    def assert_one_error(self, log, *texts):
        """podman takes the whole log file for one object, containerd the last one whose level is error."""
        record = json.loads(self.text(log))
        self.assertEqual(['level', 'msg', 'time'], sorted(record))
        self.assertEqual('error', record['level'])
        self.assertTrue(re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', record['time']), record)
        for text in texts:
            self.assertIn(text, record['msg'])
        return record['msg']

    def assert_empty(self, log):
        self.assertEqual('', self.text(log) if os.path.exists(log) else '')

    def wait_for(self, path):
        return wait_until(lambda: os.path.exists(path), path)
