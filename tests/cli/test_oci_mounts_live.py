# SPDX-License-Identifier: Apache-2.0
"""`mounts add` and `mounts remove`: mounts of containers that run already. (crun has the commands from 1.15 on.)"""
import json
import os
import pathlib
import subprocess

from support.harness import RuntimeTest, kill_group, wait_until

SWAP = '''
import ctypes, os, sys
libc = ctypes.CDLL(None)
os.chdir(sys.argv[1])
print('ready', flush=True)
while True:
    libc.renameat2(-100, b'dir', -100, b'link', 2)  # RENAME_EXCHANGE
'''


class LiveTest(RuntimeTest):
    own_only = True

    def setUp(self):
        super().setUp()
        self.write('data/file', 'of the host')
        os.mkdir(self.path('data/sub'))

    def running(self, edit=None):
        bundle = self.bundle(['/bin/sleep', '1000'])
        bundle.config['root']['readonly'] = False
        if edit:
            edit(bundle)
        name, created = self.create(bundle.write())
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        return name, pathlib.Path(f'/proc/{self.state(name)["pid"]}')

    def document(self, *mounts):
        return self.write(f'{self.name("m")}.json', json.dumps(list(mounts)))

    def data(self, destination='/mnt/data', *options, **members):
        return {'destination': destination, 'type': 'bind', 'source': self.path('data'),
                'options': ['bind', *options], **members}

    def mounts(self, verb, name, *mounts):
        return self.oci('mounts', verb, name, self.document(*mounts))

    @staticmethod
    def mounted(process):
        return {line.split()[4]: line for line in (process / 'mountinfo').read_text().splitlines()}


class LiveMounts(LiveTest):

    def test_a_bind_mount_comes_and_goes(self):
        name, process = self.running()
        before = self.mounted(process)
        self.assert_ok(self.mounts('add', name, self.data('/mnt/data', 'ro', 'nosuid')))
        self.assertEqual('of the host', (process / 'root/mnt/data/file').read_text())
        self.assertRegex(self.mounted(process)['/mnt/data'], ' /mnt/data ro,nosuid[, ]')
        self.assert_ok(self.mounts('remove', name, self.data()))
        self.assertEqual(before, self.mounted(process))
        self.assertEqual([], os.listdir(process / 'root/mnt/data'))

    def test_a_file_and_a_tree(self):
        name, process = self.running()
        self.assert_ok(self.mounts('add', name, self.data('/etc/new', source=self.path('data/file')), self.data('/m'),
                                   {'destination': '/m/sub', 'type': 'tmpfs', 'source': 'tmpfs',
                                    'options': ['size=64k']}))
        self.assertEqual('of the host', (process / 'root/etc/new').read_text())
        self.assertIn(' - tmpfs tmpfs rw,size=64k', self.mounted(process)['/m/sub'])
        # The last is removed first.
        self.assert_ok(self.mounts('remove', name, self.data('/etc/new'), self.data('/m'), self.data('/m/sub')))
        self.assertFalse({'/m', '/m/sub', '/etc/new'} & set(self.mounted(process)))

    def test_a_document_of_two_forms_and_from_standard_input(self):
        name, process = self.running()
        text = json.dumps({'mounts': [self.data()]})
        self.assert_ok(self.oci('mounts', 'add', name, self.write('o.json', text)))
        self.assertIn('/mnt/data', self.mounted(process))
        self.assert_ok(self.oci('mounts', 'remove', name, '-', stdin=text))
        self.assertNotIn('/mnt/data', self.mounted(process))

    def test_the_host_sees_nothing_of_it(self):
        name, _ = self.running()
        before = pathlib.Path('/proc/self/mountinfo').read_text()
        self.assert_ok(self.mounts('add', name, self.data(), {'destination': '/t', 'type': 'tmpfs', 'source': 'tmpfs'}))
        self.assertEqual(before, pathlib.Path('/proc/self/mountinfo').read_text())

    def test_all_or_none(self):
        name, process = self.running()
        before = self.mounted(process)
        result = self.mounts('add', name, self.data('/a'), self.data('/b'), self.data('/bin/busybox'))
        self.assert_fails(result, 1, 'mount ', ' on /bin/busybox (the target is not a directory)')
        self.assertEqual(before, self.mounted(process))
        result = self.mounts('add', name, self.data('/a'), self.data('/b', source='/nonexistent'))
        self.assert_fails(result, 1, 'open mount source /nonexistent: No such file or directory')
        self.assertEqual(before, self.mounted(process))

    def test_with_a_user_namespace(self):
        maps = [{'containerID': 0, 'hostID': 100000, 'size': 1000}]

        def edit(bundle):
            os.chown(bundle.rootfs, 100000, 100000)
            bundle.config['linux']['namespaces'].append({'type': 'user'})
            bundle.config['linux'].update(uidMappings=maps, gidMappings=maps)
        name, process = self.running(edit)
        tmpfs = {'destination': '/t', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['mode=700']}
        self.assert_ok(self.mounts('add', name, self.data(), tmpfs, self.data('/own', 'idmap')))
        self.assertEqual('of the host', (process / 'root/mnt/data/file').read_text())
        self.assertEqual(100000, (process / 'root/t').stat().st_uid)  # root in there
        self.assertEqual(0, (process / 'root/mnt/data/file').stat().st_uid)
        self.assertEqual(100000, (process / 'root/own/file').stat().st_uid)
        self.assert_ok(self.mounts('remove', name, self.data(), tmpfs, self.data('/own')))
        self.assertFalse({'/t', '/mnt/data', '/own'} & set(self.mounted(process)))

    def test_with_a_user_namespace_and_a_network_of_somebody_elses(self):
        maps = [{'containerID': 0, 'hostID': 100000, 'size': 1000}]
        holder = self.background(['unshare', '--net', 'sleep', '1000'])
        network = pathlib.Path(f'/proc/{holder.pid}/ns/net')
        wait_until(lambda: network.readlink() != pathlib.Path('/proc/self/ns/net').readlink(), 'a network namespace')

        def edit(bundle):
            os.chown(bundle.rootfs, 100000, 100000)
            linux = bundle.config['linux']
            linux['namespaces'] = [n for n in linux['namespaces'] if n['type'] != 'network']
            linux['namespaces'] += [{'type': 'user'}, {'type': 'network', 'path': str(network)}]
            linux.update(uidMappings=maps, gidMappings=maps)
        name, process = self.running(edit)
        self.assert_ok(self.mounts('add', name, self.data()))
        self.assertEqual('of the host', (process / 'root/mnt/data/file').read_text())

    def test_a_tmpfs_keeps_its_options(self):
        name, process = self.running()
        tmpfs = {'type': 'tmpfs', 'source': 'mine'}
        self.assert_ok(self.mounts(
            'add', name, {'destination': '/a', 'options': ['ro', 'nosuid', 'size=64k', 'mode=711'], **tmpfs},
            {'destination': '/bin', 'options': ['tmpcopyup', 'noexec', 'sync'], **tmpfs},
            {'destination': '/home', **tmpfs}))
        mounted = self.mounted(process)
        self.assertRegex(mounted['/a'], r' /a ro,nosuid,relatime .*- tmpfs mine rw,size=64k,mode=711')
        self.assertRegex(mounted['/bin'], r' /bin rw,noexec,relatime .*- tmpfs mine rw,sync')
        self.assertIn('busybox', os.listdir(process / 'root/bin'))
        self.assertEqual(0o755, (process / 'root/home').stat().st_mode & 0o7777)
        bad = {'destination': '/b', 'options': ['size=64k', 'no_such=1'], **tmpfs}
        self.assert_fails(self.mounts('add', name, bad), 1, 'mount mine on /b (option no_such=1): Invalid argument')

    def test_created_and_paused_containers_too_but_not_stopped_ones(self):
        bundle = self.bundle(['/bin/sleep', '1000'])
        bundle.config['root']['readonly'] = False
        name, created = self.create(bundle.write())
        self.assert_ok(created)
        self.assert_ok(self.mounts('add', name, self.data()))
        self.oci('kill', name, 'KILL')
        self.wait_status(name, 'stopped')
        self.assert_fails(self.mounts('add', name, self.data()), 1, 'container not running')
        self.assert_fails(self.mounts('remove', name, self.data()), 1, 'container not running')
        self.assert_fails(self.mounts('add', self.name(), self.data()), 1, 'container does not exist')

    def test_errors(self):
        name, _ = self.running()
        self.assert_fails(self.mounts('remove', name, self.data('/etc')), 1, 'unmount /etc (nothing is mounted there)')
        self.assert_fails(self.mounts('remove', name, self.data('/none')), 1, 'unmount /none: No such file')
        for destination in ('/', '/..', '/proc'):
            for verb in ('add', 'remove'):
                self.assert_fails(self.mounts(verb, name, self.data(destination)), 1, 'stays as it is')
        self.assert_fails(self.mounts('add', name, self.data('/proc/sys')), 1, 'mounts inside /proc are not allowed')
        for kind in ('proc', 'cgroup', 'cgroup2'):
            self.assert_fails(self.mounts('add', name, {'destination': '/m', 'type': kind, 'source': kind}), 1,
                              f'{kind} cannot be mounted in a container that runs already')
        self.assert_fails(self.mounts('add', name, self.data('/m', 'idmap')), 1, 'needs uidMappings and gidMappings')
        for text, message in {'{}': 'neither an array of mounts nor', '[1]': 'expected object',
                              '[{"type":"bind"}]': 'the member "destination" is missing',
                              '[': ':1:', '"x"': 'expected object, found string'}.items():
            self.assert_fails(self.oci('mounts', 'add', name, self.write('bad.json', text)), 1, message)
        self.assert_fails(self.oci('mounts', 'add', name, self.path('none')), 1, self.path('none'))
        self.assert_fails(self.oci('mounts', 'grow', name, self.document()), 1, '`mounts add` and `mounts remove`')

    def test_a_read_only_root_needs_the_directory(self):
        name, process = self.running(lambda b: b.config['root'].update(readonly=True))
        self.assert_fails(self.mounts('add', name, self.data('/new')), 1, 'on /new', 'Read-only file system')
        self.assert_ok(self.mounts('add', name, self.data('/home')))
        self.assertEqual('of the host', (process / 'root/home/file').read_text())


class Hostile(LiveTest):
    """The container tries to have it done elsewhere."""

    def victim(self):
        victim = pathlib.Path(self.path('victim'))
        victim.mkdir()
        (victim / 'sentinel').write_text('untouched')
        return victim

    def assert_untouched(self, victim):
        self.assertEqual(['sentinel'], os.listdir(victim))
        self.assertNotIn(str(victim), pathlib.Path('/proc/self/mountinfo').read_text())

    def test_links_lead_to_the_containers_own_files(self):
        victim = self.victim()

        def edit(bundle):
            (bundle.rootfs / 'abs').symlink_to(victim)
            (bundle.rootfs / 'rel').symlink_to('../' * 20 + str(victim)[1:])
            (bundle.rootfs / 'self').symlink_to('/proc/self/root')
            (bundle.rootfs / 'one').symlink_to('/proc/1/root' + str(victim))
        name, process = self.running(edit)
        for link in ('abs', 'rel'):
            self.assert_ok(self.mounts('add', name, self.data(f'/{link}/in')))
            self.assertEqual(os.listdir(self.path('data')), os.listdir(process / f'root{victim}/in'))
            self.assert_ok(self.mounts('remove', name, self.data(f'{victim}/in')))
        for link in ('self', 'one'):
            self.assertNotEqual(0, self.mounts('add', name, self.data(f'/{link}/in')).code)
            self.assertNotEqual(0, self.mounts('remove', name, self.data(f'/{link}/in')).code)
        self.assert_untouched(victim)

    # What takes the container's own directories away and puts a link to /proc there.
    SWAP_DATA = 'mv /data /old && ln -s /proc /data'

    def test_what_is_taken_off_is_what_was_named(self):
        name, process = self.running()
        self.assert_ok(self.mounts('add', name, self.data('/data/sys')))
        self.assert_ok(self.oci('exec', name, 'sh', '-c', self.SWAP_DATA))
        before = self.mounted(process)
        self.assert_fails(self.mounts('remove', name, self.data('/data/sys')), 1, 'links lead to /proc/sys')
        self.assertEqual(before, self.mounted(process))
        self.assert_ok(self.mounts('remove', name, self.data('/old/sys')))

    def test_what_is_mounted_again_is_what_was_named(self):
        name, process = self.running()
        self.assert_ok(self.oci('exec', name, 'ln', '-s', '/proc', '/data'))
        before = self.mounted(process)
        for options in (['remount', 'bind', 'rw'], ['remount', 'rw']):
            remount = {'destination': '/data/sys', 'options': options}
            self.assert_fails(self.mounts('add', name, remount), 1, 'remount /data/sys (links lead to /proc/sys')
            self.assertEqual(before, self.mounted(process))

    def test_what_fails_takes_off_its_own_mounts(self):
        """While the second is mounted, the container exchanges what is above the first. The third fails."""
        name, process = self.running()
        big = process / 'root/big'
        big.mkdir()
        for i in range(4000):
            (big / str(i)).touch()
        before = self.mounted(process)
        script = f"until grep -q ' /data/sys ' /proc/self/mountinfo; do :; done; {self.SWAP_DATA}; echo done"
        attacker = self.background([*self._oci_argv(), 'exec', name, 'sh', '-c', script], stdout=subprocess.PIPE)
        result = self.mounts('add', name, self.data('/data/sys'),
                             {'destination': '/big', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['tmpcopyup']},
                             self.data('/bin/busybox'))
        self.assert_fails(result, 1, 'on /bin/busybox (the target is not a directory)')
        self.assertEqual(b'done\n', attacker.stdout.readline())
        self.assertEqual(before, self.mounted(process))

    def test_the_source_is_the_hosts(self):
        # The container's own file of that name is not what gets mounted, nor does it choose a block device.
        def edit(bundle):
            fake = pathlib.Path(str(bundle.rootfs) + self.path('data'))
            fake.mkdir(parents=True)
            (fake / 'file').write_text('of the container')
        name, process = self.running(edit)
        self.assert_ok(self.mounts('add', name, self.data()))
        self.assertEqual('of the host', (process / 'root/mnt/data/file').read_text())
        result = self.mounts('add', name, {'destination': '/m', 'type': 'ext4', 'source': self.path('data/file')})
        self.assertNotEqual(0, result.code, result)
        self.assertIn('mount ' + self.path('data/file') + ' of type ext4', result.err)

    def test_a_directory_that_is_swapped_for_a_link(self):
        victim = self.victim()
        shared = pathlib.Path(self.path('shared'))
        (shared / 'dir').mkdir(parents=True)
        (shared / 'link').symlink_to(victim)
        name, _ = self.running(lambda b: b.config['mounts'].append(
            {'destination': '/shared', 'type': 'bind', 'source': str(shared), 'options': ['rbind']}))
        swapper = self.background(['python3', '-c', SWAP, shared], stdout=subprocess.PIPE)
        self.assertEqual(b'ready\n', swapper.stdout.readline())
        added = 0
        for _ in range(60):
            if self.mounts('add', name, self.data('/shared/dir/in')).code == 0:
                added += 1
            self.mounts('remove', name, self.data('/shared/dir/in'))
        kill_group(swapper.pid)
        self.assert_untouched(victim)
        self.assertGreater(added, 0)
