# SPDX-License-Identifier: Apache-2.0
"""What cgroup v2 makes of a config.json: limits in their files, the device filter, sub-cgroups, clean-up. Meant for
tests/vm/run, where there is no other hierarchy; elsewhere skipped. `tests/vm/run --runtime crun` tests these tests."""
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.harness import RuntimeTest, run, wait_until  # noqa: E402  (the path above comes first)

CGROUP = pathlib.Path('/sys/fs/cgroup')
ON_V2 = (CGROUP / 'cgroup.controllers').exists()
MEBIBYTE = 1 << 20


@unittest.skipUnless(ON_V2, 'this machine has cgroup v1; tests/vm/run makes one with v2 only')
class CgroupTest(RuntimeTest):
    """A created container and its cgroup."""

    def created(self, resources, args=('/bin/sleep', '1000'), **linux):
        """A container with these resources; returns (id, directory of its cgroup)."""
        bundle = self.bundle(args)
        bundle.config['linux']['resources'].update(resources)
        bundle.config['linux'].update(linux)
        name, result = self.create(bundle.write())
        self.assert_ok(result)
        return name, self.cgroup_of(self.state(name)['pid'])

    def cgroup_of(self, pid):
        line = pathlib.Path(f'/proc/{pid}/cgroup').read_text().strip()
        self.assertTrue(line.startswith('0::/'), line)
        return CGROUP / line.removeprefix('0::/')

    def value(self, cgroup, file):
        return (cgroup / file).read_text().strip()

    def run_limited(self, script, **resources):
        bundle = self.bundle().sh(script)
        bundle.config['linux']['resources'].update(resources)
        return self.run_bundle(bundle.write())


class Limits(CgroupTest):
    """Each limit is in the file that the kernel reads."""

    def test_the_cgroup_is_where_cgroupsPath_says(self):
        name, cgroup = self.created({}, cgroupsPath=f'/{self.token}/inner')
        self.assertEqual(f'{self.token}/inner', str(cgroup.relative_to(CGROUP)))
        self.assertEqual([str(self.state(name)['pid'])], self.value(cgroup, 'cgroup.procs').split())

    def test_memory(self):
        _, cgroup = self.created({'memory': {'limit': 64 * MEBIBYTE, 'reservation': 32 * MEBIBYTE}})
        self.assertEqual(str(64 * MEBIBYTE), self.value(cgroup, 'memory.max'))
        self.assertEqual(str(32 * MEBIBYTE), self.value(cgroup, 'memory.low'))

    def test_swap_is_what_remains_of_memory_and_swap(self):
        _, cgroup = self.created({'memory': {'limit': 64 * MEBIBYTE, 'swap': 96 * MEBIBYTE}})
        if not (cgroup / 'memory.swap.max').exists():
            self.skipTest('this kernel accounts no swap')
        self.assertEqual(str(32 * MEBIBYTE), self.value(cgroup, 'memory.swap.max'))

    def test_unlimited_memory(self):
        _, cgroup = self.created({'memory': {'limit': -1}})
        self.assertEqual('max', self.value(cgroup, 'memory.max'))

    def test_pids(self):
        _, cgroup = self.created({'pids': {'limit': 17}})
        self.assertEqual('17', self.value(cgroup, 'pids.max'))

    def test_unlimited_pids(self):
        _, cgroup = self.created({'pids': {'limit': -1}})
        self.assertEqual('max', self.value(cgroup, 'pids.max'))

    def test_cpu_quota(self):
        _, cgroup = self.created({'cpu': {'quota': 25000, 'period': 50000}})
        self.assertEqual('25000 50000', self.value(cgroup, 'cpu.max'))

    def test_cpu_period_alone(self):
        _, cgroup = self.created({'cpu': {'period': 50000}})
        self.assertEqual('max 50000', self.value(cgroup, 'cpu.max'))

    def test_cpu_weight_grows_with_shares(self):
        weights = [int(self.value(self.created({'cpu': {'shares': shares}})[1], 'cpu.weight'))
                   for shares in (2, 1024, 262144)]
        self.assertEqual((1, 10000), (weights[0], weights[2]))
        # runc 1.3.2 and crun 1.23 map 1024 shares to the kernel's default of 100; before, the line was straight (39).
        self.assertIn(weights[1], (100,) if self.runtime_name == 'crun-lite' else (39, 100))

    def test_cpuset(self):
        _, cgroup = self.created({'cpu': {'cpus': '0', 'mems': '0'}})
        self.assertEqual(('0', '0'), (self.value(cgroup, 'cpuset.cpus'), self.value(cgroup, 'cpuset.mems')))

    def test_unified_is_written_as_it_stands(self):
        _, cgroup = self.created({'unified': {'memory.high': '33554432', 'pids.max': '9'}})
        self.assertEqual(('33554432', '9'), (self.value(cgroup, 'memory.high'), self.value(cgroup, 'pids.max')))


class Refused(CgroupTest):
    """What cannot be set is an error, and leaves no cgroup behind."""

    own_only = True  # crun 1.8.1 leaves the cgroup

    def test_unified_of_an_unknown_controller_is_refused(self):
        bundle = self.bundle()
        bundle.config['linux']['resources']['unified'] = {'nonsense.max': '1'}
        name, result = self.create(bundle.write())
        self.assertNotEqual(0, result.code, result)
        self.assertIn('nonsense', result.err)
        self.assertEqual([], [name for name in os.listdir(CGROUP) if self.token in name])

    def test_unified_with_a_path_is_refused(self):
        bundle = self.bundle()
        bundle.config['linux']['resources']['unified'] = {'../pids.max': '1'}
        self.assertNotEqual(0, self.create(bundle.write())[1].code)


class Effects(CgroupTest):
    """The limits hold what they say."""

    def test_out_of_memory_is_a_kill(self):
        result = self.run_limited('dd if=/dev/zero of=/dev/null bs=100M count=1; echo "dd $?"',
                                  memory={'limit': 16 * MEBIBYTE})
        self.assertTrue(result.code == 137 or 'dd 137' in result.out, result)

    def test_no_more_processes_than_allowed(self):
        result = self.run_limited('for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; echo all', pids={'limit': 4})
        self.assertNotIn('all', result.out)
        self.assertIn('fork', result.err)

    def test_the_container_sees_its_cgroup_as_the_root(self):
        bundle = self.bundle().sh('cat /proc/self/cgroup; cat /sys/fs/cgroup/pids.max')
        bundle.config['linux']['resources']['pids'] = {'limit': 21}
        bundle.config['linux']['namespaces'].append({'type': 'cgroup'})
        result = self.assert_ok(self.run_bundle(bundle.write()))
        self.assertEqual('0::/\n21\n', result.out)

    def test_the_container_cannot_lift_its_limit(self):
        result = self.run_limited('echo max > /sys/fs/cgroup/pids.max', pids={'limit': 21})
        self.assertNotEqual(0, result.code)
        self.assertIn('Read-only file system', result.err)


class Devices(CgroupTest):
    """The BPF program that stands for v1's devices.allow and devices.deny."""

    # Nothing but the device filter keeps a process without capabilities from opening this one.
    LOOP = {'path': '/dev/loop-control', 'type': 'c', 'major': 10, 'minor': 237, 'fileMode': 0o666, 'uid': 0, 'gid': 0}

    def open_loop(self, rules, mode='<'):
        bundle = self.bundle().sh(f': {mode}/dev/loop-control && echo opened')
        bundle.config['linux']['devices'] = [self.LOOP]
        bundle.config['linux']['resources']['devices'] = rules
        return self.run_bundle(bundle.write())

    def test_default_devices_are_open(self):
        script = 'for d in null zero full random urandom tty; do head -c 1 /dev/$d >/dev/null; done; echo x >/dev/null'
        result = self.run_bundle(self.bundle().sh(script + '; echo done'))
        self.assertEqual('done\n', result.out, result)
        self.assertNotIn('not permitted', result.err)

    def test_others_are_denied(self):
        result = self.open_loop([{'allow': False, 'access': 'rwm'}])
        self.assertIn('Operation not permitted', result.err)
        self.assertNotIn('opened', result.out)

    def test_a_rule_allows_one(self):
        rules = [{'allow': False, 'access': 'rwm'},
                 {'allow': True, 'type': 'c', 'major': 10, 'minor': 237, 'access': 'r'}]
        self.assertEqual('opened\n', self.open_loop(rules).out)
        self.assertIn('not permitted', self.open_loop(rules, mode='>').err)

    def test_the_last_rule_wins(self):
        rules = [{'allow': True, 'access': 'rwm'},
                 {'allow': False, 'type': 'c', 'major': 10, 'minor': 237, 'access': 'w'}]
        self.assertIn('not permitted', self.open_loop(rules, mode='>').err)
        self.assertEqual('opened\n', self.open_loop(rules).out)


class Ownership(CgroupTest):
    """config-linux.md, Cgroup ownership: the container may make cgroups when it has namespaces and a mount for it."""

    def owned(self, *options, script='sleep 1000', namespaces=('user', 'cgroup')):
        bundle = self.bundle().sh(script)
        linux = bundle.config['linux']
        linux['namespaces'] += [{'type': kind} for kind in namespaces]
        if 'user' in namespaces:
            linux['uidMappings'] = linux['gidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 65536}]
        mount = next(m for m in bundle.config['mounts'] if m['type'] == 'cgroup')
        mount['options'] = ['nosuid', 'noexec', 'nodev', *options]
        name, result = self.create(bundle.write())
        self.assert_ok(result)
        return name, self.cgroup_of(self.state(name)['pid'])

    def test_the_delegated_files_belong_to_the_container(self):
        _, cgroup = self.owned('rw')
        self.assertEqual(100000, cgroup.stat().st_uid)
        for file in ('cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads'):
            self.assertEqual(100000, (cgroup / file).stat().st_uid, file)
        for file in ('memory.max', 'pids.max', 'cgroup.kill', 'cgroup.freeze'):
            self.assertEqual(0, (cgroup / file).stat().st_uid, file)

    def test_they_do_not_without_a_writable_mount_or_a_namespace(self):
        self.assertEqual(0, self.owned('ro')[1].stat().st_uid)
        self.assertEqual(0, self.owned('rw', namespaces=('user',))[1].stat().st_uid)
        self.assertEqual(0, self.owned('rw', namespaces=('cgroup',))[1].stat().st_uid)

    def test_the_container_makes_a_cgroup_and_delete_removes_it(self):
        name, cgroup = self.owned('rw', script='mkdir /sys/fs/cgroup/a && echo $$ >/sys/fs/cgroup/a/cgroup.procs && '
                                              'cat /proc/self/cgroup; sleep 1000')
        self.assert_ok(self.oci('start', name))
        wait_until(lambda: '0::/a' in self.output(name), 'it is in a cgroup of its own making')
        self.assert_ok(self.oci('pause', name))
        self.assertEqual('paused', self.state(name)['status'])
        self.assert_ok(self.oci('delete', '--force', name))
        self.assertFalse(cgroup.exists())


class Exec(CgroupTest):
    """A further process of the container."""

    def started(self, resources=None):
        name, cgroup = self.created(resources or {})
        self.assert_ok(self.oci('start', name))
        return name, cgroup

    def where(self, *args):
        """The cgroup that a process of exec finds itself in."""
        return self.assert_ok(self.oci('exec', *args, 'cat', '/proc/self/cgroup')).out

    def test_it_is_cloned_into_the_containers_cgroup(self):
        name, cgroup = self.started()
        self.assertEqual(f'0::/{cgroup.relative_to(CGROUP)}\n', self.where(name))
        if self.runtime_name != 'crun-lite':
            return
        trace = self.path('trace')
        self.assert_ok(run(['strace', '-f', '-qq', '-e', 'trace=clone3,openat', '-o', trace, *self._oci_argv(), 'exec',
                            name, 'true']))
        calls = pathlib.Path(trace).read_text()
        self.assertIn('CLONE_INTO_CGROUP', calls)
        self.assertNotRegex(calls, r'cgroup\.procs", O_WRONLY')  # and nobody has moved it

    def test_the_limits_are_its_too(self):
        name, _ = self.started({'pids': {'limit': 4}})
        result = self.oci('exec', name, 'sh', '-c', 'for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; echo all')
        self.assertNotIn('all', result.out)
        self.assertIn('fork', result.err)

    def test_a_cgroup_inside(self):
        name, cgroup = self.started()
        (cgroup / 'sub/deeper').mkdir(parents=True)
        own = f'0::/{cgroup.relative_to(CGROUP)}'
        self.assertEqual(f'{own}/sub\n', self.where('--cgroup', 'sub', name))
        self.assertEqual(f'{own}/sub/deeper\n', self.where('--cgroup', 'sub/deeper', name))
        self.assertEqual(f'{own}\n', self.where('--cgroup', '/', name))
        result = self.oci('exec', '--cgroup', 'other', name, 'true')
        self.assertNotEqual(0, result.code)
        if self.runtime_name == 'crun-lite':
            self.assert_fails(result, 255, '--cgroup', f'{cgroup}/other', 'no such file or directory')

    def test_beside_a_process_that_has_moved(self):
        name, cgroup = self.started()
        (cgroup / 'inner').mkdir()
        (cgroup / 'inner/cgroup.procs').write_text(str(self.state(name)['pid']))
        (cgroup / 'cgroup.subtree_control').write_text('+pids')  # now the kernel lets none in above it
        self.assertEqual(f'0::/{cgroup.relative_to(CGROUP)}/inner\n', self.where(name))


class Io(CgroupTest):
    """The io controller, where the kernel has a scheduler for it."""

    def test_weight(self):
        _, cgroup = self.created({'blockIO': {'weight': 500}} if self.weighs() else {})
        if (cgroup / 'io.bfq.weight').exists():
            self.assertEqual('default 500', self.value(cgroup, 'io.bfq.weight'))
        elif (cgroup / 'io.weight').exists():
            self.assertEqual('default 4950', self.value(cgroup, 'io.weight'))
        else:
            self.skipTest('this kernel weighs no block devices')

    def weighs(self):
        _, cgroup = self.created({})
        return (cgroup / 'io.bfq.weight').exists() or (cgroup / 'io.weight').exists()


class CleanUp(CgroupTest):
    """Nothing of a container's cgroup stays."""

    def test_delete_removes_the_cgroup(self):
        name, cgroup = self.created({'memory': {'limit': 64 * MEBIBYTE}})
        self.assert_ok(self.oci('delete', '--force', name))
        self.assertFalse(cgroup.exists())

    def test_delete_removes_cgroups_that_the_container_made(self):
        name, cgroup = self.created({})
        for inner in ('a', 'a/b', 'c'):
            (cgroup / inner).mkdir()
        self.assert_ok(self.oci('start', name))
        self.assert_ok(self.oci('delete', '--force', name))
        self.assertFalse(cgroup.exists())

    def test_force_kills_what_outlives_the_first_process(self):
        bundle = self.bundle().sh('sleep 1000 & sleep 1000')
        bundle.config['linux']['namespaces'] = [{'type': 'mount'}]  # no pid namespace to take it along
        del bundle.config['hostname']
        name, result = self.create(bundle.write())
        self.assert_ok(result)
        cgroup = self.cgroup_of(self.state(name)['pid'])
        self.assert_ok(self.oci('start', name))
        # The shell may become its last command: two processes or three.
        wait_until(lambda: len(self.value(cgroup, 'cgroup.procs').split()) >= 2, 'more than the first process runs')
        pids = self.value(cgroup, 'cgroup.procs').split()
        self.assert_ok(self.oci('delete', '--force', name))
        self.assertFalse(cgroup.exists())
        wait_until(lambda: not any(self.alive(pid) for pid in pids), 'all have ended')

    @staticmethod
    def alive(pid):
        try:
            return ' Z ' not in pathlib.Path(f'/proc/{pid}/stat').read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False

    def test_run_leaves_no_cgroup(self):
        self.assert_ok(self.run_bundle(self.bundle()))
        self.assertEqual([], [name for name in os.listdir(CGROUP) if self.token in name])


if __name__ == '__main__':
    unittest.main()
