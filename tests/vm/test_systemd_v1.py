# SPDX-License-Identifier: Apache-2.0
"""The systemd cgroup driver where systemd still uses cgroup v1, with v2 beside it for itself (hybrid): properties of
that time, and the hierarchies that systemd does not manage. Meant for tests/vm/run --machine legacy; elsewhere
skipped."""
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.cgroups import directory  # noqa: E402  (the path above comes first)
from systemd_support import BOOTED, MEBIBYTE, ON_V2, SystemdTest  # noqa: E402

# Of these, systemd knows the first three; '' is v2.
CONTROLLERS = ('memory', 'pids', 'cpu', 'freezer', 'cpuset', '')


@unittest.skipUnless(BOOTED and not ON_V2,
                     'no systemd with cgroup v1; tests/vm/run --machine legacy makes such a machine')
class LegacyTest(SystemdTest):

    def cgroup_of(self, pid):
        return directory(pid, 'memory')

    def value(self, pid, controller, file):
        return (directory(pid, controller) / file).read_text().strip()

    def assert_everywhere(self, pid, path):
        """In every hierarchy it is here."""
        for line in pathlib.Path(f'/proc/{pid}/cgroup').read_text().splitlines():
            self.assertEqual(path, line.split(':', 2)[2], line)


class Scope(LegacyTest):

    def test_limits_are_properties_and_files(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 writes the files only')
        name, scope, _ = self.started(self.bundle(memory={'limit': 64 * MEBIBYTE}, pids={'limit': 17},
                                                  cpu={'shares': 512, 'quota': 25000, 'period': 50000}))
        pid = self.state(name)['pid']
        self.assert_everywhere(pid, f'/system.slice/{scope}')
        self.assertEqual({'MemoryLimit': str(64 * MEBIBYTE), 'TasksMax': '17', 'CPUShares': '512', 'Delegate': 'yes',
                          'CPUQuotaPerSecUSec': '500ms'},
                         self.shown(scope, 'MemoryLimit', 'TasksMax', 'CPUShares', 'Delegate', 'CPUQuotaPerSecUSec'))
        files = (('memory', 'memory.limit_in_bytes'), ('pids', 'pids.max'), ('cpu', 'cpu.shares'),
                 ('cpu', 'cpu.cfs_quota_us'))
        self.assertEqual([str(64 * MEBIBYTE), '17', '512', '25000'], [self.value(pid, *where) for where in files])
        self.assert_ok(self.oci('update', '--memory', str(32 * MEBIBYTE), '--pids-limit', '23', name))
        self.assertEqual({'MemoryLimit': str(32 * MEBIBYTE), 'TasksMax': '23'},
                         self.shown(scope, 'MemoryLimit', 'TasksMax'))
        self.assertEqual(str(32 * MEBIBYTE), self.value(pid, 'memory', 'memory.limit_in_bytes'))

    def test_later_commands_and_the_end(self):
        name, scope, _ = self.started(self.bundle())
        pid = self.state(name)['pid']
        places = [directory(pid, controller) for controller in CONTROLLERS]
        self.assertNotIn(None, places)
        out = self.assert_ok(self.oci('exec', name, 'cat', '/proc/self/cgroup')).out
        expected = pathlib.Path(f'/proc/{pid}/cgroup').read_text()
        if self.runtime_name == 'crun':  # which leaves it where the caller is in v2
            out, expected = out.rsplit('0::', 1)[0], expected.rsplit('0::', 1)[0]
        self.assertEqual(expected, out)
        self.assert_ok(self.oci('pause', name))
        self.assertEqual('paused', self.state(name)['status'])
        self.assert_ok(self.oci('resume', name))
        self.assertEqual('running', self.state(name)['status'])
        self.assert_ok(self.oci('delete', '--force', name))
        self.assert_gone(scope)
        self.assertEqual([], [place for place in places if place.exists()])

    def test_other_devices_are_denied(self):
        bundle = self.bundle(devices=[{'allow': False, 'access': 'rwm'}])
        bundle.config['linux']['devices'] = [{'path': '/dev/loop-control', 'type': 'c', 'major': 10, 'minor': 237,
                                              'fileMode': 0o666, 'uid': 0, 'gid': 0}]
        result = self.run_bundle(bundle.sh('true </dev/null && echo null; true </dev/loop-control && echo loop'))
        self.assertEqual('null\n', result.out)
        self.assertIn('Operation not permitted', result.err)
        self.assertEqual([], self.units())

    def test_a_cgroup_inside_the_scope(self):
        bundle = self.bundle(memory={'limit': 64 * MEBIBYTE})
        bundle.config.setdefault('annotations', {})['run.oci.systemd.subgroup'] = 'container'
        name, _, cgroup = self.started(bundle.write())
        pid = self.state(name)['pid']
        self.assertEqual('container', os.path.basename(cgroup))
        if self.runtime_name == 'crun-lite':
            self.assert_everywhere(pid, f'/system.slice/{cgroup.parent.name}/container')
        self.assertEqual(str(64 * MEBIBYTE), self.value(pid, 'memory', 'memory.limit_in_bytes'))
        self.assert_ok(self.oci('delete', '--force', name))
        self.assertFalse(cgroup.parent.exists())


if __name__ == '__main__':
    unittest.main()
