# SPDX-License-Identifier: Apache-2.0
"""`ps`: which processes a container has, for machines and for people."""
import json
import os
import subprocess

from support.exec_support import RunningTest, pid_in


class Ps(RunningTest):

    def with_two(self):
        """A container with its init and one exec'd process: (id, their pids)."""
        name = self.running(self.bundle(['/bin/sleep', '1000']))
        done, _ = self.exec_detached('--pid-file', self.path('pid'), name, 'sleep', '2000')
        self.assert_ok(done)
        return name, sorted([self.state(name)['pid'], pid_in(self.path('pid'))])

    def test_json(self):
        name, pids = self.with_two()
        for words in (['--format', 'json', name], ['--format=json', name], ['-f', 'json', name]):
            result = self.assert_ok(self.oci('ps', *words))
            self.assertEqual(pids, json.loads(result.out))
            self.assertEqual('', result.err)  # go-runc parses both streams

    def test_json_of_a_stopped_one(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 looks for its cgroup')
        name = self.running(script='exit 0')
        self.wait_status(name, 'stopped')
        result = self.assert_ok(self.oci('ps', '--format', 'json', name))
        if self.runtime_name == 'crun-lite':
            self.assertEqual([], json.loads(result.out))

    def test_table(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun prints pids only')
        if not os.path.exists('/usr/bin/ps'):
            self.skipTest('procps is not installed')
        name, pids = self.with_two()
        lines = self.assert_ok(self.oci('ps', name)).out.splitlines()
        self.assertEqual(['UID', 'PID', 'PPID'], lines[0].split()[:3])
        self.assertEqual(pids, sorted(int(line.split()[1]) for line in lines[1:]))
        self.assertTrue(any(line.endswith('sleep 2000') for line in lines), lines)

    def test_arguments_of_ps(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun prints pids only')
        if not os.path.exists('/usr/bin/ps'):
            self.skipTest('procps is not installed')
        name, pids = self.with_two()
        lines = self.assert_ok(self.oci('ps', name, '-e', '-o', 'pid,args')).out.splitlines()
        self.assertEqual(['PID', 'COMMAND'], lines[0].split())
        self.assertEqual(pids, sorted(int(line.split()[0]) for line in lines[1:]))
        self.assertNotEqual(0, self.oci('ps', name, '-e', '-o', 'args').code)
        self.assertNotEqual(0, self.oci('ps', name, '--nonsense').code)

    def test_unknown(self):
        if self.runtime_name == 'crun':
            self.skipTest('other words')
        self.assert_fails(self.oci('ps', 'nosuch'), 1, 'container does not exist')

    def test_nothing_of_the_container_is_executed(self):
        """CVE-2022-1227: a tool about a container ran the container's own."""
        if self.runtime_name != 'crun-lite':
            self.skipTest('asks for what crun-lite promises')
        bundle = self.bundle(['/bin/sleep', '1000'])
        for path in ('bin/ps', 'usr/bin/ps'):
            target = bundle.rootfs / path
            if target.is_symlink():
                target.unlink()
            target.write_text('#!/bin/sh\necho trapped >> /tmp/mark\n')
            os.chmod(target, 0o755)
        bundle.config['root']['readonly'] = False
        name = self.running(bundle.write())
        self.assert_ok(self.oci('ps', name, cwd=bundle.rootfs, env={'PATH': f'{bundle.rootfs}/bin:/usr/bin:/bin'}))
        self.assertFalse((bundle.rootfs / 'tmp/mark').exists())

    def test_without_cgroups(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('their words for no cgroups differ')
        bundle = self.bundle(['/bin/sleep', '1000'])
        bundle.config['linux']['resources'] = {}
        bundle.write()
        name = self.container()
        with open(self.path('out'), 'wb') as out:
            done = subprocess.run([*self._oci_argv(), '--cgroup-manager', 'disabled', 'create', '--bundle',
                                   str(bundle.path), name], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                  check=False)
            self.assertEqual(0, done.returncode)
        self.assert_ok(self.oci('start', name))
        done, _ = self.exec_detached('--pid-file', self.path('pid'), name, 'sleep', '2000')
        self.assert_ok(done)
        pids = sorted([self.state(name)['pid'], pid_in(self.path('pid'))])
        self.assertEqual(pids, json.loads(self.assert_ok(self.oci('ps', '--format', 'json', name)).out))
