# SPDX-License-Identifier: Apache-2.0
"""The root itself, what is hidden in it, its propagation, the cgroup mounts and the devices."""
import os
import pathlib

from mount_support import MountTest, Mounts


class Root(MountTest):

    def test_relative_absolute_and_through_links(self):
        bundle = self.bundle().sh('cat /etc/mark')
        (bundle.rootfs / 'etc/mark').write_text('here')
        (bundle.path / 'link').symlink_to('rootfs')
        (bundle.path / 'far').symlink_to(bundle.path)
        for path in ('rootfs', './rootfs/', str(bundle.rootfs), 'link', 'far/link', str(bundle.path / 'link'),
                     f'../{bundle.path.name}/rootfs'):
            if 'link' in path and self.runtime_name == 'runc':
                continue  # refused
            with self.subTest(path):
                bundle.config['root']['path'] = path
                self.assertEqual('here', self.assert_ok(self.run_bundle(bundle.write())).out)

    def test_one_that_is_none(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('words of our own')
        bundle = self.bundle()
        self.write('file', '')
        os.symlink('nowhere', self.path('dangling'))
        os.symlink('loop', self.path('loop'))
        for path, message in {'none': f'root.path: open directory {bundle.path}/none: No such file or directory',
                              self.path('file'): 'Not a directory', self.path('dangling'): 'No such file or directory',
                              self.path('loop'): 'Too many levels of symbolic links',
                              '': '/root/path: must not be empty'}.items():
            with self.subTest(path):
                bundle.config['root']['path'] = path
                self.assert_fails(self.run_bundle(bundle.write()), 1, message)
        del bundle.config['root']
        self.assert_fails(self.run_bundle(bundle.write()), 1, 'the member "root" is missing')

    def test_read_only_with_writable_mounts(self):
        bundle = self.bundle().sh('touch /x 2>/dev/null || echo root; for d in /dev/shm /data /t; do touch $d/x && '
                                  'echo $d; done')
        os.mkdir(self.path('data'))
        self.add(bundle, '/data', self.path('data'), 'rbind')
        self.add(bundle, '/t', 'tmpfs', type='tmpfs')
        self.assertEqual('root\n/dev/shm\n/data\n/t\n', self.assert_ok(self.run_bundle(bundle)).out)

    def test_links_of_dev(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 makes no /dev/core')
        bundle = self.bundle().sh('cd /dev; for l in fd stdin stdout stderr ptmx core; do readlink $l; done; true')
        out = self.assert_ok(self.run_bundle(bundle)).out.splitlines()
        self.assertEqual(['/proc/self/fd', *(f'/proc/self/fd/{n}' for n in range(3)), 'pts/ptmx'], out[:5])
        self.assertEqual(['/proc/kcore'] if os.path.exists('/proc/kcore') else [], out[5:])

    def test_mount_points_are_made_through_links_that_stay_inside(self):
        bundle = self.writable(self.bundle().sh('cat /var/run/a/file; cat /run/a/file'))
        (bundle.rootfs / 'var/run').symlink_to('/run')
        self.write('data/file', 'x')
        self.add(bundle, '/var/run/a', self.path('data'), 'bind')
        self.assertEqual('xx', self.assert_ok(self.run_bundle(bundle)).out)

    def test_mount_points_are_made_where_a_link_leads_that_leads_nowhere(self):
        if self.runtime_name == 'crun':
            self.skipTest('its release here does not')
        bundle = self.writable(self.bundle().sh('cat /run/lock/a/file /run/conf; readlink /etc/conf'))
        (bundle.rootfs / 'var/lock').symlink_to('../run/lock')
        (bundle.rootfs / 'etc/conf').symlink_to('/run/conf')
        self.write('data/file', 'x')
        self.add(bundle, '/var/lock/a', self.path('data'), 'bind')
        self.add(bundle, '/etc/conf', self.path('data/file'), 'bind')
        self.assertEqual('xx/run/conf\n', self.assert_ok(self.run_bundle(bundle)).out)

    def test_a_relative_destination_and_source(self):
        bundle = self.writable(self.bundle().sh('cat /a/b/file'))
        (bundle.path / 'data').mkdir()
        (bundle.path / 'data/file').write_text('x')
        self.add(bundle, 'a/b', 'data', 'bind')
        self.assertEqual('x', self.assert_ok(self.run_bundle(bundle)).out)

    def test_what_cannot_be_mounted_over(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('words of our own')
        self.write('data/file', '')
        for destination, source, message in (
                ('/bin/busybox', 'data', 'the target is not a directory'),
                ('/bin', 'data/file', 'the source is not a directory, the target is one'),
                ('/m', 'none', 'No such file or directory'), ('/bin/busybox/x', 'data', 'Not a directory')):
            with self.subTest(destination):
                bundle = self.add(self.writable(self.bundle()), destination, self.path(source), 'bind')
                self.assert_fails(self.run_bundle(bundle), 1, f'mount {self.path(source)} on {destination}', message)


    def test_proc_and_sys_that_are_links(self):
        """CVE-2019-19921: what the image puts there would decide what the kernel's files are."""
        if self.runtime_name == 'crun':
            self.skipTest('follows them')
        for name in ('proc', 'sys'):
            with self.subTest(name):
                bundle = self.writable(self.bundle())
                if (bundle.rootfs / name).exists():
                    (bundle.rootfs / name).rmdir()
                (bundle.rootfs / 'elsewhere').mkdir()
                (bundle.rootfs / name).symlink_to('/elsewhere')
                if all(m['destination'] != f'/{name}' for m in bundle.config['mounts']):
                    self.add(bundle, '/sys', 'sysfs', 'ro', type='sysfs')
                self.assert_fails(self.run_bundle(bundle), 1, 'must be mounted on ordinary directory')


class Propagation(MountTest):

    # What `/` of the container is; runc and crun agree where they are asked.
    EXPECTED = {'': '', 'private': '', 'rprivate': '', 'slave': '', 'rslave': '', 'shared': 'shared',
                'rshared': 'shared', 'unbindable': 'unbindable', 'runbindable': 'unbindable'}

    def test_every_value(self):
        for value, tag in self.EXPECTED.items():
            if self.runtime_name != 'crun-lite' and ('shared' in value or 'unbindable' in value):
                continue  # they share what is below, not the root, and cannot bind from an unbindable one
            with self.subTest(value):
                bundle = self.bundle(['/bin/cat', '/proc/self/mountinfo'])
                bundle.config['linux']['rootfsPropagation'] = value
                mounts = self.mounts_of(self.run_bundle(bundle.write()))
                self.assertEqual(tag, mounts.propagation('/'))

    def test_an_unknown_value(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 takes any')
        bundle = self.bundle()
        bundle.config['linux']['rootfsPropagation'] = 'sharde'
        result = self.run_bundle(bundle.write())
        self.assertNotEqual(0, result.code)

    def test_what_is_mounted_later(self):
        """A volume hears of mounts of the host unless the root is private, and the host of ours if it is shared."""
        if self.runtime_name == 'crun':
            self.skipTest('the tests start crun with private mounts')
        for value, hears, tells in (('rslave', True, False), ('', True, False), ('rprivate', False, False),
                                    ('rshared', True, True)):
            with self.subTest(value):
                bundle = self.writable(self.bundle().sh(
                    'echo x > /vol/up; while ! [ -e /vol/go ]; do sleep 0.05; done; ls /vol/host; mount -t tmpfs inner '
                    '/vol/inside; echo x > /vol/done; while ! [ -e /vol/end ]; do sleep 0.05; done'))
                bundle.config['linux']['rootfsPropagation'] = value
                for capabilities in bundle.config['process']['capabilities'].values():
                    capabilities.append('CAP_SYS_ADMIN')
                self.add(bundle, '/vol', self.path('vol'), 'rbind', value or 'rslave')
                script = f'''
mkdir -p vol; mount -t tmpfs vol vol; mount --make-rshared vol; mkdir vol/host vol/inside
"$@" > out & container=$!
while ! [ -e vol/up ] && kill -0 $container; do sleep 0.05; done
mount -t tmpfs later vol/host; touch vol/host/late vol/go
while ! [ -e vol/done ] && kill -0 $container; do sleep 0.05; done
grep -c " $PWD/vol/inside " /proc/self/mountinfo || true
touch vol/end; wait $container; cat out; exit 0
'''
                result = self.run_after(script, bundle)
                self.assertEqual(['1' if tells else '0', *(['late'] if hears else [])],
                                 self.assert_ok(result).out.split())


class Masks(MountTest):

    def masked(self, script, masked=(), readonly=()):
        bundle = self.writable(self.bundle().sh(script))
        bundle.config['linux'].update(maskedPaths=list(masked), readonlyPaths=list(readonly))
        return bundle.write()

    def test_files_directories_links_and_what_is_not_there(self):
        bundle = self.masked('wc -c < /secret/file; ls /secret/dir | wc -l; cat /other/link | wc -c; touch '
                             '/secret/dir/x 2>&1',
                             ['/secret/file', '/secret/dir', '/none', '/etc/passwd/none', '/other/link',
                              '/secret/../secret/dir/'])
        for name in ('secret/dir/a', 'secret/file', 'secret/target'):
            (bundle.rootfs / name).parent.mkdir(parents=True, exist_ok=True)
            (bundle.rootfs / name).write_text('content')
        (bundle.rootfs / 'other').mkdir()
        (bundle.rootfs / 'other/link').symlink_to('../secret/target')
        if self.runtime_name != 'crun-lite':
            bundle.config['linux']['maskedPaths'].remove('/etc/passwd/none')
            bundle.write()
        result = self.run_bundle(bundle)
        self.assertTrue(result.out.startswith('0\n0\n0\n'), result)
        self.assertIn('Read-only file system', result.out)

    def test_directories_share_one_superblock(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('newer releases of the peers do')
        bundle = self.masked('cat /proc/self/mountinfo', ['/home', '/var', '/usr/bin'])
        text = self.assert_ok(self.run_bundle(bundle)).out
        devices = {line.split()[2] for line in text.splitlines() if line.split()[4] in ('/home', '/var', '/usr/bin')}
        self.assertEqual(1, len(devices), text)
        for path in ('/home', '/var', '/usr/bin'):
            self.assertLessEqual({'ro', 'nosuid', 'nodev', 'noexec'}, Mounts(text).flags(path))

    def test_read_only_paths(self):
        bundle = self.masked('for p in /home /etc/passwd /var/sub; do (echo x > $p/f || echo x >> $p) 2>/dev/null || '
                             'echo $p; done; '
                             'touch /etc/new && echo new', readonly=['/home', '/etc/passwd', '/none', '/var'])
        (bundle.rootfs / 'var/sub').mkdir()
        self.assertEqual('/home\n/etc/passwd\n/var/sub\nnew\n', self.assert_ok(self.run_bundle(bundle)).out)

    def test_the_root(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('without any effect there')
        bundle = self.masked('touch /x 2>&1; touch /dev/shm/x && echo shm', readonly=['/'])
        self.assertIn('Read-only file system\nshm\n', self.assert_ok(self.run_bundle(bundle)).out)
        self.assert_fails(self.run_bundle(self.masked('true', masked=['/'])), 1,
                          'mask / (nothing would be left to run)')

    def test_one_mount_for_one_path(self):
        """config-linux.md, Masked Paths: a path that is listed twice, or by another name, is masked already."""
        if self.runtime_name != 'crun-lite':
            self.skipTest('newer releases of runc do, for the same words')
        bundle = self.masked('cut -d" " -f5 /proc/self/mountinfo',
                             ['/secret/dir', '/secret/file', '/secret/../secret/dir/', '/secret/file', '/secret/link',
                              '/dev/null'])
        (bundle.rootfs / 'secret/dir').mkdir(parents=True)
        (bundle.rootfs / 'secret/file').write_text('content')
        (bundle.rootfs / 'secret/link').symlink_to('dir')
        points = self.assert_ok(self.run_bundle(bundle)).out.split()
        self.assertEqual([1, 1, 0], [points.count(p) for p in ('/secret/dir', '/secret/file', '/dev/null')], points)

    def test_they_cannot_be_taken_off(self):
        bundle = self.masked('umount /secret 2>&1; mount -o remount,bind,rw /home 2>&1; ls /secret | wc -l; touch '
                             '/home/x 2>&1', masked=['/secret'], readonly=['/home'])
        (bundle.rootfs / 'secret').mkdir()
        (bundle.rootfs / 'secret/a').write_text('')
        out = self.run_bundle(bundle).out
        self.assertIn('\n0\n', out)
        self.assertTrue(out.endswith('Read-only file system\n'), out)


class Cgroups(MountTest):

    def cgroup_mounts(self, own_namespace, *options):
        bundle = self.bundle(['/bin/cat', '/proc/self/mountinfo'])
        if own_namespace:
            bundle.config['linux']['namespaces'].append({'type': 'cgroup'})
        next(m for m in bundle.config['mounts'] if m['type'] == 'cgroup')['options'] = list(options)
        return bundle.config['linux']['cgroupsPath'], self.mounts_of(self.run_bundle(bundle.write()))

    def test_only_the_containers_own(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('they leave the tmpfs around the hierarchies writable')
        for own_namespace in (False, True):
            with self.subTest(own_namespace):
                _, mounts = self.cgroup_mounts(own_namespace, 'ro', 'nosuid', 'noexec', 'nodev')
                seen = [p for p in mounts.lines if p.startswith('/sys/fs/cgroup')]
                self.assertTrue(seen)
                for path in seen:
                    self.assertLessEqual({'ro', 'nosuid', 'noexec', 'nodev'}, mounts.flags(path), path)
                if not os.path.exists('/sys/fs/cgroup/cgroup.controllers'):
                    self.assertEqual('tmpfs', mounts.type('/sys/fs/cgroup'))
                    self.assertEqual('cgroup', mounts.type('/sys/fs/cgroup/memory'))

    def test_writable(self):
        _, mounts = self.cgroup_mounts(True, 'rw', 'nosuid', 'noexec', 'nodev')
        if 'rw' in mounts.flags('/sys/fs/cgroup') and '/sys/fs/cgroup/memory' in mounts.lines:
            self.assertIn('rw', mounts.flags('/sys/fs/cgroup/memory'))

    def test_what_is_seen_is_the_containers_cgroup(self):
        for own_namespace in (False, True):
            with self.subTest(own_namespace):
                bundle = self.bundle().sh(
                    'cd /sys/fs/cgroup; [ -d memory ] && cd memory; cat cgroup.procs | wc -l; pwd')
                if own_namespace:
                    bundle.config['linux']['namespaces'].append({'type': 'cgroup'})
                count = int(self.assert_ok(self.run_bundle(bundle.write())).out.split()[0])
                self.assertLess(count, 6)


class Devices(MountTest):

    def device(self, bundle, kind, path, major=None, minor=None, **members):
        entry = {'type': kind, 'path': path, **members}
        if major is not None:
            entry.update(major=major, minor=minor)
        bundle.config['linux'].setdefault('devices', []).append(entry)
        return bundle.write()

    def test_every_type_with_mode_and_owner(self):
        bundle = self.bundle().sh('stat -c "%n %F %t:%T %a %u:%g" /dev/c /dev/u /dev/b /dev/deep/dir/p')
        self.device(bundle, 'c', '/dev/c', 1, 5, fileMode=0o640, uid=5, gid=6)
        self.device(bundle, 'u', '/dev/u', 1, 7, fileMode=0o666)
        self.device(bundle, 'b', '/dev/b', 7, 200, fileMode=0o20600 & 0o7777)
        self.device(bundle, 'p', '/dev/deep/dir/p', fileMode=0o622, uid=7)
        self.assertEqual('''\
/dev/c character special file 1:5 640 5:6
/dev/u character special file 1:7 666 0:0
/dev/b block special file 7:c8 600 0:0
/dev/deep/dir/p fifo 0:0 622 7:0
''', self.assert_ok(self.run_bundle(bundle)).out)

    def test_below_a_mount(self):
        bundle = self.writable(self.bundle().sh('stat -c %t:%T /vol/sub/null'))
        self.add(bundle, '/vol', 'tmpfs', type='tmpfs')
        self.device(bundle, 'c', '/vol/sub/null', 1, 3)
        self.assertEqual('1:3\n', self.assert_ok(self.run_bundle(bundle)).out)
        self.assertFalse((bundle.rootfs / 'vol/sub').exists())

    def test_what_is_there_already(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('the specification is clear, they are not')
        def prepared(make):
            bundle = self.bundle().sh('stat -c "%t:%T %a" /opt/d')
            (bundle.rootfs / 'opt').mkdir()
            make(bundle.rootfs / 'opt/d')
            self.device(self.writable(bundle), 'c', '/opt/d', 1, 3, fileMode=0o600)
            return self.run_bundle(bundle)

        def node(major, minor, mode=0o622):
            return lambda p: (os.mknod(p, 0o020000, os.makedev(major, minor)), os.chmod(p, mode))
        self.assertEqual('1:3 622\n', self.assert_ok(prepared(node(1, 3))).out)
        for make in (node(1, 5), pathlib.Path.touch, pathlib.Path.mkdir, lambda p: p.symlink_to('/dev/null'),
                     os.mkfifo):
            self.assert_fails(prepared(make), 1, 'create device /opt/d (something else is there): File exists')

    def test_errors(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('words of our own')
        for entry, message in (({'type': 'x', 'path': '/dev/x', 'major': 1, 'minor': 1}, 'unknown device type "x"'),
                               ({'type': 'c', 'path': 'dev/x', 'major': 1, 'minor': 1}, 'must be an absolute path'),
                               ({'type': 'c', 'path': '/dev/x'}, 'the member "major" is missing'),
                               ({'type': 'c', 'path': '/dev/x', 'major': 1 << 12, 'minor': 1}, '/major: out of range'),
                               ({'type': 'b', 'path': '/dev/x', 'major': 1, 'minor': -1}, '/minor')):
            bundle = self.bundle()
            bundle.config['linux']['devices'] = [entry]
            self.assert_fails(self.run_bundle(bundle.write()), 1, '/linux/devices/0', message)

    def test_in_a_user_namespace(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('fifos fail there')
        bundle = self.bundle().sh('stat -c "%F %t:%T" /dev/kmsg /dev/p')
        bundle.config['linux']['namespaces'].append({'type': 'user'})
        maps = [{'containerID': 0, 'hostID': 100000, 'size': 1000}]
        bundle.config['linux'].update(uidMappings=maps, gidMappings=maps)
        self.device(bundle, 'c', '/dev/kmsg', 1, 11)
        self.device(bundle, 'p', '/dev/p')
        self.assertEqual('character special file 1:b\nfifo 0:0\n', self.assert_ok(self.run_bundle(bundle)).out)
        self.device(bundle, 'c', '/dev/crl-none', 1, 11)
        self.assert_fails(self.run_bundle(bundle), 1,
                          'create device /dev/crl-none (it may not be made here, and the host has none')
