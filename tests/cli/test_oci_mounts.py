# SPDX-License-Identifier: Apache-2.0
"""The options of mounts, each judged by what the kernel says in mountinfo: of the mount itself and of one below it."""
import json
import os
import pathlib
import re

from mount_support import MountTest
from support.harness import paths

STRICT = 'ro,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow'

# option: (source, flags that are there then, flags that are not). Sources are trees of two mounts: "plain" has
# no flags, "strict" all of them.
TOP = {
    'ro': ('plain', 'ro', 'rw'), 'rw': ('strict', 'rw', 'ro'),
    'nosuid': ('plain', 'nosuid', ''), 'suid': ('strict', '', 'nosuid'),
    'nodev': ('plain', 'nodev', ''), 'dev': ('strict', '', 'nodev'),
    'noexec': ('plain', 'noexec', ''), 'exec': ('strict', '', 'noexec'),
    'nodiratime': ('plain', 'nodiratime', ''), 'diratime': ('strict', '', 'nodiratime'),
    'noatime': ('plain', 'noatime', 'relatime'), 'atime': ('strict', 'relatime', 'noatime'),
    'relatime': ('strict', 'relatime', 'noatime'), 'norelatime': ('plain', '', 'relatime noatime'),
    'strictatime': ('plain', '', 'relatime noatime'), 'nostrictatime': ('strict', 'relatime', 'noatime'),
    'nosymfollow': ('plain', 'nosymfollow', ''), 'symfollow': ('strict', '', 'nosymfollow'),
}
PROPAGATION = {
    'shared': 'shared', 'rshared': 'shared', 'private': '', 'rprivate': '',
    'unbindable': 'unbindable', 'runbindable': 'unbindable',
    # Without a peer group that sends, a slave is private.
    'slave': '', 'rslave': '',
}
# What runc 1.1 and crun 1.8 do in the same way: they leave alone what an option would take off.
COMMON = ('ro nosuid nodev noexec nodiratime noatime relatime strictatime').split()
# What belongs to a file system: shown behind the dash, and only for a new one.
SUPER = {'sync': 'sync', 'dirsync': 'dirsync', 'lazytime': 'lazytime'}
WITHOUT_TRACE = ('defaults async loud silent iversion noiversion nolazytime mand nomand bind rbind').split()
ELSEWHERE = ('remount tmpcopyup idmap ridmap copy-symlink src-nofollow dest-nofollow').split()


class Options(MountTest):

    SOURCES = f'''
for s in plain strict; do
  mkdir -p $s; mount -t tmpfs $s $s; mkdir $s/sub; mount -t tmpfs $s $s/sub
done
for m in strict/sub strict; do mount -o remount,bind,{STRICT} $m; done
'''

    def assert_flags(self, mounts, path, there, absent):
        flags = mounts.flags(path)
        self.assertEqual((set(there.split()), set()), (set(there.split()) & flags, set(absent.split()) & flags),
                         f'{path}: {sorted(flags)}')

    def own(self, why):
        if self.runtime_name != 'crun-lite':
            self.skipTest(why)

    def known(self):
        return json.loads(self.assert_ok(self.oci('features')).out)['mountOptions']

    def test_this_table_is_the_programs(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('the peers know fewer, or other ones')
        covered = set(TOP) | {'r' + name for name in TOP} | set(PROPAGATION) | set(SUPER) | set(WITHOUT_TRACE) | set(
            ELSEWHERE)
        self.assertEqual(sorted(covered), self.known())

    def test_so_is_the_manuals(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('our manual')
        text = (paths.REPO / 'docs/mounts.md').read_text().split('## Options of a mount')[1].split('\n\n`idmap`')[0]
        rows = [line.split('|')[1] for line in text.splitlines() if line.startswith('| `')]
        self.assertEqual(self.known(), sorted(re.findall('`([^`]+)`', ' '.join(rows))))

    def test_of_a_bind_mount_and_not_below_it(self):
        bundle = self.writable(self.bundle(['/bin/cat', '/proc/self/mountinfo']))
        for name, (source, _, _) in TOP.items():
            if self.runtime_name == 'crun-lite' or name in COMMON:
                self.add(bundle, f'/m/{name}', self.path(source), 'rbind', name)
        mounts = self.mounts_of(self.run_after(self.SOURCES, bundle))
        for name, (source, there, absent) in TOP.items():
            if f'/m/{name}' not in mounts.lines:
                continue
            with self.subTest(name):
                self.assert_flags(mounts, f'/m/{name}', there, absent)
                if source == 'plain':
                    self.assert_flags(mounts, f'/m/{name}/sub', 'rw relatime', 'nosuid nodev noexec nosymfollow')
                else:
                    self.assert_flags(mounts, f'/m/{name}/sub', STRICT.replace(',', ' '), 'rw relatime')

    def test_options_are_all_that_a_bind_mount_has(self):
        """config.md, Linux mount options: those of mount(8). Without any of them the source's stay."""
        if self.runtime_name != 'crun-lite':
            self.skipTest('runc 1.1 keeps some, crun 1.8 none without any option')
        setup = ('mkdir s; mount -t tmpfs tmpfs s; '
                 'mount -o remount,bind,ro,nosuid,nodev,noexec,noatime s')
        bundle = self.writable(self.bundle(['/bin/cat', '/proc/self/mountinfo']))
        for name, options in (('none', []), ('private', ['rprivate']), ('dev', ['dev']), ('ro', ['ro']),
                              ('nosuid', ['nosuid', 'rw'])):
            self.add(bundle, f'/m/{name}', self.path('s'), 'bind', *options)
        mounts = self.mounts_of(self.run_after(setup, bundle))
        source = {'ro', 'nosuid', 'nodev', 'noexec', 'noatime'}
        for name, wanted in (('none', source), ('private', source), ('dev', {'rw', 'noatime'}),
                             ('ro', {'ro', 'noatime'}),
                             ('nosuid', {'rw', 'nosuid', 'noatime'})):
            self.assertEqual(wanted, mounts.flags(f'/m/{name}'), name)

    def test_recursive(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('the releases of the peers here lack some')
        bundle = self.writable(self.bundle(['/bin/cat', '/proc/self/mountinfo']))
        for name, (source, _, _) in TOP.items():
            self.add(bundle, f'/m/r{name}', self.path(source), 'rbind', 'r' + name)
        mounts = self.mounts_of(self.run_after(self.SOURCES, bundle))
        for name, (_, there, absent) in TOP.items():
            for path in (f'/m/r{name}', f'/m/r{name}/sub'):
                with self.subTest(path):
                    self.assert_flags(mounts, path, there, absent)

    def test_on_kernels_without_the_new_calls(self):
        self.own('mount(2) is all they know')
        calls = 'open_tree move_mount mount_setattr fsopen'.split()
        for missing in (['mount_setattr'], calls):
            for error in ('ENOSYS', 'EPERM'):
                with self.subTest(missing=missing, error=error):
                    bundle = self.writable(self.bundle(['/bin/cat', '/proc/self/mountinfo']))
                    for name, (source, _, _) in TOP.items():
                        self.add(bundle, f'/m/{name}', self.path(source), 'rbind', name)
                    self.add(bundle, '/m/ro', '', 'remount', 'bind', 'nosuid')
                    inject = [word for call in missing for word in ('-e', f'inject={call}:error={error}')]
                    script = self.SOURCES + 'set -- strace -f -qq -o trace -e trace=' + ','.join(
                        missing) + ' ' + ' '.join(
                        inject) + ' "$@"'
                    mounts = self.mounts_of(self.run_after(script, bundle))
                    for name, (_, there, absent) in TOP.items():
                        self.assert_flags(mounts, f'/m/{name}', there, absent)
                    self.assert_flags(mounts, '/m/ro', 'nosuid', '')
        self.add(bundle, '/m/rro', self.path('plain'), 'rbind', 'rro')
        self.assert_fails(self.run_after(script, bundle), 1,
                          'on /m/rro (recursive options need mount_setattr(2), Linux 5.12)')

    def test_of_a_new_file_system(self):
        bundle = self.writable(self.bundle(['/bin/cat', '/proc/self/mountinfo']))
        for name in TOP:
            if 'symfollow' not in name or self.runtime_name == 'crun-lite':
                self.add(bundle, f'/m/{name}', 'tmpfs', name, type='tmpfs')
        mounts = self.mounts_of(self.run_bundle(bundle))
        for name, (_, there, absent) in TOP.items():
            if f'/m/{name}' not in mounts.lines or (name == 'norelatime' and self.runtime_name != 'crun-lite'):
                continue
            with self.subTest(name):
                self.assert_flags(mounts, f'/m/{name}', there, absent)

    def test_the_last_one_counts(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('they leave the order of the access-time modes to mount(2)')
        bundle = self.writable(self.bundle(['/bin/cat', '/proc/self/mountinfo']))
        cases = {'noatime relatime': ('relatime', 'noatime'), 'strictatime noatime': ('noatime', 'relatime'),
                 'noatime strictatime': ('', 'relatime noatime'), 'ro rw': ('rw', 'ro'), 'rw ro': ('ro', 'rw'),
                 'nosuid suid': ('', 'nosuid'), 'dev nodev': ('nodev', '')}
        for i, names in enumerate(cases):
            self.add(bundle, f'/t/{i}', 'tmpfs', *names.split(), type='tmpfs')
            self.add(bundle, f'/b/{i}', self.path('plain'), 'bind', *names.split())
        mounts = self.mounts_of(self.run_after(self.SOURCES, bundle))
        for i, (names, (there, absent)) in enumerate(cases.items()):
            for path in (f'/t/{i}', f'/b/{i}'):
                with self.subTest(f'{names} {path}'):
                    self.assert_flags(mounts, path, there, absent)

    def test_propagation(self):
        self.own('crun 1.8 leaves the propagation of some as it is')
        bundle = self.writable(self.bundle(['/bin/cat', '/proc/self/mountinfo']))
        for name in PROPAGATION:
            self.add(bundle, f'/m/{name}', self.path('plain'), 'rbind', name)
        mounts = self.mounts_of(self.run_after(self.SOURCES, bundle))
        for name, tag in PROPAGATION.items():
            with self.subTest(name):
                self.assertEqual(tag, mounts.propagation(f'/m/{name}'))
                self.assertEqual(tag if name.startswith('r') else '', mounts.propagation(f'/m/{name}/sub'))

    def test_slaves_hear_of_what_is_mounted_on_the_host(self):
        self.own('crun 1.8 makes them private')
        bundle = self.writable(self.bundle(['/bin/cat', '/proc/self/mountinfo']))
        for name in ('slave', 'rslave', 'shared', 'private'):
            self.add(bundle, f'/m/{name}', self.path('plain'), 'rbind', name)
        script = self.SOURCES + 'mount --make-rshared /; mount --make-rshared plain'
        mounts = self.mounts_of(self.run_after(script, bundle))
        for name, tag in {'slave': 'master', 'rslave': 'master', 'private': ''}.items():
            self.assertEqual(tag, mounts.propagation(f'/m/{name}'), name)

    def test_of_the_file_system_itself(self):
        self.own('runc 1.1 takes defaults for data, crun 1.8 loud')
        bundle = self.writable(self.bundle(['/bin/cat', '/proc/self/mountinfo']))
        for name in [*SUPER, *WITHOUT_TRACE]:
            if 'bind' not in name:
                self.add(bundle, f'/m/{name}', 'tmpfs', name, 'size=64k', type='tmpfs')
        self.add(bundle, '/m/data', 'tmpfs', 'size=96k', 'nosuid', 'nr_inodes=77', 'mode=0710', type='tmpfs')
        mounts = self.mounts_of(self.run_bundle(bundle))
        for name, shown in SUPER.items():
            self.assertLessEqual({shown, 'size=64k'}, mounts.super(f'/m/{name}'), name)
        # What is no option of a mount is data for the file system, in its order.
        self.assertLessEqual({'size=96k', 'nr_inodes=77', 'mode=710'}, mounts.super('/m/data'))

    def test_what_the_file_system_refuses_is_shown(self):
        bundle = self.writable(self.bundle())
        self.add(bundle, '/m', 'tmpfs', 'nosuid', 'colour=blue', type='tmpfs')
        result = self.run_bundle(bundle)
        self.assertNotEqual(0, result.code)
        if self.runtime_name == 'crun-lite':
            self.assert_fails(result, 1, 'mount tmpfs on /m (options colour=blue): Invalid argument')

    def test_remount(self):
        self.own('crun 1.8 wants a source')
        bundle = self.writable(self.bundle(['/bin/cat', '/proc/self/mountinfo']))
        self.add(bundle, '/m/b', self.path('plain'), 'bind')
        self.add(bundle, '/m/b', '', 'remount', 'bind', 'ro', 'nosuid')
        self.add(bundle, '/m/t', 'tmpfs', 'size=64k', type='tmpfs')
        self.add(bundle, '/m/t', 'tmpfs', 'remount', 'size=128k', 'noexec', type='tmpfs')
        mounts = self.mounts_of(self.run_after(self.SOURCES, bundle))
        self.assertLessEqual({'ro', 'nosuid'}, mounts.flags('/m/b'))
        self.assertLessEqual({'rw', 'noexec'}, mounts.flags('/m/t'))
        self.assertIn('size=128k', mounts.super('/m/t'))

    def test_read_only_mounts_hold_their_mount_points(self):
        self.own('they cannot make mount points in them')
        bundle = self.bundle().sh('for d in /t /t/in /r /r/in; do touch $d/x 2>/dev/null && echo $d; done; ls /t /r')
        self.writable(bundle)
        self.add(bundle, '/t', 'tmpfs', 'ro', type='tmpfs')
        self.add(bundle, '/t/in', 'tmpfs', type='tmpfs')
        if self.runtime_name == 'crun-lite':
            self.add(bundle, '/r', 'tmpfs', 'rro', type='tmpfs')
            self.add(bundle, '/r/in', 'tmpfs', type='tmpfs')
        out = self.assert_ok(self.run_bundle(bundle)).out
        self.assertTrue(out.startswith('/t/in\n/r/in\n' if self.runtime_name == 'crun-lite' else '/t/in\n'), out)


class Links(MountTest):
    """crun's options for links: the releases before 1.9 have not got them."""
    own_only = True

    def setUp(self):
        super().setUp()
        self.write('data/file', 'content')
        os.symlink('file', self.path('data/link'))
        os.symlink('data', self.path('dirlink'))

    def test_a_link_as_source_is_followed(self):
        bundle = self.writable(self.bundle().sh('cat /m; readlink /m || echo; ls /d'))
        self.add(bundle, '/m', self.path('data/link'), 'bind')
        self.add(bundle, '/d', self.path('dirlink'), 'bind')
        self.assertEqual('content\nfile\nlink\n', self.assert_ok(self.run_bundle(bundle)).out)

    def test_copy_symlink(self):
        bundle = self.writable(self.bundle().sh('readlink /a/m; cat /d/file; grep -c " /a/m " /proc/self/mountinfo'))
        self.add(bundle, '/a/m', self.path('data/link'), 'bind', 'copy-symlink')
        self.add(bundle, '/d', self.path('data'), 'bind', 'copy-symlink')  # no link: mounted
        for _ in range(2):  # the second time, it is there already
            self.assertEqual('file\ncontent0\n', self.run_bundle(bundle).out)
        (bundle.rootfs / 'a/m').unlink()
        (bundle.rootfs / 'a/m').symlink_to('elsewhere')
        self.assert_fails(self.run_bundle(bundle), 1, '/a/m (something other than this link is there): File exists')

    def test_src_nofollow(self):
        bundle = self.writable(self.bundle().sh('readlink /m; readlink /n; readlink /etc/n'))
        self.add(bundle, '/m', self.path('data/link'), 'bind', 'src-nofollow')
        (bundle.rootfs / 'etc/n').symlink_to('nowhere')
        self.add(bundle, '/etc/n', self.path('data/link'), 'bind', 'src-nofollow', 'dest-nofollow')
        self.assertEqual('file\nfile\n', self.run_bundle(bundle).out)

    def test_dest_nofollow(self):
        bundle = self.writable(self.bundle().sh('cat /etc/l; cat /etc/real'))
        (bundle.rootfs / 'etc/real').write_text('untouched')
        (bundle.rootfs / 'etc/l').symlink_to('real')
        self.add(bundle, '/etc/l', self.path('data/file'), 'bind', 'dest-nofollow')
        self.assertEqual('contentuntouched', self.assert_ok(self.run_bundle(bundle)).out)
        bundle.config['mounts'][-1]['options'] = ['bind']
        self.assertEqual('contentcontent', self.assert_ok(self.run_bundle(bundle.write())).out)
        bundle.config['mounts'][-1].update(source=self.path('data'), options=['bind', 'dest-nofollow'])
        self.assert_fails(self.run_bundle(bundle.write()), 1, 'on /etc/l (the target is not a directory)')

    def test_in_a_user_namespace(self):
        bundle = self.writable(self.bundle().sh('readlink /etc/n; readlink /etc/c'))
        os.chown(bundle.rootfs, 100000, 100000)
        os.chown(bundle.rootfs / 'etc', 100000, 100000)
        bundle.config['linux']['namespaces'].append({'type': 'user'})
        bundle.config['linux'].update(uidMappings=[{'containerID': 0, 'hostID': 100000, 'size': 1000}],
                                      gidMappings=[{'containerID': 0, 'hostID': 100000, 'size': 1000}])
        self.add(bundle, '/etc/n', self.path('data/link'), 'bind', 'src-nofollow')
        self.add(bundle, '/etc/c', self.path('data/link'), 'bind', 'copy-symlink')
        self.assertEqual('file\nfile\n', self.assert_ok(self.run_bundle(bundle)).out)

    def test_they_exclude_each_other(self):
        bundle = self.add(self.bundle(), '/m', self.path('data'), 'bind', 'copy-symlink', 'src-nofollow')
        self.assert_fails(self.run_bundle(bundle), 1,
                          '/mounts/7/options: copy-symlink excludes src-nofollow and dest-nofollow')


class CopyUp(MountTest):
    """A tmpfs with tmpcopyup starts as what it hides. (crun 1.8.1 keeps less of it.)"""
    own_only = True

    def test_everything_a_file_can_have(self):
        bundle = self.writable(self.bundle().sh('''
            cd /seed; stat -c '%n %a %u %g %F %Y' . dir dir/file suid link fifo
            cat dir/file one two; [ one -ef two ] && echo same; stat -c %h one; ls -a; readlink link; echo x > new'''))
        seed = bundle.rootfs / 'seed'
        (seed / 'dir').mkdir(parents=True)
        for name, text in {'dir/file': 'deep\n', 'suid': '', 'one': 'linked\n'}.items():
            (seed / name).write_text(text)
        os.link(seed / 'one', seed / 'two')
        os.link(seed / 'one', seed / 'dir/three')
        (seed / 'link').symlink_to('dir/file')
        os.mkfifo(seed / 'fifo')
        os.chmod(seed / 'suid', 0o4711)
        os.chown(seed / 'dir', 5, 6)
        os.chmod(seed / 'dir', 0o2755)
        os.chmod(seed / 'fifo', 0o620)
        os.chown(seed / 'link', 7, 8, follow_symlinks=False)
        for name in ('link', 'fifo', 'suid', 'dir/file', 'dir', '.'):
            os.utime(seed / name, (1000, 2000), follow_symlinks=False)
        os.chmod(seed, 0o1751)
        self.add(bundle, '/seed', 'tmpfs', 'tmpcopyup', type='tmpfs')
        out = self.assert_ok(self.run_bundle(bundle)).out
        self.assertEqual('''\
. 1751 0 0 directory 2000
dir 2755 5 6 directory 2000
dir/file 644 0 0 regular file 2000
suid 4711 0 0 regular empty file 2000
link 777 7 8 symbolic link 2000
fifo 620 0 0 fifo 2000
deep
linked
linked
same
3
.
..
dir
fifo
link
one
suid
two
dir/file
''', out)
        self.assertFalse((seed / 'new').exists())

    def test_extended_attributes(self):
        bundle = self.writable(self.bundle(['/bin/sleep', '1000']))
        seed = bundle.rootfs / 'seed'
        seed.mkdir()
        (seed / 'file').write_text('')
        os.setxattr(seed / 'file', 'trusted.test', b'value')
        capability = bytes.fromhex('0100000200040000000000000000000000000000')  # cap_net_bind_service=ep
        os.setxattr(seed / 'file', 'security.capability', capability)
        os.setxattr(seed, 'trusted.top', b'dir')
        self.add(bundle, '/seed', 'tmpfs', 'tmpcopyup', type='tmpfs')
        name, created = self.create(bundle)
        self.assert_ok(created)
        inside = pathlib.Path(f'/proc/{self.state(name)["pid"]}/root/seed')
        self.assertEqual(b'value', os.getxattr(inside / 'file', 'trusted.test'))
        self.assertEqual(capability, os.getxattr(inside / 'file', 'security.capability'))
        self.assertEqual(b'dir', os.getxattr(inside, 'trusted.top'))

    def test_nested_and_deep(self):
        bundle = self.writable(self.bundle().sh('cat /a/b/c; cat /a/f; f=$(find /a -name end); echo ${#f}; echo x > '
                                                '/a/b/n'))
        deep = bundle.rootfs / 'a' / '/'.join('d' for _ in range(150))
        deep.mkdir(parents=True)
        (deep / 'end').write_text('')
        (bundle.rootfs / 'a/b').mkdir()
        (bundle.rootfs / 'a/b/c').write_text('inner\n')
        (bundle.rootfs / 'a/f').write_text('outer\n')
        self.add(bundle, '/a', 'tmpfs', 'tmpcopyup', type='tmpfs')
        self.add(bundle, '/a/b', 'tmpfs', 'tmpcopyup', type='tmpfs')
        self.assertEqual(f'inner\nouter\n{len("/a/" + "d/" * 150 + "end")}\n',
                         self.assert_ok(self.run_bundle(bundle)).out)
        self.assertFalse((bundle.rootfs / 'a/b/n').exists())

    def test_what_does_not_fit(self):
        bundle = self.writable(self.bundle())
        (bundle.rootfs / 'seed').mkdir()
        (bundle.rootfs / 'seed/big').write_bytes(b'x' * 200000)
        self.add(bundle, '/seed', 'tmpfs', 'tmpcopyup', 'size=64k', type='tmpfs')
        self.assert_fails(self.run_bundle(bundle), 1, 'mount tmpfs on /seed', 'No space left on device')

    def test_a_directory_that_is_not_there(self):
        bundle = self.writable(self.bundle().sh('ls -a /new/dir'))
        self.add(bundle, '/new/dir', 'tmpfs', 'tmpcopyup', type='tmpfs')
        self.assertEqual('.\n..\n', self.assert_ok(self.run_bundle(bundle)).out)


