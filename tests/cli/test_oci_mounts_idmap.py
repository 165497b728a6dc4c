# SPDX-License-Identifier: Apache-2.0
"""Bind mounts that show other owners (idmap, ridmap, uidMappings of a mount), and mounts in user namespaces."""
import os
import pathlib

from mount_support import MountTest
from support.harness import run

SIZE = 1000
CONTAINER = [{'containerID': 0, 'hostID': 100000, 'size': SIZE}]


def maps(inside, outside, size=10):
    return [{'containerID': inside, 'hostID': outside, 'size': size}]


class IdMapTest(MountTest):

    def in_user_namespace(self, bundle, rootfs=True):
        bundle.config['linux']['namespaces'].append({'type': 'user'})
        bundle.config['linux'].update(uidMappings=CONTAINER, gidMappings=CONTAINER)
        if rootfs:
            for path in [bundle.rootfs, *bundle.rootfs.rglob('*')]:
                os.chown(path, 100000, 100000, follow_symlinks=False)
        return bundle.write()


class IdMaps(IdMapTest):
    """The peers' releases here have no mapped mounts, or want a user namespace for them."""
    own_only = True

    SETUP = '''
mkdir -p tree; mount -t tmpfs tmpfs tree; mkdir tree/sub; touch tree/f; chown 5:6 tree/f
mount -t tmpfs tmpfs tree/sub; touch tree/sub/g; chown 5:6 tree/sub/g
'''

    def tree(self, bundle, *options, **members):
        return self.add(self.writable(bundle), '/m', self.path('tree'), *options, **members)

    def owners(self, bundle, setup=''):
        bundle.sh('stat -c %u:%g /m/f /m/sub/g')
        return self.assert_ok(self.run_after(self.SETUP + setup, bundle)).out.split()

    def test_explicit_maps(self):
        # containerID is what the files have, hostID what is seen: here 5 becomes 1005.
        for options in (['rbind'], ['rbind', 'idmap']):
            bundle = self.tree(self.bundle(), *options, uidMappings=maps(0, 1000), gidMappings=maps(0, 2000))
            self.assertEqual(['1005:2006', '5:6'], self.owners(bundle))
        bundle = self.tree(self.bundle(), 'rbind', 'ridmap', uidMappings=maps(0, 1000), gidMappings=maps(0, 2000))
        self.assertEqual(['1005:2006', '1005:2006'], self.owners(bundle))

    def test_what_is_not_in_the_maps_belongs_to_nobody(self):
        bundle = self.tree(self.bundle(), 'rbind', uidMappings=maps(0, 1000, 5), gidMappings=maps(0, 2000, 5))
        self.assertEqual('65534:65534', self.owners(bundle)[0])

    def test_the_containers_maps(self):
        bundle = self.tree(self.in_user_namespace(self.bundle()), 'rbind', 'idmap')
        self.assertEqual(['5:6', '65534:65534'], self.owners(bundle))
        bundle = self.tree(self.in_user_namespace(self.bundle()), 'rbind', 'ridmap')
        self.assertEqual(['5:6', '5:6'], self.owners(bundle))

    def test_its_own_maps_in_a_container_with_others(self):
        bundle = self.tree(self.in_user_namespace(self.bundle()), 'rbind', uidMappings=maps(0, 100010),
                           gidMappings=maps(0, 100020))
        self.assertEqual('15:26', self.owners(bundle)[0])

    def test_a_user_namespace_that_is_joined(self):
        bundle = self.tree(self.bundle(), 'rbind', 'ridmap')
        bundle.config['mounts'] = [m for m in bundle.config['mounts'] if m['type'] in ('proc', 'tmpfs', 'bind')]
        bundle.config['linux']['resources'] = {}
        del bundle.config['hostname']
        pid = self.path('pid')
        setup = f'''
unshare -U sh -c 'echo $$ > {pid}; exec sleep 1000' & holder=$!
trap 'kill $holder' EXIT
while ! [ -s {pid} ]; do sleep 0.01; done
echo 0 100000 1000 > /proc/$(cat {pid})/uid_map; echo 0 100000 1000 > /proc/$(cat {pid})/gid_map
ln -s /proc/$(cat {pid})/ns/user userns
'''
        bundle.namespaces('pid', 'mount', user=self.path('userns'))
        os.chown(bundle.rootfs, 100000, 100000)
        bundle.sh('stat -c %u:%g /m/f /m/sub/g')
        result = self.run_after(self.SETUP + setup + '"$@"; exit $?', bundle)
        self.assertEqual(['5:6', '5:6'], self.assert_ok(result).out.split())

    def test_files_made_there_get_the_owner_of_the_files(self):
        bundle = self.tree(self.bundle(), 'bind', uidMappings=maps(0, 1000), gidMappings=maps(0, 1000))
        bundle.config['process']['user'] = {'uid': 1003, 'gid': 1003}
        bundle.sh('touch /m/new')
        result = self.run_after(self.SETUP + 'chmod 777 tree; "$@"; stat -c %u:%g tree/new; exit', bundle)
        self.assertEqual('3:3\n', self.assert_ok(result).out)

    def test_crun_writes_them_into_the_option(self):
        option = 'idmap=uids=0-1000-5#5-3000-5;gids=0-2000-10'
        self.assertEqual('3000:2006', self.owners(self.tree(self.bundle(), 'rbind', option))[0])
        option = 'ridmap=uids=0-1000-10;gids=0-2000-10'
        self.assertEqual(['1005:2006', '1005:2006'], self.owners(self.tree(self.bundle(), 'rbind', option)))
        # @: the second number is one of the container's.
        option = 'idmap=uids=@0-7-10;gids=@0-8-10'
        self.assertEqual('12:14', self.owners(self.tree(self.in_user_namespace(self.bundle()), 'rbind', option))[0])
        for bad in ('idmap=', 'idmap=uids=', 'idmap=uids=0-1;gids=0-0-1', 'idmap=uids=0-0-1', 'idmap=x=0-0-1',
                    'idmap=uids=0-0-x;gids=0-0-1', 'idmap=uids=@0-0-1;gids=@0-0-1',
                    'idmap=uids=0-0-4294967296;gids=0-0-1'):
            with self.subTest(bad):
                self.assert_fails(self.run_bundle(self.tree(self.bundle(), 'rbind', bad)), 1, '/mounts/7/options: ')

    def test_refused(self):
        cases = (
            (['bind', 'idmap'], {}, '/mounts/7: idmap needs uidMappings and gidMappings'),
            (['bind'], {'uidMappings': maps(0, 1)}, 'uidMappings and gidMappings belong together'),
        )
        for options, members, message in cases:
            self.assert_fails(self.run_bundle(self.tree(self.bundle(), *options, **members)), 1, message)
        bundle = self.add(self.bundle(), '/m', 'tmpfs', 'idmap', type='tmpfs')
        self.assert_fails(self.run_bundle(bundle), 1, 'only bind mounts can have mapped ids')

    def test_a_file_system_that_cannot(self):
        bundle = self.add(self.bundle(), '/m', '/sys/kernel', 'bind', uidMappings=maps(0, 1000),
                          gidMappings=maps(0, 1000))
        self.assert_fails(self.run_bundle(bundle), 1,
                          'map the ids of mount source /sys/kernel on sysfs: this file system does not support mapped '
                          'ids')
        bundle = self.add(self.in_user_namespace(self.bundle()), '/m', '/proc/sys', 'bind', 'idmap')
        self.assert_fails(self.run_bundle(bundle), 1, 'map the ids of mount source /proc/sys on proc: ')

    def test_a_source_that_is_not_there(self):
        bundle = self.add(self.bundle(), '/m', self.path('none'), 'bind', uidMappings=maps(0, 0),
                          gidMappings=maps(0, 0))
        self.assert_fails(self.run_bundle(bundle), 1, f'open mount source {self.path("none")}: No such file')


class Order(IdMapTest):
    """config.md, Mounts: "The runtime MUST mount entries in the listed order." What an earlier one has put below the
    root may be the source of a later one, also where the source takes more rights than the container has."""
    own_only = True

    SETUP = '''
mkdir -p tree; mount -t tmpfs tmpfs tree; mkdir -p tree/a/x tree/b
echo deep > tree/b/file; chown 5:6 tree/b/file; chmod 700 tree
'''

    def owner_and_text(self, bundle, *options, destination='/final', **members):
        self.add(self.writable(bundle), '/mnt', self.path('tree/a'), 'rbind')
        self.add(bundle, '/mnt/x', self.path('tree/b'), 'rbind')
        self.add(bundle, destination, f'{bundle.rootfs}/mnt/x', 'rbind', *options, **members)
        bundle.sh('stat -c %u:%g /final/file; cat /final/file')
        return self.assert_ok(self.run_after(self.SETUP, bundle)).out.split()

    def test_a_source_that_an_earlier_mount_has_made(self):
        self.assertEqual(['5:6', 'deep'], self.owner_and_text(self.bundle()))
        self.assertEqual(['65534:65534', 'deep'], self.owner_and_text(self.in_user_namespace(self.bundle())))

    def test_with_mapped_ids(self):
        own = {'uidMappings': maps(0, 1000), 'gidMappings': maps(0, 2000)}
        self.assertEqual(['1005:2006', 'deep'], self.owner_and_text(self.bundle(), 'idmap', **own))
        self.assertEqual(['5:6', 'deep'], self.owner_and_text(self.in_user_namespace(self.bundle()), 'idmap'))

    def test_the_root_by_its_path_on_the_host(self):
        bundle = self.bundle()
        self.assertEqual(['5:6', 'deep'], self.owner_and_text(bundle, destination=f'{bundle.rootfs}/final'))

    def test_a_link_in_the_image_leads_nowhere_else(self):
        bundle = self.in_user_namespace(self.bundle())
        self.write('outside/file', 'the host')
        self.add(self.writable(bundle), '/mnt', self.path('tree/a'), 'rbind')
        (bundle.rootfs / 'mnt').mkdir(exist_ok=True)
        setup = self.SETUP + f'ln -s {self.path("outside")} tree/a/link\n'
        self.add(bundle, '/final', f'{bundle.rootfs}/mnt/link', 'bind')
        self.assert_fails(self.run_after(setup, bundle.sh('cat /final/file')), 1, 'No such file or directory')


class InUserNamespace(IdMapTest):

    def test_all_usual_mounts(self):
        bundle = self.in_user_namespace(self.bundle(['/bin/cat', '/proc/self/mountinfo']))
        mounts = self.mounts_of(self.run_bundle(bundle))
        for path, kind in {'/proc': 'proc', '/dev': 'tmpfs', '/dev/pts': 'devpts', '/dev/shm': 'tmpfs',
                           '/dev/mqueue': 'mqueue', '/sys': 'sysfs'}.items():
            self.assertEqual(kind, mounts.type(path), path)
        self.assertIn('ro', mounts.flags('/sys'))
        self.assertIn('ro', mounts.flags('/'))

    def test_with_a_cgroup_namespace(self):
        bundle = self.in_user_namespace(self.bundle().sh('cat /proc/self/cgroup | cut -d: -f3 | sort -u; ls '
                                                         '/sys/fs/cgroup'))
        bundle.config['linux']['namespaces'].append({'type': 'cgroup'})
        result = self.assert_ok(self.run_bundle(bundle.write()))
        self.assertTrue(result.out.startswith('/\n'), result)

    def test_devices_are_the_hosts(self):
        bundle = self.in_user_namespace(self.bundle().sh(
            'cd /dev; stat -c "%n %F %t:%T" null zero full random urandom tty; echo x > null; head -c 2 zero | wc -c'))
        out = self.assert_ok(self.run_bundle(bundle)).out
        self.assertIn('null character special file 1:3\n', out)
        self.assertTrue(out.endswith('tty character special file 5:0\n2\n'), out)

    def test_the_hosts_instances_where_a_new_one_is_denied(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc leaves that to its callers')
        kinds = [k for k in ('pid', 'network', 'ipc', 'uts', 'mount', 'user')]
        for left_out, path in (('network', '/sys'), ('ipc', '/dev/mqueue'), ('pid', '/proc')):
            if left_out != 'network' and self.runtime_name != 'crun-lite':
                continue
            if not os.path.isdir(path):
                continue
            with self.subTest(left_out):
                bundle = self.in_user_namespace(self.bundle(['/bin/cat', '/proc/self/mountinfo']))
                bundle.namespaces(*[k for k in kinds if k != left_out])
                mounts = self.mounts_of(self.run_bundle(bundle))
                self.assertIn(path, mounts.lines)
                if path == '/sys':
                    self.assertIn('ro', mounts.flags(path))

    def test_a_bind_mount_keeps_what_it_is_not_asked_to_change(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('a remount of runc 1.1 or crun 1.8 names all flags anew')
        setup = ('mkdir s; mount -t tmpfs -o nosuid,nodev,noexec,noatime tmpfs s; mount -o '
                 'remount,bind,nosuid,nodev,noexec,noatime s')
        bundle = self.in_user_namespace(self.bundle(['/bin/cat', '/proc/self/mountinfo']))
        self.add(self.writable(bundle), '/m/plain', self.path('s'), 'bind')
        self.add(bundle, '/m/ro', self.path('s'), 'bind', 'ro', 'rprivate')
        self.add(bundle, '/m/rw', self.path('s'), 'rbind', 'rw', 'nosuid')
        mounts = self.mounts_of(self.run_after(setup, bundle))
        for name in ('plain', 'ro', 'rw'):
            self.assertLessEqual({'nosuid', 'nodev', 'noexec', 'noatime'}, mounts.flags(f'/m/{name}'), name)
        self.assertIn('ro', mounts.flags('/m/ro'))
        self.assertIn('rw', mounts.flags('/m/rw'))

    def test_locked_flags_of_a_more_privileged_mount(self):
        """We ourselves are in a user namespace: what the one above has set can be kept and not taken off."""
        if self.runtime_name != 'crun-lite':
            self.skipTest('they want id maps for themselves')
        setup = 'mkdir -p s; mount -t tmpfs -o nosuid,nodev tmpfs s; mount -o remount,bind,nosuid,nodev,ro s'
        base = self.bundle(['/bin/cat', '/proc/self/mountinfo'])
        base.namespaces('pid', 'ipc', 'uts', 'mount', 'network')
        base.config['linux']['resources'] = {}
        base.config['mounts'] = [m for m in base.config['mounts'] if m['type'] not in ('cgroup', 'devpts')]
        base.config['linux'].update(maskedPaths=[], readonlyPaths=[])

        def run_inside():
            argv = [*self._oci_argv(), '--cgroup-manager', 'disabled', 'run', '--bundle', base.path, self.container()]
            script = setup + '\nexec unshare -U -r -m "$@"'
            return run(['unshare', '-m', '--propagation', 'private', 'sh', '-ec', script, 'sh', *argv],
                       cwd=self.scratch)
        self.writable(base)
        self.add(base, '/m/kept', self.path('s'), 'bind', 'noexec')
        mounts = self.mounts_of(run_inside())
        self.assertLessEqual({'ro', 'nosuid', 'nodev', 'noexec'}, mounts.flags('/m/kept'))
        for option in ('rw', 'suid', 'dev'):
            base.config['mounts'][-1]['options'] = ['bind', option]
            base.write()
            self.assert_fails(run_inside(), 1, 'on /m/kept (an option may take off what the source is locked with',
                              'Operation not permitted')

    def test_tmpcopyup(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('they give up at an owner without a number in there')
        bundle = self.in_user_namespace(self.bundle().sh('stat -c "%n %a %u" /seed /seed/f /seed/other; cat /seed/f'))
        seed = pathlib.Path(bundle.rootfs / 'seed')
        seed.mkdir(mode=0o755)
        for name, uid in {'f': 100005, 'other': 7}.items():
            (seed / name).write_text(name)
            os.chown(seed / name, uid, uid)
        os.chown(seed, 100003, 100003)
        self.add(self.writable(bundle), '/seed', 'tmpfs', 'tmpcopyup', type='tmpfs')
        out = self.assert_ok(self.run_bundle(bundle)).out
        self.assertTrue(out.startswith('/seed 755 3\n/seed/f 644 5\n') and out.endswith('f'), out)
