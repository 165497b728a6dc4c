# SPDX-License-Identifier: Apache-2.0
"""The systemd cgroup driver on a machine where systemd is process 1: units, slices, properties, the rest in cgroupfs,
and their end. Meant for tests/vm/run --machine systemd; elsewhere skipped. With --runtime crun it tests these tests."""
import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.harness import run, wait_until  # noqa: E402  (the path above comes first)
from systemd_support import BOOTED, CGROUP, MEBIBYTE, ON_V2, SystemdTest as AnyMachine  # noqa: E402


@unittest.skipUnless(BOOTED and ON_V2, 'process 1 is not systemd; tests/vm/run --machine systemd makes such a machine')
class SystemdTest(AnyMachine):
    """With cgroup v2 and nothing else."""


class Units(SystemdTest):
    """What systemd knows about a container."""

    def test_a_scope_in_the_slice_that_cgroupsPath_says(self):
        bundle = self.bundle()
        unit = bundle.config['linux']['cgroupsPath'].rsplit(':', 1)[1]
        name, scope, cgroup = self.created(bundle)
        self.assertEqual(CGROUP / f'system.slice/crl-{unit}.scope', cgroup)
        shown = self.shown(scope, 'ActiveState', 'Slice', 'Delegate', 'Description', 'CPUAccounting', 'IOAccounting',
                           'MemoryAccounting', 'TasksAccounting', 'DefaultDependencies', 'ControlGroup')
        self.assertEqual({'ActiveState': 'active', 'Slice': 'system.slice', 'Delegate': 'yes', 'CPUAccounting': 'yes',
                          'IOAccounting': 'yes', 'MemoryAccounting': 'yes', 'TasksAccounting': 'yes',
                          'DefaultDependencies': 'no', 'ControlGroup': f'/system.slice/{scope}'},
                         {k: v for k, v in shown.items() if k != 'Description'})
        self.assertIn(name, shown['Description'])

    def test_slices_are_nested(self):
        bundle = self.bundle()
        slice_ = f'{self.token}-inner.slice'
        bundle.config['linux']['cgroupsPath'] = f'{slice_}:p:{self.name("u")}'
        name, scope, cgroup = self.created(bundle.write())
        self.assertEqual(CGROUP / f'{self.token}.slice/{slice_}/{scope}', cgroup)
        self.assert_ok(self.oci('delete', '--force', name))
        self.assert_ok(run(['systemctl', 'stop', f'{self.token}.slice']))  # systemd keeps slices

    def test_everything_has_a_default(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('each runtime has a prefix of its own')
        bundle = self.bundle()
        del bundle.config['linux']['cgroupsPath']
        name, scope, cgroup = self.created(bundle.write())
        self.assertEqual((f'crun-lite-{name}.scope', CGROUP / 'system.slice'), (scope, cgroup.parent))

    def test_annotations_are_properties(self):
        bundle = self.bundle()
        bundle.config.setdefault('annotations', {}).update({
            'org.systemd.property.TimeoutStopUSec': 'uint64 123000000',
            'org.systemd.property.CollectMode': "'inactive-or-failed'",
            'org.systemd.property.After': "['basic.target']"})
        _, scope, _ = self.created(bundle.write())
        shown = self.shown(scope, 'TimeoutStopUSec', 'CollectMode', 'After')
        self.assertEqual(('2min 3s', 'inactive-or-failed'), (shown['TimeoutStopUSec'], shown['CollectMode']))
        self.assertIn('basic.target', shown['After'])

    def test_the_container_sees_its_cgroup_as_the_root(self):
        bundle = self.bundle(pids={'limit': 21}).sh('cat /proc/self/cgroup; cat /sys/fs/cgroup/pids.max')
        bundle.config['linux']['namespaces'].append({'type': 'cgroup'})
        self.assertEqual('0::/\n21\n', self.assert_ok(self.run_bundle(bundle.write())).out)

    def test_without_a_cgroup_namespace_it_sees_its_own_directory(self):
        bundle = self.bundle(pids={'limit': 21}).sh('cat /sys/fs/cgroup/pids.max')
        if self.runtime_name != 'crun-lite':
            self.skipTest('peers show all of the host\'s cgroups')
        self.assertEqual('21\n', self.assert_ok(self.run_bundle(bundle)).out)


class Limits(SystemdTest):
    """In the unit's properties, and exactly in the files that the kernel reads."""

    def assert_limit(self, resources, properties, files):
        _, scope, cgroup = self.created(self.bundle(**resources))
        self.assertEqual(properties, self.shown(scope, *properties))
        self.assertEqual(files, {f: (cgroup / f).read_text().strip() for f in files})

    def test_memory(self):
        self.assert_limit({'memory': {'limit': 64 * MEBIBYTE, 'reservation': 32 * MEBIBYTE}},
                          {'MemoryMax': str(64 * MEBIBYTE), 'MemoryLow': str(32 * MEBIBYTE)},
                          {'memory.max': str(64 * MEBIBYTE), 'memory.low': str(32 * MEBIBYTE)})

    def test_pids(self):
        self.assert_limit({'pids': {'limit': 17}}, {'TasksMax': '17'}, {'pids.max': '17'})

    def test_cpu_time_is_exact_in_the_file(self):
        self.assert_limit({'cpu': {'quota': 33333, 'period': 100000}}, {'CPUQuotaPerSecUSec': '340ms'},
                          {'cpu.max': '33333 100000'})

    def test_cpu_weight(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('older runtimes have another formula')
        self.assert_limit({'cpu': {'shares': 1024}}, {'CPUWeight': '100'}, {'cpu.weight': '100'})

    def test_cpuset(self):
        self.assert_limit({'cpu': {'cpus': '0', 'mems': '0'}}, {'AllowedCPUs': '0', 'AllowedMemoryNodes': '0'},
                          {'cpuset.cpus': '0', 'cpuset.mems': '0'})

    def test_unified_values_are_properties_too(self):
        self.assert_limit({'unified': {'memory.high': '33554432', 'memory.oom.group': '1'}},
                          {'MemoryHigh': '33554432'}, {'memory.high': '33554432', 'memory.oom.group': '1'})

    def test_they_survive_a_reload_of_systemd(self):
        _, scope, cgroup = self.created(self.bundle(memory={'limit': 64 * MEBIBYTE}, pids={'limit': 17}))
        self.assert_ok(run(['systemctl', 'daemon-reload']))
        self.assertEqual({'TasksMax': '17'}, self.shown(scope, 'TasksMax'))
        self.assertEqual((str(64 * MEBIBYTE), '17'), ((cgroup / 'memory.max').read_text().strip(),
                                                      (cgroup / 'pids.max').read_text().strip()))


class Devices(SystemdTest):
    """The filter is systemd's and ours at once."""

    LOOP = {'path': '/dev/loop-control', 'type': 'c', 'major': 10, 'minor': 237, 'fileMode': 0o666, 'uid': 0, 'gid': 0}
    DENY = {'allow': False, 'access': 'rwm'}

    def with_rules(self, rules):
        bundle = self.bundle(devices=rules)
        bundle.config['linux']['devices'] = [self.LOOP]
        return bundle

    def test_others_are_denied(self):
        bundle = self.with_rules([self.DENY]).sh('true </dev/loop-control && echo opened; true </dev/null')
        result = self.run_bundle(bundle)
        self.assertIn('Operation not permitted', result.err)
        self.assertNotIn('opened', result.out)
        self.assertEqual(0, result.code, result)

    def test_a_rule_allows_one_after_a_reload_too(self):
        rules = [self.DENY, {'allow': True, 'type': 'c', 'major': 10, 'minor': 237, 'access': 'r'}]
        bundle = self.with_rules(rules)
        bundle.config['process']['args'] = ['/bin/sh', '-c', 'while [ ! -e /tmp/go ]; do sleep 0.1; done; '
                                            'true </dev/loop-control && echo opened; '
                                            'true >/dev/loop-control || echo denied']
        bundle.config['mounts'].append({'destination': '/tmp', 'type': 'bind', 'source': self.path('go'),
                                        'options': ['bind', 'rw']})
        os.mkdir(self.path('go'))
        name, scope, _ = self.created(bundle.write())
        shown = self.shown(scope, 'DevicePolicy', 'DeviceAllow')
        self.assertEqual('strict', shown['DevicePolicy'])
        self.assertIn('/dev/char/10:237 r', shown['DeviceAllow'])
        self.assert_ok(self.oci('start', name))
        self.assert_ok(run(['systemctl', 'daemon-reload']))
        self.write('go/go', '')
        self.wait_status(name, 'stopped')
        self.assertEqual('opened\ndenied\n', self.output(name))


class Later(SystemdTest):
    """What is done to a container that runs. Nobody says --systemd-cgroup then."""

    def test_exec_is_in_the_scope(self):
        name, scope, cgroup = self.started(self.bundle())
        result = self.assert_ok(self.oci('exec', name, 'cat', '/proc/self/cgroup'))
        self.assertEqual(f'0::/system.slice/{scope}\n', result.out)
        self.assertEqual(7, self.oci('exec', name, 'sh', '-c', 'exit 7').code)
        self.assertEqual('active', self.shown(scope, 'ActiveState')['ActiveState'])
        self.assertEqual([str(self.state(name)['pid'])], (cgroup / 'cgroup.procs').read_text().split())

    def test_update_changes_properties_and_files(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 changes the files only')
        name, scope, cgroup = self.started(self.bundle(memory={'limit': 64 * MEBIBYTE}, pids={'limit': 17}))
        self.assert_ok(self.oci('update', '--memory', str(32 * MEBIBYTE), '--pids-limit', '23', '--cpu-quota', '25000',
                                '--cpu-period', '50000', name))
        files = {'memory.max': str(32 * MEBIBYTE), 'pids.max': '23', 'cpu.max': '25000 50000'}
        for reload in (False, True):
            if reload:  # which writes what systemd believes
                self.assert_ok(run(['systemctl', 'daemon-reload']))
            self.assertEqual({'MemoryMax': str(32 * MEBIBYTE), 'TasksMax': '23', 'CPUQuotaPerSecUSec': '500ms'},
                             self.shown(scope, 'MemoryMax', 'TasksMax', 'CPUQuotaPerSecUSec'))
            self.assertEqual(files, {f: (cgroup / f).read_text().strip() for f in files})

    def test_pause_resume_and_ps(self):
        name, _, cgroup = self.started(self.bundle().sh('sleep 1000 & sleep 1001; true'))
        wait_until(lambda: len((cgroup / 'cgroup.procs').read_text().split()) == 3, 'the shell has two children')
        pids = sorted(int(pid) for pid in (cgroup / 'cgroup.procs').read_text().split())
        self.assertEqual(pids, sorted(json.loads(self.assert_ok(self.oci('ps', '--format', 'json', name)).out)))
        self.assert_ok(self.oci('pause', name))
        self.assertEqual(('paused', '1'), (self.state(name)['status'], (cgroup / 'cgroup.freeze').read_text().strip()))
        self.assert_ok(self.oci('resume', name))
        self.assertEqual(('running', '0'), (self.state(name)['status'], (cgroup / 'cgroup.freeze').read_text().strip()))

    def test_events_reads_the_scope(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun has no events')
        name, _, _ = self.started(self.bundle(pids={'limit': 17}))
        data = json.loads(self.assert_ok(self.oci('events', '--stats', name)).out)['data']
        self.assertEqual({'current': 1, 'limit': 17}, data['pids'])

    def test_state_names_the_scope(self):
        if self.runtime_name == 'runc':
            self.skipTest('crun prints it, runc does not')
        name, scope, _ = self.started(self.bundle())
        self.assertEqual(scope, self.state(name)['systemd-scope'])
        self.assert_ok(self.oci('kill', name, 'KILL'))
        self.wait_status(name, 'stopped')
        self.assertEqual(scope, self.state(name)['systemd-scope'])


class Subgroup(SystemdTest):
    """The annotation run.oci.systemd.subgroup, as crun has it: a cgroup inside the scope."""

    def setUp(self):
        super().setUp()
        if self.runtime_name == 'runc':
            self.skipTest('crun\'s vocabulary')

    def annotated(self, subgroup, **resources):
        bundle = self.bundle(**resources)
        bundle.config.setdefault('annotations', {})['run.oci.systemd.subgroup'] = subgroup
        return bundle.write()

    def test_the_container_is_inside_the_scope(self):
        name, _, cgroup = self.started(self.annotated('container', memory={'limit': 64 * MEBIBYTE}, pids={'limit': 17}))
        scope = cgroup.parent
        self.assertEqual(('container', scope.name), (cgroup.name, self.state(name)['systemd-scope']))
        self.assertEqual((str(64 * MEBIBYTE), '17'),
                         ((cgroup / 'memory.max').read_text().strip(), (cgroup / 'pids.max').read_text().strip()))
        self.assertEqual({'MemoryMax': str(64 * MEBIBYTE), 'TasksMax': '17'},
                         self.shown(scope.name, 'MemoryMax', 'TasksMax'))
        self.assertEqual('', (scope / 'cgroup.procs').read_text())
        out = self.assert_ok(self.oci('exec', name, 'cat', '/proc/self/cgroup')).out
        self.assertEqual(f'0::/{cgroup.relative_to(CGROUP)}\n', out)
        self.assert_ok(self.oci('update', '--pids-limit', '23', name))
        self.assertEqual('23', (cgroup / 'pids.max').read_text().strip())
        self.assert_ok(self.oci('delete', '--force', name))
        self.assert_gone(scope.name)
        self.assertFalse(scope.exists())

    def test_the_container_sees_it_as_the_root(self):
        bundle = self.annotated('deep/er', pids={'limit': 21}).sh('cat /proc/self/cgroup /sys/fs/cgroup/pids.max')
        bundle.config['linux']['namespaces'].append({'type': 'cgroup'})
        self.assertEqual('0::/\n21\n', self.assert_ok(self.run_bundle(bundle.write())).out)
        self.assertEqual([], self.units())

    def test_an_empty_one_is_none(self):
        _, _, cgroup = self.created(self.annotated(''))
        self.assertTrue(cgroup.name.endswith('.scope'), cgroup)

    def test_a_path_that_leads_out_is_refused(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun follows it')
        self.assert_fails(self.create(self.annotated('../x'))[1], 1, 'cgroup path', '..')
        self.assertEqual([], self.units())


class Ends(SystemdTest):
    """Nothing of a unit stays, and nobody else's is touched."""

    def test_delete_without_the_flag(self):
        name, scope, cgroup = self.created(self.bundle())
        self.assertEqual([scope], self.units())
        self.assert_ok(self.oci('start', name))
        self.assert_ok(self.oci('kill', name, 'KILL'))
        self.wait_status(name, 'stopped')
        self.assert_ok(self.oci('delete', name))
        self.assert_gone(scope)
        self.assertFalse(cgroup.exists())

    def test_delete_by_force(self):
        name, scope, cgroup = self.created(self.bundle())
        self.assert_ok(self.oci('start', name))
        for inner in ('a', 'a/b'):
            (cgroup / inner).mkdir()
        self.assert_ok(self.oci('delete', '--force', name))
        self.assert_gone(scope)
        self.assertFalse(cgroup.exists())

    def test_run_leaves_no_unit(self):
        self.assert_ok(self.run_bundle(self.bundle(['/bin/true'])))
        self.assertEqual([], self.units())

    def test_a_unit_that_failed_is_gone_too(self):
        bundle = self.bundle(memory={'limit': 16 * MEBIBYTE, 'swap': 16 * MEBIBYTE})
        bundle.sh('dd if=/dev/zero of=/dev/null bs=100M count=1')
        name, scope, _ = self.created(bundle)
        self.assert_ok(self.oci('start', name))
        self.wait_status(name, 'stopped', timeout=20)
        self.assert_ok(self.oci('delete', name))
        self.assert_gone(scope)

    def test_a_unit_of_that_name_in_another_slice_stays(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('peers stop whatever has the name')
        name, scope, _ = self.started(self.bundle())
        self.assert_ok(self.oci('kill', name, 'KILL'))
        self.wait_status(name, 'stopped')
        self.assert_gone(scope)  # by itself: its last process has ended
        self.background(['systemd-run', '--scope', '--slice=user.slice', f'--unit={scope}', 'sleep', '1000'])
        self.addCleanup(run, ['systemctl', 'stop', scope])
        wait_until(lambda: self.shown(scope, 'ActiveState')['ActiveState'] == 'active', 'the other unit', timeout=30)
        self.assert_ok(self.oci('delete', name))
        self.assertEqual({'ActiveState': 'active', 'Slice': 'user.slice'}, self.shown(scope, 'ActiveState', 'Slice'))

    def test_a_container_that_failed_to_be_made_leaves_none(self):
        bundle = self.bundle(['/nonsense'])
        name, result = self.create(bundle)
        if result.code == 0:  # crun looks for the program at start
            self.assertNotEqual(0, self.oci('start', name).code)
            self.oci('delete', '--force', name)
        scope = bundle.config['linux']['cgroupsPath'].rsplit(':', 1)[1]
        self.assert_gone(f'crl-{scope}.scope')

    def test_a_second_container_cannot_take_the_unit(self):
        bundle = self.bundle()
        name, scope, cgroup = self.created(bundle)
        if self.runtime_name != 'crun-lite':
            self.skipTest('peers say it in other words, or share the unit')
        _, result = self.create(bundle)
        self.assert_fails(result, 1, scope, 'already')
        self.assertEqual('active', self.shown(scope, 'ActiveState')['ActiveState'])
        self.assertEqual([str(self.state(name)['pid'])], (cgroup / 'cgroup.procs').read_text().split())


class Refused(SystemdTest):
    own_only = True

    def refused(self, path, *texts):
        bundle = self.bundle()
        bundle.config['linux']['cgroupsPath'] = path
        self.assert_fails(self.create(bundle.write())[1], 1, 'cgroupsPath' if ':' not in path else '', *texts)

    def test_a_path_of_the_other_driver(self):
        self.refused(f'/{self.token}/a', 'slice:prefix:name')

    def test_a_bad_slice(self):
        self.refused(f'a--b.slice:p:{self.token}', 'invalid slice name')

    def test_an_annotation_that_is_no_value(self):
        bundle = self.bundle()
        bundle.config['annotations'] = {'org.systemd.property.TimeoutStopUSec': 'soon'}
        self.assert_fails(self.create(bundle.write())[1], 1, 'org.systemd.property.TimeoutStopUSec', 'GVariant')

    def test_an_annotation_that_systemd_refuses(self):
        bundle = self.bundle()
        bundle.config['annotations'] = {'org.systemd.property.NoSuchThing': 'true'}
        self.assert_fails(self.create(bundle.write())[1], 1, 'crl-', 'NoSuchThing')


if __name__ == '__main__':
    unittest.main()
