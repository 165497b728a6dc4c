# SPDX-License-Identifier: Apache-2.0
"""OCI commands of a user without privileges, as far as that needs no machine of its own: id maps, records, limits that
cannot be had; and the systemd driver where there is no systemd. The rest is tests/vm/test_rootless.py."""
import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.harness import RuntimeTest, run  # noqa: E402  (the path above comes first)

UID = 54321  # nobody's on this machine; the private /etc below knows it
ACCOUNT = {'passwd': f'root:x:0:0:root:/root:/bin/sh\ntester:x:{UID}:{UID}::/tmp:/bin/sh\n',
           'group': f'root:x:0:\ntester:x:{UID}:\n',
           'subuid': 'tester:200000:1000\n', 'subgid': 'tester:200000:1000\n'}
ONE_ID = [{'containerID': 0, 'hostID': UID, 'size': 1}]
MANY_IDS = [*ONE_ID, {'containerID': 1, 'hostID': 200000, 'size': 1000}]


class RootlessTest(RuntimeTest):
    """Every command is run by a user whom a private /etc knows, with ids to map."""

    own_only = True  # peers need a cgroup v1 set-up of their own here

    def setUp(self):
        super().setUp()
        os.chown(self.root, UID, UID)
        self.runtime_dir = self.path('xdg')
        os.mkdir(self.runtime_dir, 0o700)
        os.chown(self.runtime_dir, UID, UID)
        self.variables = {'XDG_RUNTIME_DIR': self.runtime_dir}
        # The tree may be below a directory that no user may enter.
        self.programs = os.path.dirname(self.runtime)
        self.runtime = self.path('bin', os.path.basename(self.runtime))
        os.mkdir(self.path('bin'))
        for file, text in ACCOUNT.items():
            self.write(f'etc/{file}', text)

    def _oci_argv(self, runtime=None):
        return [*self.as_user(), *super()._oci_argv(runtime)]

    def as_user(self):
        script = ('mount --bind etc /etc && mount --bind "$0" bin && '
                  f'exec setpriv --reuid={UID} --regid={UID} --init-groups env "$@"')
        return ['unshare', '--mount', '--propagation', 'private', f'--wd={self.scratch}', 'sh', '-c', script,
                self.programs, *(f'{name}={value}' for name, value in self.variables.items())]

    def bundle(self, args=('/bin/true',), hint='b', ids=ONE_ID):
        """What `spec --rootless` writes, with these id maps; it belongs to the user."""
        made = super().bundle(args, hint)
        for path in [made.path, *made.path.rglob('*')]:
            os.chown(path, UID, UID, follow_symlinks=False)
        os.unlink(made.path / 'config.json')
        self.assert_ok(run([*self.as_user(), self.runtime, 'spec', '--rootless', '--bundle', made.path]))
        made.config = json.loads((made.path / 'config.json').read_text())
        made.config['process'].update({'terminal': False, 'args': list(args)})
        made.config['linux'].update({'uidMappings': ids, 'gidMappings': ids})
        return made.write()

    def output_of(self, script, **kwargs):
        return self.assert_ok(self.run_bundle(self.bundle(**kwargs).sh(script))).out.split()


class IdMaps(RootlessTest):

    IDS = 'id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups'

    def test_ones_own_id(self):
        one = ['0', str(UID), '1']
        self.assertEqual(['0', '0', *one, *one, 'deny'], self.output_of(self.IDS))

    def test_ids_that_newuidmap_gives(self):
        many = ['0', str(UID), '1', '1', '200000', '1000']
        self.assertEqual(['0', '0', *many, *many, 'allow'], self.output_of(self.IDS, ids=MANY_IDS))

    def test_groups_need_more_than_ones_own(self):
        bundle = self.bundle()
        bundle.config['process']['user']['additionalGids'] = [5]
        self.assert_fails(self.run_bundle(bundle.write()), 1, 'additionalGids', 'setgroups')
        bundle = self.bundle(ids=MANY_IDS)
        bundle.config['process']['user']['additionalGids'] = [5]
        self.assertEqual('0 5\n', self.assert_ok(self.run_bundle(bundle.sh('id -G'))).out)

    def test_ids_that_nobody_gave(self):
        bundle = self.bundle(ids=[*ONE_ID, {'containerID': 1, 'hostID': 1, 'size': 10}])
        self.assert_fails(self.run_bundle(bundle), 1, 'newgidmap', '/etc/subgid', 'usermod --add-subgids')


class Lifecycle(RootlessTest):

    def test_create_start_kill_delete(self):
        name, result = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(result)
        self.assertEqual(('created', ''), (self.state(name)['status'], result.err))
        self.assert_ok(self.oci('start', name))
        self.assertEqual('running', self.state(name)['status'])
        self.assert_ok(self.oci('kill', name, 'KILL'))
        self.wait_status(name, 'stopped')
        self.assert_ok(self.oci('delete', name))

    def test_delete_by_force_without_a_cgroup(self):
        name, result = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(result)
        self.assert_ok(self.oci('start', name))
        self.assert_ok(self.oci('delete', '--force', name))
        self.assert_fails(self.oci('state', name), 1, 'does not exist')

    def test_the_record_is_in_the_runtime_directory(self):
        bundle = self.bundle(['/bin/true'])
        self.assert_ok(run([*self.as_user(), self.runtime, 'run', '--bundle', bundle.path, self.name()]))
        self.assertEqual(0o41700, os.stat(f'{self.runtime_dir}/crun-lite').st_mode)

    def test_a_limit_that_cannot_be_set_is_an_error(self):
        bundle = self.bundle()
        bundle.config['linux']['resources'] = {'pids': {'limit': 5}}
        result = self.run_bundle(bundle.write())
        self.assert_fails(result, 1, 'pids')


class SystemdDriver(RuntimeTest):
    """Where process 1 is not systemd, that is said, and nothing is left."""

    own_only = True

    def refused(self, *flags):
        bundle = self.bundle()
        del bundle.config['linux']['cgroupsPath']
        return self.oci(*flags, 'run', '--bundle', bundle.write().path, self.container())

    @unittest.skipIf(os.path.exists('/run/systemd/system'), 'systemd is process 1 here')
    def test_no_systemd(self):
        for flags in (['--systemd-cgroup'], ['--cgroup-manager', 'systemd']):
            with self.subTest(flags=flags):
                self.assert_fails(self.refused(*flags), 1, 'process 1 of this machine is not systemd', 'cgroupfs')
        self.assertEqual([], [n for n in os.listdir(self.root) if not n.startswith('.')])

    def test_no_manager_of_the_user(self):
        os.environ['XDG_RUNTIME_DIR'] = self.path('nowhere')
        self.addCleanup(os.environ.pop, 'XDG_RUNTIME_DIR')
        self.assert_fails(self.refused('--systemd-cgroup', '--rootless', 'true'), 1, 'cannot be reached',
                          self.path('nowhere'), 'loginctl enable-linger')


if __name__ == '__main__':
    unittest.main()
