# SPDX-License-Identifier: Apache-2.0
"""The base classes of the tests that drive real programs. A test gets a scratch directory and a token of its
own; every name it makes carries the token, and at its end nothing on the machine may."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from . import paths, probe, process
from .bundle import Bundle
from .command import DEADLINE, Result, kill_group, run, wait_until
from .host import Host
from .images import Image
from .terminal import ConsoleSocket, Terminal

__all__ = ['Bundle', 'ConsoleSocket', 'Host', 'HostTest', 'Image', 'Result', 'RuntimeTest', 'ScratchTest', 'Terminal',
           'paths', 'probe', 'process', 'run', 'wait_until', 'kill_group', 'unittest', 'DEADLINE']


class ScratchTest(unittest.TestCase):
    """A scratch directory, a token for names, background programs that never outlive the test."""

    maxDiff = 4000

    def setUp(self):
        process.become_subreaper()
        self.token = 't' + os.urandom(5).hex()
        # mkdtemp likes underscores, and buildah reads oci:PATH as a reference, where none may begin or end a part.
        self.scratch = tempfile.mkdtemp(prefix=f'crl.{self.token}.x', suffix='x')
        os.chmod(self.scratch, 0o755)
        self.addCleanup(self._clean_scratch)
        self._count = 0

    def name(self, hint='c'):
        """A name nobody else has: container ids, cgroups, image names, links (12 characters and the hint)."""
        self._count += 1
        return f'{self.token}{hint}{self._count}'

    def path(self, *parts):
        """A path below the scratch directory."""
        return os.path.join(self.scratch, *parts)

    def write(self, relative, text, mode=0o644):
        """Writes a file below the scratch directory; returns its path."""
        target = self.path(relative)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, 'wb' if isinstance(text, bytes) else 'w') as f:
            f.write(text)
        os.chmod(target, mode)
        return target

    def background(self, argv, host=None, **popen):
        """Starts a program; its process group is killed at the end of the test if it is still there."""
        start = host.popen if host else lambda a, **kw: subprocess.Popen(
            [str(x) for x in a], start_new_session=True, **kw)
        popen.setdefault('stdin', subprocess.DEVNULL)
        started = start(argv, **popen)
        self.addCleanup(self._end, started)
        return started

    @staticmethod
    def _end(started):
        if started.poll() is None:
            kill_group(started.pid)
            started.wait(timeout=10)
        for stream in (started.stdin, started.stdout, started.stderr):
            if stream:
                stream.close()

    def assert_ok(self, result):
        """Exit code 0, or a failure that shows everything the program said."""
        if result.code != 0:
            self.fail(str(result))
        return result

    def assert_fails(self, result, code, *texts):
        """This exit code, each text in stderr, and neither a crash nor a sanitizer's report."""
        if result.code != code:
            self.fail(f'expected exit {code}\n{result}')
        for text in texts:
            if text not in result.err:
                self.fail(f'expected {text!r} in stderr\n{result}')
        for bad in ('Sanitizer', 'runtime error:', 'terminate called'):
            self.assertNotIn(bad, result.err)
        return result

    def _clean_scratch(self):
        shutil.rmtree(self.scratch, ignore_errors=True)


class RuntimeTest(ScratchTest):
    """OCI commands against a state root of the test's own. CRUN_LITE_TEST_RUNTIME chooses whose; with
    `own_only` the class is skipped for peers because it asks for what only crun-lite promises."""

    own_only = False

    def setUp(self):
        super().setUp()
        self.runtime_name = paths.runtime_under_test()
        self.runtime = paths.runtime_path(self.runtime_name)
        if not self.runtime:
            self.fail(f'{self.runtime_name} is not there; build it, or install it')
        if self.own_only and self.runtime_name != 'crun-lite':
            self.skipTest(f'asks for what crun-lite promises; {self.runtime_name} is under test')
        self.root = self.path('state')
        os.mkdir(self.root, 0o700)
        self._ids = []
        self.addCleanup(self._assert_nothing_left)

    def container(self, hint='c'):
        """A container id that is deleted by force when the test ends, whatever happened."""
        name = self.name(hint)
        self._ids.append(name)
        return name

    def bundle(self, args=('/bin/true',), hint='b'):
        """A busybox bundle whose cgroup carries the token. Edit .config, then .write()."""
        name = self.name(hint)
        return Bundle(self.path(name), args, cgroup=f'/crl-{name}')

    def oci(self, *args, runtime=None, **kwargs):
        """`<runtime> --root <ours> args…` run to its end."""
        if self._chowns_input(runtime):
            kwargs.setdefault('stdin', '')
        return run([*self._oci_argv(runtime), *args], **kwargs)

    def _chowns_input(self, runtime=None):
        """crun gives its standard input to the root of the container's user namespace, be it the host's /dev/null."""
        return os.path.basename(str(runtime or self.runtime)) == 'crun'

    def _oci_argv(self, runtime=None):
        return [*paths.runtime_argv(runtime or self.runtime), '--root', self.root]

    def create(self, bundle, *options, **kwargs):
        """create, with the container's stdio on files (a pipe would be held open by the container). Returns
        (id, Result); the container's output comes from self.output(id)."""
        name = kwargs.pop('id', None) or self.container()
        with open(self.path(name + '.out'), 'w+b') as out, open(self.path(name + '.err'), 'w+b') as err:
            argv = [*self._oci_argv(), 'create', '--bundle', bundle.path, *options, name]
            stdin = out if self._chowns_input() else subprocess.DEVNULL
            started = subprocess.Popen([str(a) for a in argv], stdin=stdin, stdout=out, stderr=err,
                                       start_new_session=True, **kwargs)
            try:
                code = started.wait(timeout=DEADLINE)
            except subprocess.TimeoutExpired:
                kill_group(started.pid)
                started.wait()
                raise
        return name, Result(argv, code, self.output(name), self.output(name, 'err'))

    def output(self, name, stream='out'):
        """What a container made by create() has written."""
        with open(self.path(f'{name}.{stream}'), encoding='utf-8', errors='replace') as f:
            return f.read()

    def run_bundle(self, bundle, *options, **kwargs):
        """`run --bundle` in the foreground, to its end."""
        return self.oci('run', '--bundle', bundle.path, *options, self.container(), **kwargs)

    def state(self, name):
        """The decoded answer of `state`."""
        return json.loads(self.assert_ok(self.oci('state', name)).out)

    def wait_status(self, name, status, timeout=10.0):
        """Waits until `state` says so, reaping as a caller's subreaper would."""
        def reached():
            process.reap_orphans()
            return self.state(name)['status'] == status
        wait_until(reached, f'container {name} is {status}', timeout=timeout)

    def delete_by_force(self, name):
        """delete --force, reaping meanwhile as a caller's subreaper does: the init of a pid namespace cannot end
        before every process that was put into it from outside is reaped."""
        started = subprocess.Popen([*self._oci_argv(), 'delete', '--force', name], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        def ended():
            process.reap_orphans()
            return started.poll() is not None
        wait_until(ended, f'the end of delete --force {name}', timeout=DEADLINE)
        return started.returncode

    def _assert_nothing_left(self):
        for name in self._ids:
            self.delete_by_force(name)
        killed = process.end_leftovers()
        found = probe.leftovers(self.token)
        probe.remove_cgroups(probe.cgroups(self.token))
        state = [n for n in os.listdir(self.root) if not n.startswith('.')]
        self.assertEqual([], [f'process: {k}' for k in killed] + found + [f'state: {s}' for s in state],
                         'left behind')


class HostTest(ScratchTest):
    """The image door on a machine of the test's own: self.host, self.cli('run', …). At the end the machine's
    mounts, links, addresses, routes and firewall are as they were, and no process is left."""

    def setUp(self):
        super().setUp()
        self._machines = []
        self.addCleanup(self._close_machines)
        self.host = self.machine()
        self.addCleanup(self._assert_nothing_left)

    def machine(self):
        """One more machine, for the other end of self.host.connect(). All live until the test has been judged."""
        self._machines.append(Host(self.scratch))
        return self._machines[-1]

    def _close_machines(self):
        for machine in reversed(self._machines):
            machine.close()

    def cli(self, *args, **kwargs):
        """`crun-lite args…` on this test's machine, to its end."""
        return self.host.run([paths.CRUN_LITE, *args], **kwargs)

    def load(self, image, name='test'):
        """Loads an Image under a name through the command line."""
        archive = image.docker_archive(self.path(f'{self.name("i")}.tar'), f'{name}:latest')
        return self.assert_ok(self.cli('load', '-i', archive))

    def _assert_nothing_left(self):
        killed = process.end_leftovers(keep=[m.pid for m in self._machines])
        changes = self.host.changes()
        cgroups = probe.cgroups(self.token)
        probe.remove_cgroups(cgroups, keep=[m.pid for m in self._machines])
        self.assertEqual([], [f'process: {k}' for k in killed] + changes + [f'cgroup: {c}' for c in cgroups],
                         'left behind')
