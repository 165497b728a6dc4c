# SPDX-License-Identifier: Apache-2.0
"""The base class of the tests under dockerd: one containerd and one dockerd for all tests of a class, an image of
busybox called `base`, and names that are removed when a test ends."""
import os
import time

from support import paths
from support.dockerd import DOCKER, Dockerd, missing_packages
from support.harness import Image, ScratchTest, Terminal, wait_until
from support.images import busybox_layer, member, tar

IMAGE = 'base'


def base_image():
    """Busybox and what the exit codes are tried on: not executable, without an interpreter, in no format at all."""
    odd = tar([member('data.txt', 'no program\n'),
               member('no-interpreter', '#!/usr/bin/nothing\n', mode=0o755),
               member('root-only', '#!/bin/sh\n', mode=0o700),
               member('no-format', 'no shebang, no ELF\n', mode=0o755)])
    return Image([busybox_layer(), odd], Cmd=['/bin/sh'])


def wait_size(terminal, size):
    """Asks the shell on a terminal until it says this size: callers set it just after the start (moby#33794)."""
    for attempt in range(100):
        terminal.send(f'echo "{attempt}: $(stty size 2>&1)" done-$((0 + {attempt}))\n')
        if f'{attempt}: {size} done' in terminal.expect(f' done-{attempt}\r', timeout=10):
            return
        time.sleep(0.05)
    raise AssertionError(f'the terminal never had the size {size}')


class DockerTest(ScratchTest):

    options = ()
    configured = True  # with the runtime under test as the default
    prepare = None  # what to do on the machine before the daemons start

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        reason = missing_packages()
        if reason:
            cls.skipTest(cls, reason)
        if not paths.runtime_path(paths.runtime_under_test()):
            raise AssertionError('no runtime; build it, or install it')
        cls.engine = Dockerd(*cls.options, host_first=cls.prepare, configured=cls.configured)
        cls.addClassCleanup(cls.engine.finish)
        archive = base_image().docker_archive(cls.engine.path('base.tar'), f'{IMAGE}:latest')
        loaded = cls.engine.docker('load', '-q', '-i', archive)
        if loaded.code != 0:
            raise AssertionError(f'{loaded}\n{cls.engine.log("dockerd")}')

    def setUp(self):
        super().setUp()
        self._names = []
        self.addCleanup(self._remove)

    def _remove(self):
        if self._names:
            self.engine.docker('rm', '-f', '-v', *self._names)

    def new(self, hint='c'):
        """A container's name; what has it is removed when the test ends."""
        name = self.name(hint)
        self._names.append(name)
        return name

    def docker(self, *args, **kwargs):
        return self.engine.docker(*args, **kwargs)

    def ok(self, *args, **kwargs):
        """stdout of a docker command that has to succeed."""
        return self.assert_ok(self.docker(*args, **kwargs)).out

    def run_once(self, *args, image=IMAGE, **kwargs):
        """`docker run --rm [options] base command…`; `args` is (options…, '--', command…) or only a command."""
        options, command = [], list(args)
        if '--' in command:
            at = command.index('--')
            options, command = command[:at], command[at + 1:]
        return self.docker('run', '--rm', '--name', self.new(), *options, image, *command, **kwargs)

    def sh(self, script, *options, **kwargs):
        """stdout of a shell script in a new container."""
        return self.assert_ok(self.run_once(*options, '--', 'sh', '-c', script, **kwargs)).out

    def start(self, *args, name=None, image=IMAGE):
        """`docker run -d [options] base command…`; returns the name."""
        name = name or self.new()
        options, command = [], list(args)
        if '--' in command:
            at = command.index('--')
            options, command = command[:at], command[at + 1:]
        self.ok('run', '-d', '--name', name, *options, image, *command)
        return name

    def status(self, name):
        return self.engine.inspect(name, '.State.Status')

    def wait_status(self, name, status, timeout=20):
        wait_until(lambda: self.status(name) == status, f'{name} is {status}, not {self.status(name)}', timeout=timeout)

    def wait_log(self, name, text, timeout=20):
        def said():
            logs = self.docker('logs', name)
            return text in logs.out + logs.err
        wait_until(said, f'{text!r} in the log of {name}', timeout=timeout)

    def on_terminal(self, *args, rows=33, columns=101):
        """`docker args…` with a pty as its stdin, stdout and stderr: (Terminal, the started program)."""
        terminal, slave = Terminal.pair(rows=rows, columns=columns)
        self.addCleanup(terminal.close)
        started = self.background([DOCKER, *args], self.engine.host, stdin=slave, stdout=slave, stderr=slave,
                                  env=self.engine.env)
        os.close(slave)
        return terminal, started
