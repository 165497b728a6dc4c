# SPDX-License-Identifier: Apache-2.0
"""Containers of a user without privileges on a machine with systemd: id maps by newuidmap, cgroups by the user's own
manager, in a delegated cgroup, and without any. Meant for tests/vm/run --machine systemd; elsewhere skipped
(tests/cli/test_rootless.py has what needs no such machine)."""
import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.exec_support import RunningTest, pid_in  # noqa: E402  (the path above comes first)
from support.harness import run  # noqa: E402

CGROUP = pathlib.Path('/sys/fs/cgroup')
UID = 1000
RUNTIME_DIR = f'/run/user/{UID}'
HAS_USER = pathlib.Path(RUNTIME_DIR, 'bus').exists() and (CGROUP / f'user.slice/user-{UID}.slice').exists()
MEBIBYTE = 1 << 20
DELEGATED = ['systemd-run', '--user', '--scope', '--quiet', '--property=Delegate=yes', '--']
ONE_ID = [{'containerID': 0, 'hostID': UID, 'size': 1}]
MANY_IDS = [*ONE_ID, {'containerID': 1, 'hostID': 100000, 'size': 65536}]


@unittest.skipUnless(HAS_USER, 'no user 1000 with a systemd of his own; tests/vm/run --machine systemd makes such '
                     'a machine')
class RootlessTest(RunningTest):
    """Every command is run by the user; `self.around` goes in front of it, `self.globals` behind it at create."""

    def setUp(self):
        super().setUp()
        self.around, self.globals, self.variables, self._creating = [], [], {'XDG_RUNTIME_DIR': RUNTIME_DIR}, False
        os.chown(self.root, UID, UID)

    def _oci_argv(self, runtime=None):
        return [*self.as_user(), *super()._oci_argv(runtime), *(self.globals if self._creating else [])]

    def as_user(self):
        environment = [f'{name}={value}' for name, value in self.variables.items()]
        return ['setpriv', f'--reuid={UID}', f'--regid={UID}', '--init-groups', '--reset-env', 'env', *environment,
                *(self.around if self._creating else [])]

    def create(self, bundle, *options, **kwargs):
        self._creating = True
        try:
            return super().create(bundle, *options, **kwargs)
        finally:
            self._creating = False

    def run_bundle(self, bundle, *options, **kwargs):
        self._creating = True
        try:
            return super().run_bundle(bundle, *options, **kwargs)
        finally:
            self._creating = False

    def bundle(self, args=('/bin/sleep', '1000'), hint='b', uids=ONE_ID, gids=None, **resources):
        """What `spec --rootless` says, with these id maps; everything belongs to the user."""
        made = super().bundle(args, hint)
        linux = made.config['linux']
        linux['namespaces'] = [{'type': t} for t in ('pid', 'ipc', 'uts', 'mount', 'user', 'cgroup')]
        linux['uidMappings'], linux['gidMappings'] = uids, gids or uids
        linux['resources'] = resources
        del linux['cgroupsPath']
        for mount in made.config['mounts']:
            if mount['destination'] == '/dev/pts':
                mount['options'].remove('gid=5')
            if mount['destination'] == '/sys':
                mount.update({'type': 'none', 'source': '/sys',
                              'options': ['rbind', 'nosuid', 'noexec', 'nodev', 'ro']})
        for path in [made.path, *made.path.rglob('*')]:
            os.chown(path, UID, UID, follow_symlinks=False)
        return made.write()

    def cgroup_of(self, pid):
        return CGROUP / pathlib.Path(f'/proc/{pid}/cgroup').read_text().strip().removeprefix('0::/')

    def shown(self, unit, *properties):
        argv = ['setpriv', f'--reuid={UID}', f'--regid={UID}', '--init-groups', '--reset-env', 'env',
                f'XDG_RUNTIME_DIR={RUNTIME_DIR}', 'systemctl', '--user', 'show', unit]
        out = self.assert_ok(run([*argv, *(f'--property={p}' for p in properties)])).out
        return dict(line.split('=', 1) for line in out.splitlines() if '=' in line)


class IdMaps(RootlessTest):
    """Who the container's users are outside."""

    IDS = 'id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups'

    def ids(self, bundle):
        return self.assert_ok(self.run_bundle(bundle.sh(self.IDS))).out.split()

    def test_one_id_needs_nobody(self):
        self.assertEqual(['0', '0', '0', '1000', '1', '0', '1000', '1', 'deny'], self.ids(self.bundle()))

    def test_many_ids_by_newuidmap(self):
        many = ['0', '1000', '1', '1', '100000', '65536']
        self.assertEqual(['0', '0', *many, *many, 'allow'], self.ids(self.bundle(uids=MANY_IDS)))

    def test_another_user_and_his_groups(self):
        bundle = self.bundle(uids=MANY_IDS)
        bundle.config['process']['user'] = {'uid': 33, 'gid': 34, 'additionalGids': [35]}
        result = self.assert_ok(self.run_bundle(bundle.sh('id -u; id -g; id -G')))
        self.assertEqual('33\n34\n34 35\n', result.out)

    def test_files_belong_to_who_is_mapped(self):
        bundle = self.bundle(uids=MANY_IDS)
        bundle.config['root']['readonly'] = False
        bundle.config['process']['capabilities'] = {k: ['CAP_CHOWN'] for k in ('bounding', 'effective', 'permitted')}
        self.assert_ok(self.run_bundle(bundle.sh('touch /tmp/a /tmp/b; chown 5:6 /tmp/b')))
        owners = [(os.stat(bundle.rootfs / 'tmp' / f).st_uid, os.stat(bundle.rootfs / 'tmp' / f).st_gid) for f in 'ab']
        self.assertEqual([(1000, 1000), (100004, 100005)], owners)

    def test_ids_of_somebody_else_are_refused(self):
        name, result = self.create(self.bundle(uids=[{'containerID': 0, 'hostID': 5000, 'size': 10}]))
        self.assertNotEqual(0, result.code)
        if self.runtime_name == 'crun-lite':
            self.assert_fails(result, 1, 'newgidmap', '/etc/subgid', 'usermod --add-subgids')
        self.assertNotEqual(0, self.oci('state', name).code)


class Exec(RootlessTest):
    """The user enters his container; privileges he has only inside."""

    def test_one_id(self):
        name = self.running(self.bundle())
        result = self.assert_ok(self.exec(name, 'sh', '-c', 'id -u; id -g; hostname; cat /proc/self/uid_map'))
        self.assertEqual(['0', '0', 'test', '0', '1000', '1'], result.out.split())
        self.assertEqual(7, self.exec(name, 'sh', '-c', 'exit 7').code)
        refused = self.exec(name, 'sh', '-c', 'hostname x')  # no CAP_SYS_ADMIN, not even there
        self.assertNotEqual(0, refused.code, refused)

    def test_another_of_many_ids(self):
        name = self.running(self.bundle(uids=MANY_IDS))
        result = self.assert_ok(self.exec('--user', '33:34', name, 'sh', '-c', 'id -u; id -g; id -G'))
        self.assertEqual('33\n34\n34\n', result.out)
        pid_file = os.path.join(self.root, '.pid')
        result, _ = self.exec_detached('--pid-file', pid_file, '--user', '33:34', name, 'sleep', '1000')
        self.assert_ok(result)
        status = pathlib.Path(f'/proc/{pid_in(pid_file)}/status').read_text()
        self.assertIn('\nUid:\t100032\t100032\t100032\t100032\n', status)


class WithoutCgroups(RootlessTest):
    """The caller is in a cgroup of root's, and nobody has given him one."""

    def test_a_container_runs_all_the_same(self):
        name, result = self.create(self.bundle())
        self.assert_ok(result)
        self.assertEqual('', result.err)
        pid = self.state(name)['pid']
        self.assertEqual(self.cgroup_of('self'), self.cgroup_of(pid))
        self.assert_ok(self.oci('start', name))
        self.assertEqual('running', self.state(name)['status'])
        self.assert_ok(self.oci('kill', name, 'KILL'))
        self.wait_status(name, 'stopped')
        self.assert_ok(self.oci('delete', name))

    def test_exec_stays_where_the_caller_is(self):
        name = self.running(self.bundle())
        self.assertEqual('0::/\n', self.assert_ok(self.exec(name, 'cat', '/proc/self/cgroup')).out)

    def test_run_and_delete_by_force(self):
        self.assertEqual('hello\n', self.assert_ok(self.run_bundle(self.bundle(['/bin/echo', 'hello']))).out)
        name, result = self.create(self.bundle())
        self.assert_ok(result)
        self.assert_ok(self.oci('delete', '--force', name))

    def test_a_limit_is_refused(self):
        _, result = self.create(self.bundle(memory={'limit': 64 * MEBIBYTE}))
        self.assertNotEqual(0, result.code)
        if self.runtime_name == 'crun-lite':
            self.assert_fails(result, 1, 'memory', '--systemd-cgroup', 'Delegate=yes')

    def test_a_path_is_refused(self):
        bundle = self.bundle()
        bundle.config['linux']['cgroupsPath'] = f'/{self.token}'
        if self.runtime_name != 'crun-lite':
            self.skipTest('crun ignores it')
        self.assert_fails(self.create(bundle.write())[1], 1, self.token, 'Permission denied', 'Delegate=yes')

    def test_the_caller_can_insist(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun has no --rootless')
        self.globals = ['--rootless', 'false']
        self.assertNotEqual(0, self.create(self.bundle())[1].code)

    def test_a_cgroup_mount_shows_the_callers(self):
        result = self.assert_ok(self.run_bundle(self.bundle().sh('cat /sys/fs/cgroup/cgroup.procs | wc -l')))
        self.assertGreater(int(result.out), 0)


class OwnManager(RootlessTest):
    """The user's systemd makes the cgroup."""

    def setUp(self):
        super().setUp()
        self.globals = ['--systemd-cgroup']

    def test_a_scope_with_limits(self):
        name, result = self.create(self.bundle(memory={'limit': 64 * MEBIBYTE}, pids={'limit': 17}))
        self.assert_ok(result)
        cgroup = self.cgroup_of(self.state(name)['pid'])
        self.assertIn(f'user@{UID}.service/user.slice', str(cgroup))
        self.assertEqual({'MemoryMax': str(64 * MEBIBYTE), 'TasksMax': '17', 'Delegate': 'yes'},
                         self.shown(cgroup.name, 'MemoryMax', 'TasksMax', 'Delegate'))
        self.assertEqual((str(64 * MEBIBYTE), '17'), ((cgroup / 'memory.max').read_text().strip(),
                                                      (cgroup / 'pids.max').read_text().strip()))
        self.assert_ok(self.oci('start', name))
        self.assertEqual('running', self.state(name)['status'])
        # Callers give the flag, and the environment, only to create.
        self.variables = {}
        self.assert_ok(self.oci('delete', '--force', name))
        self.assertFalse(cgroup.exists())

    def test_later_commands(self):
        for subgroup in ('', 'container'):
            with self.subTest(subgroup=subgroup):
                bundle = self.bundle(pids={'limit': 17})
                bundle.config['annotations'] = {'run.oci.systemd.subgroup': subgroup}
                name = self.running(bundle.write())
                cgroup = self.cgroup_of(self.state(name)['pid'])
                scope = cgroup.parent if subgroup else cgroup
                self.assertEqual(scope.name, self.state(name)['systemd-scope'])
                # The caller is elsewhere and may not move processes from there to here: his manager has it done.
                self.assert_ok(self.exec_detached(name, 'sleep', '1000')[0])
                self.assertEqual(2, len((cgroup / 'cgroup.procs').read_text().split()))
                self.assert_ok(self.oci('update', '--pids-limit', '23', name))
                self.assertEqual('23', (cgroup / 'pids.max').read_text().strip())
                self.assertEqual({'TasksMax': '23'}, self.shown(scope.name, 'TasksMax'))
                self.assert_ok(self.oci('pause', name))
                self.assertEqual('paused', self.state(name)['status'])
                self.assertEqual(0, self.delete_by_force(name))
                self.assertFalse(scope.exists())

    def test_an_empty_runtime_directory_counts_as_none(self):
        self.variables = {'XDG_RUNTIME_DIR': ''}  # as podman sets it
        result = self.assert_ok(self.run_bundle(self.bundle().sh('cat /proc/self/cgroup')))
        self.assertEqual('0::/\n', result.out)

    def test_many_ids_and_a_cgroup_namespace(self):
        bundle = self.bundle(uids=MANY_IDS, pids={'limit': 21})
        result = self.assert_ok(self.run_bundle(bundle.sh('cat /proc/self/cgroup /sys/fs/cgroup/pids.max')))
        self.assertEqual('0::/\n21\n', result.out)

    def test_the_limit_holds(self):
        bundle = self.bundle(pids={'limit': 4}).sh('for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; echo all')
        result = self.run_bundle(bundle)
        self.assertNotIn('all', result.out)
        self.assertIn('fork', result.err)

    def test_no_manager_is_an_error(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('peers look elsewhere too')
        self.variables = {'XDG_RUNTIME_DIR': self.path('nowhere')}
        _, result = self.create(self.bundle())
        self.assert_fails(result, 1, 'systemd', 'XDG_RUNTIME_DIR', 'loginctl enable-linger')


class Delegated(RootlessTest):
    """cgroupfs below a cgroup that the user was given."""

    def setUp(self):
        super().setUp()
        self.around = DELEGATED

    def test_a_cgroup_beside_the_callers(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('peers go on without a cgroup')
        name, result = self.create(self.bundle(pids={'limit': 17}))
        self.assert_ok(result)
        cgroup = self.cgroup_of(self.state(name)['pid'])
        self.assertEqual(('crun-lite', name), (cgroup.parent.name, cgroup.name))
        self.assertEqual('17', (cgroup / 'pids.max').read_text().strip())
        self.assertIn(f'user@{UID}.service', str(cgroup))
        self.assert_ok(self.oci('start', name))
        self.assert_ok(self.oci('delete', '--force', name))
        self.assertFalse(cgroup.exists())

    def test_a_path_of_his_own(self):
        bundle = self.bundle(memory={'limit': 64 * MEBIBYTE})
        path = f'/user.slice/user-{UID}.slice/user@{UID}.service/app.slice/{self.token}'
        bundle.config['linux']['cgroupsPath'] = path
        name, result = self.create(bundle.write())
        self.assert_ok(result)
        cgroup = self.cgroup_of(self.state(name)['pid'])
        self.assertEqual((CGROUP / path[1:], str(64 * MEBIBYTE)), (cgroup, (cgroup / 'memory.max').read_text().strip()))

    def test_exec_from_there_and_from_elsewhere(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('peers go on without a cgroup')
        name = self.running(self.bundle(pids={'limit': 17}))
        self.assert_fails(self.exec(name, 'true'), 255, 'cgroup', 'ermission denied')
        self._creating = True  # in a cgroup of the user's, as it was for create
        self.assert_ok(self.exec_detached(name, 'sleep', '1000')[0])
        self._creating = False
        cgroup = self.cgroup_of(self.state(name)['pid'])
        self.assertEqual(2, len((cgroup / 'cgroup.procs').read_text().split()))

    def test_a_controller_that_was_not_handed_down(self):
        _, result = self.create(self.bundle(cpu={'cpus': '0'}))
        manager = CGROUP / f'user.slice/user-{UID}.slice/user@{UID}.service'
        if 'cpuset' in (manager / 'cgroup.controllers').read_text():
            self.skipTest('cpuset is delegated here')
        self.assertNotEqual(0, result.code)
        if self.runtime_name == 'crun-lite':
            self.assert_fails(result, 1, 'cpuset', 'user@.service')


class Defaults(RootlessTest):
    """What holds without any flags."""

    own_only = True

    def test_the_state_is_in_the_runtime_directory_and_stays(self):
        bundle = self.bundle()
        self._creating = True
        program = [*self.as_user(), str(self.runtime)]
        name = self.name()
        self.addCleanup(run, [*program, 'delete', '--force', name])
        result = run(['sh', '-c', 'exec "$@" >/dev/null 2>/dev/null', 'sh', *program, 'create', '--bundle', bundle.path,
                      name])
        self.assert_ok(result)
        root = pathlib.Path(RUNTIME_DIR, 'crun-lite')
        self.assertEqual(0o41700, root.stat().st_mode)
        self.assertEqual([name], [c['id'] for c in json.loads(run([*program, 'list', '--format', 'json']).out)
                                  if self.token in c['id']])

    def test_spec_rootless_makes_a_bundle_that_runs(self):
        bundle = self.bundle()
        os.unlink(bundle.path / 'config.json')
        self.assert_ok(run([*self.as_user(), str(self.runtime), 'spec', '--rootless', '--bundle', bundle.path]))
        config = json.loads((bundle.path / 'config.json').read_text())
        config['process'].update({'terminal': False, 'args': ['/bin/sh', '-c', 'id -u; hostname']})
        (bundle.path / 'config.json').write_text(json.dumps(config))
        self.assertEqual('0\ncrun-lite\n', self.assert_ok(self.run_bundle(bundle)).out)


if __name__ == '__main__':
    unittest.main()
