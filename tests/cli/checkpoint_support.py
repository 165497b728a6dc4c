# SPDX-License-Identifier: Apache-2.0
"""What the tests of checkpoint and restore share: a criu that does as the test has planned, and containers that
count."""
import json
import os
import pathlib
import sys

from support.command import Result
from support.harness import DEADLINE, RuntimeTest, paths, wait_until

STAND_IN = paths.REPO / 'tests' / 'support/criu_stand_in.py'


class CheckpointTest(RuntimeTest):
    own_only = True  # the stand-in is one for what crun-lite says; and the words are crun-lite's

    def setUp(self):
        super().setUp()
        os.mkdir(self.path('bin'))
        self.env = {**os.environ, 'PATH': self.path('bin')}

    def stand_in(self, **plan):
        """A criu that does as planned: see support/criu_stand_in.py."""
        plan['log'] = self.path('told')
        self.write('plan.json', json.dumps(plan))
        self.write('bin/criu',
                   f'#!/bin/sh\nCRIU_STAND_IN={self.path("plan.json")} exec {sys.executable} {STAND_IN} "$@"\n',
                   0o755)

    def told(self):
        """What the stand-in was asked, without versions and features."""
        with open(self.path('told'), encoding='utf-8') as f:
            return [json.loads(line) for line in f]

    def running(self, bundle=None, script='while :; do echo x; sleep 0.05; done'):
        name, created = self.create((bundle or self.bundle()).sh(script))
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        return name

    def checkpoint(self, name, *options, **kwargs):
        """Into the directory `image` of this test."""
        kwargs.setdefault('env', self.env)
        return self.oci('checkpoint', '--image-path', self.path('image'), *options, name, **kwargs)

    def restore(self, bundle, *options, **kwargs):
        """Detached, from that directory; gives the id and the Result. As with create(), its output is in a file."""
        name = self.container('r')
        kwargs.setdefault('env', self.env)
        with open(self.path(name + '.out'), 'wb') as out:
            result = self.oci_to(out, 'restore', '--detach', '--image-path', self.path('image'), '--bundle',
                                 bundle.path,
                                 *options, name, **kwargs)
        return name, result

    def oci_to(self, out, *args, env):
        """oci() with the container's standard output on a file, and ours where it says what is wrong."""
        err = self.path('restore.err')
        with open(err, 'w+b') as complaints:
            started = self.background([*self._oci_argv(), *args], stdout=out, stderr=complaints, env=env)
            code = started.wait(timeout=DEADLINE)
        return Result([*self._oci_argv(), *args], code, '',
                      pathlib.Path(err).read_text(encoding='utf-8', errors='replace'))

    def assert_counts(self, name):
        """It runs, and writes."""
        self.assertEqual('running', self.state(name)['status'])
        output = pathlib.Path(self.path(name + '.out'))
        before = output.stat().st_size
        wait_until(lambda: output.stat().st_size > before, 'it goes on')
