# SPDX-License-Identifier: Apache-2.0
"""Each verb with one system call replaced by SIGKILL or by an error, at many points: what is left can be removed with
`delete --force`, completely and with exit 0."""
import collections
import os
import re
import subprocess

from support.harness import DEADLINE, RuntimeTest, probe, process, wait_until


class Sweep(RuntimeTest):
    own_only = True
    POINTS = int(os.environ.get('CRUN_LITE_SWEEP', '40'))

    def setUp(self):
        super().setUp()
        if not os.access('/usr/bin/strace', os.X_OK):
            self.skipTest('strace is not installed')

    def strace(self, options, *words):
        # The container's stdio must not hold a pipe of ours open.
        with open(self.path('err'), 'wb') as err:
            return subprocess.run(['strace', '-o', self.path('trace'), *options, *self._oci_argv(), *map(str, words)],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err,
                                  env=process.NO_LEAK_CHECK, timeout=DEADLINE, check=False).returncode

    def points(self, *words):
        """(call, n) for an even sample of the system calls of a run that succeeds."""
        self.assertEqual(0, self.strace([], *words))
        counts, points = collections.Counter(), []
        with open(self.path('trace'), encoding='utf-8', errors='replace') as f:
            for line in f:
                if call := re.match(r'(\w+)\(', line):
                    counts[call[1]] += 1
                    points.append((call[1], counts[call[1]]))
        return points[::max(1, len(points) // self.POINTS)]

    def assert_clean_after_force(self, name, point):
        self.assert_ok(self.oci('delete', '--force', name))
        process.reap_orphans()
        self.assertEqual([], self.records(), point)
        self.assertEqual([], probe.cgroups(self.token), point)
        # The init that lost its parent sees the end of its channel and goes by itself.
        wait_until(lambda: not self.containers_processes(), f'processes after {point}')

    def records(self):
        return [n for n in os.listdir(self.root) if not n.startswith('.')]

    def containers_processes(self):
        process.reap_orphans()
        return [process.describe(p) for p in process.descendants() if process.alive(p)]

    def test_a_parent_cgroup_that_goes_while_it_is_read(self):
        """The end of another container removed it between our open and our read."""
        if not os.path.isdir('/sys/fs/cgroup/cpuset'):
            self.skipTest('only cpuset of cgroup v1 is read before the cgroup is ours')
        bundle, name = self.bundle(['/bin/sleep', '1000']), self.container()
        parent = f'/crl-{self.token}p'
        bundle.config['linux']['cgroupsPath'] = f'{parent}/x'
        file = f'/sys/fs/cgroup/cpuset{parent}/cpuset.mems'
        self.assertEqual(0, self.strace(['-P', file, '-e', 'trace=read', '-e', 'inject=read:error=ENODEV:when=1'],
                                        'create', '--bundle', bundle.write().path, name), self.read_error())
        with open(self.path('trace'), encoding='utf-8') as f:
            self.assertIn('ENODEV', f.read())
        self.assert_clean_after_force(name, 'a removed parent')

    def read_error(self):
        with open(self.path('err'), encoding='utf-8') as f:
            return f.read()

    def test_create_killed(self):
        bundle = self.bundle(['/bin/sleep', '1000'])
        name = self.container()
        words = ['create', '--bundle', bundle.path, '--pid-file', self.path('pid'), name]
        points = self.points(*words)
        self.assert_ok(self.oci('delete', '--force', name))
        self.assertGreater(len(points), 30)
        for call, n in points:
            with self.subTest(call=call, n=n):
                self.strace(['-e', f'inject={call}:signal=SIGKILL:when={n}'], *words)
                self.assert_clean_after_force(name, (call, n))

    def test_create_with_a_failing_call(self):
        """An error leaves the environment as it was, without any delete."""
        bundle = self.bundle(['/bin/sleep', '1000'])
        name = self.container()
        words = ['create', '--bundle', bundle.path, '--pid-file', self.path('pid'), name]
        points = self.points(*words)
        self.assert_ok(self.oci('delete', '--force', name))
        for call, n in points:
            # fsetxattr: the mark of a parent cgroup is best effort; without it an empty parent stays.
            if call in ('close', 'exit_group', 'execve', 'execveat', 'brk', 'mmap', 'munmap', 'fsetxattr'):
                continue
            with self.subTest(call=call, n=n):
                code = self.strace(['-e', f'inject={call}:error=ENOSPC:when={n}'], *words)
                if code == 0:
                    self.assert_ok(self.oci('delete', '--force', name))
                process.reap_orphans()
                self.assertEqual([], self.records(), (call, n))
                self.assertEqual([], probe.cgroups(self.token), (call, n))

    def test_start_killed(self):
        bundle = self.bundle(['/bin/sleep', '1000'])
        name = self.container()
        _, created = self.create(bundle, id=name)
        self.assert_ok(created)
        points = self.points('start', name)
        self.assert_ok(self.oci('delete', '--force', name))
        for call, n in points:
            with self.subTest(call=call, n=n):
                _, created = self.create(bundle, id=name)
                self.assert_ok(created)
                self.strace(['-e', f'inject={call}:signal=SIGKILL:when={n}'], 'start', name)
                self.assertIn(self.state(name)['status'], ('created', 'running'))
                self.assert_clean_after_force(name, (call, n))

    def running(self, name, bundle):
        _, created = self.create(bundle, id=name)
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))

    def test_delete_killed(self):
        bundle, name = self.bundle(['/bin/sleep', '1000']), self.container()
        self.running(name, bundle)
        points = self.points('delete', '--force', name)
        self.assertGreater(len(points), 30)
        for call, n in points:
            with self.subTest(call=call, n=n):
                self.running(name, bundle)
                self.strace(['-e', f'inject={call}:signal=SIGKILL:when={n}'], 'delete', '--force', name)
                self.assert_clean_after_force(name, (call, n))

    def test_delete_of_a_stopped_one_killed(self):
        """Without --force, and then again without: the caller may not know that anything went wrong."""
        bundle, name = self.bundle(['/bin/true']), self.container()

        def stopped():
            self.running(name, bundle)
            self.wait_status(name, 'stopped')
        stopped()
        for call, n in self.points('delete', name)[::2]:
            with self.subTest(call=call, n=n):
                stopped()
                self.strace(['-e', f'inject={call}:signal=SIGKILL:when={n}'], 'delete', name)
                self.assert_clean_after_force(name, (call, n))

    def test_run_killed(self):
        bundle, name = self.bundle(['/bin/sleep', '0.01']), self.container()
        words = ['run', '--bundle', bundle.path, name]
        for call, n in self.points(*words)[::2]:
            with self.subTest(call=call, n=n):
                self.strace(['-e', f'inject={call}:signal=SIGKILL:when={n}'], *words)
                self.assert_clean_after_force(name, (call, n))

    def test_exec_killed(self):
        # Without a pid namespace: its init would wait until we, who stand still in delete, reap what exec has left.
        bundle = self.bundle(['/bin/sleep', '1000']).namespaces('network', 'ipc', 'uts', 'mount')
        name = self.container()
        words = ['exec', '--detach', '--pid-file', self.path('pid'), name, '/bin/sleep', '1000']
        self.running(name, bundle)
        points = self.points(*words)
        self.assert_ok(self.oci('delete', '--force', name))
        for call, n in points[::2]:
            with self.subTest(call=call, n=n):
                self.running(name, bundle)
                self.strace(['-e', f'inject={call}:signal=SIGKILL:when={n}'], *words)
                self.assertEqual('running', self.state(name)['status'])
                self.assert_clean_after_force(name, (call, n))

    def test_pause_and_update_killed(self):
        bundle, name = self.bundle(['/bin/sleep', '1000']), self.container()
        for words in (['pause', name], ['resume', name], ['update', '--pids-limit', '20', name]):
            self.running(name, bundle)
            if words[0] == 'resume':
                self.assert_ok(self.oci('pause', name))
            points = self.points(*words)
            self.assert_ok(self.oci('delete', '--force', name))
            for call, n in points[::4]:
                with self.subTest(words=words, call=call, n=n):
                    self.running(name, bundle)
                    if words[0] == 'resume':
                        self.assert_ok(self.oci('pause', name))
                    self.strace(['-e', f'inject={call}:signal=SIGKILL:when={n}'], *words)
                    self.assert_clean_after_force(name, (call, n))
