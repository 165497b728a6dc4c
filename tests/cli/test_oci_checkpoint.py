# SPDX-License-Identifier: Apache-2.0
"""checkpoint on any kernel: the words, what criu is told and how its answers are taken, with a stand-in for it; and
the real criu as far as this kernel lets it come. That what it has written is good is tests/vm's to see."""
import json
import os
import pathlib
import shutil

from checkpoint_support import CheckpointTest
from support.harness import run

FREEZERS = ('/sys/fs/cgroup/freezer', '/sys/fs/cgroup')


class Words(CheckpointTest):

    def test_unknown_container(self):
        self.assert_fails(self.checkpoint(self.name()), 1, 'crun-lite checkpoint failed:', 'container does not exist')

    def test_states(self):
        name, created = self.create(self.bundle(['/bin/true']))
        self.assert_ok(created)
        self.assert_fails(self.checkpoint(name), 1, 'container not running', 'in the created state')
        self.assert_ok(self.oci('start', name))
        self.wait_status(name, 'stopped')
        self.assert_fails(self.checkpoint(name), 1, 'container not running', 'in the stopped state')
        self.assertFalse(os.path.exists(self.path('image')))

    def test_criu_is_not_installed(self):
        name = self.running()
        self.assert_fails(self.checkpoint(name), 1, 'criu is not installed', self.path('bin'))
        self.assertFalse(os.path.exists(self.path('image')))
        self.assert_counts(name)
        self.assert_fails(self.restore(self.bundle())[1], 1, 'criu is not installed')

    def test_a_relative_path_is_not_looked_in(self):
        self.stand_in()
        self.assert_fails(self.checkpoint(self.running(), env={**self.env, 'PATH': 'bin:.'}, cwd=self.scratch), 1,
                          'criu is not installed')

    def test_help_says_whether_there_is_any(self):
        """podman asks so."""
        result = self.oci('checkpoint', '--help', env=self.env)
        self.assert_fails(result, 1, 'criu is not installed')
        self.assertIn('--leave-running', result.out)
        self.stand_in()
        self.assert_ok(self.oci('checkpoint', '--help', env=self.env))
        self.stand_in(version=[3, 14, 0])
        self.assert_fails(self.oci('checkpoint', '--help', env=self.env), 1, '3.14', 'too old')
        self.write('bin/criu', '#!/bin/sh\necho it is broken >&2\nexit 9\n', 0o755)
        self.assert_fails(self.oci('checkpoint', '--help', env=self.env), 1, 'exit status 9', 'it is broken')
        self.assert_ok(self.oci('restore', '--help', env=self.env))

    def test_features_say_it_too(self):
        said = lambda: json.loads(self.assert_ok(self.oci('features', env=self.env)).out)
        key = 'org.opencontainers.runc.checkpoint.enabled'
        self.assertEqual('false', said()['annotations'][key])
        self.stand_in()
        self.assertEqual('true', said()['annotations'][key])
        self.assertIn('org.criu.config', said()['potentiallyUnsafeConfigAnnotations'])

    def test_flags(self):
        self.stand_in()
        name = self.running()
        for flags, words in ((['--empty-ns', 'pid'], '"pid" is not supported'),
                             (['--page-server', 'nonsense'], 'ADDRESS:PORT'),
                             (['--page-server', '::1:27'], 'ADDRESS:PORT'),
                             (['--page-server', '127.0.0.1:0'], 'ADDRESS:PORT'),
                             (['--status-fd', '77'], '--status-fd'),
                             (['--status-fd', 'x'], '--status-fd'),
                             (['--manage-cgroups-mode', 'some'], '--manage-cgroups-mode'),
                             (['--parent-path', '/tmp'], 'must be relative'),
                             (['--parent-path', 'none'], '--parent-path')):
            with self.subTest(flags):
                self.assert_fails(self.checkpoint(name, *flags), 1, words)
        self.assert_counts(name)


class Dump(CheckpointTest):

    def test_what_criu_is_told(self):
        self.stand_in()
        bundle = self.bundle()
        os.mkdir(self.path('volume'))
        os.symlink('tmp', bundle.rootfs / 'link')
        bundle.config['mounts'].append({'destination': '/link/data', 'type': 'bind', 'source': self.path('volume'),
                                        'options': ['bind']})
        (bundle.rootfs / 'tmp/data').mkdir()
        name = self.running(bundle)
        pid = self.state(name)['pid']
        self.assert_ok(self.checkpoint(name, '--leave-running', '--tcp-established', '--file-locks', '--ext-unix-sk',
                                       '--shell-job', '--link-remap', '--tcp-skip-in-flight', '--auto-dedup',
                                       '--work-path', self.path('work'), '--manage-cgroups-mode', 'strict',
                                       '--page-server', '[::1]:27'))
        told, = self.told()
        opts = told['opts']
        self.assertEqual(1, told['call'])
        self.assertEqual([pid], opts['2'])
        self.assertEqual([1], opts['3'])   # leave_running
        for switch in ('4', '5', '7', '8', '12', '16', '18', '46', '50'):
            self.assertEqual([1], opts[switch], switch)
        self.assertEqual(['dump.log'], opts['10'])
        self.assertEqual([str(bundle.rootfs)], opts['13'])
        self.assertEqual([5], opts['34'])
        self.assertEqual([0x40000000], opts['38'])
        self.assertIn(bundle.config['linux']['cgroupsPath'], opts['44'][0])
        self.assertEqual([2], opts['64'])  # there is no iptables-restore in that PATH
        self.assertIn('mnt[/tmp/data]:/link/data', told['external'])
        self.assertIn('mnt[/proc/keys]:/dev/null', told['external'])
        self.assertEqual(0o700, os.stat(self.path('image')).st_mode & 0o777)
        self.assertEqual(0o700, os.stat(self.path('work')).st_mode & 0o777)
        self.assert_counts(name)

    def test_standard_output_in_a_file_is_told(self):
        self.stand_in()
        name = self.running()
        self.assert_ok(self.checkpoint(name, '--leave-running'))
        keys = json.loads(pathlib.Path(self.path('image/descriptors.json')).read_text(encoding='utf-8'))
        inode = f'{os.stat(self.path(name + ".out")).st_ino:x}'
        self.assertEqual('/dev/null', keys[0])
        self.assertRegex(keys[1], rf'^file\[[0-9a-f]+:{inode}\]$')
        self.assertIn(keys[1], self.told()[0]['external'])

    def test_pipes_keep_their_names(self):
        """The init itself may have closed them."""
        self.stand_in()
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        inode = os.fstat(write).st_ino
        started = self.background([*self._oci_argv(), 'create', '--bundle',
                                   self.bundle().sh('exec >/dev/null; sleep 1000').path, name := self.container()],
                                  stdout=write, stderr=write)
        os.close(write)
        self.assertEqual(0, started.wait(timeout=60))
        self.assert_ok(self.oci('start', name))
        self.assert_ok(self.checkpoint(name, '--leave-running'))
        keys = json.loads(pathlib.Path(self.path('image/descriptors.json')).read_text(encoding='utf-8'))
        self.assertEqual(['/dev/null', f'pipe:[{inode}]', f'pipe:[{inode}]'], keys)

    def test_joined_namespaces(self):
        self.stand_in()
        other = self.running()
        pid = self.state(other)['pid']
        bundle = self.bundle().namespaces('ipc', 'uts', 'mount', network=f'/proc/{pid}/ns/net',
                                          pid=f'/proc/{pid}/ns/pid')
        name = self.running(bundle)
        self.assert_ok(self.checkpoint(name, '--leave-running'))
        numbers = [os.stat(f'/proc/{pid}/ns/{kind}').st_ino for kind in ('net', 'pid')]
        self.assertLessEqual({f'net[{numbers[0]}]:extRootNetNS', f'pid[{numbers[1]}]:extRootPidNS'},
                             set(self.told()[0]['external']))

    def test_the_container_is_gone_afterwards(self):
        """As with runc: podman and containerd count on it, and their `delete --force` finds nothing to do."""
        self.stand_in()
        bundle = self.bundle()
        bundle.config['hooks'] = {'poststop': [{'path': '/bin/sh',
                                                'args': ['sh', '-c', f'cat > {self.path("after")}']}]}
        name = self.running(bundle)
        self.assert_ok(self.checkpoint(name))
        self.assert_fails(self.oci('state', name), 1, 'does not exist')
        self.assertEqual('stopped', json.loads(pathlib.Path(self.path('after')).read_text(encoding='utf-8'))['status'])
        self.assert_ok(self.oci('delete', '--force', name))

    def test_pre_dump_and_parent(self):
        self.stand_in()
        name = self.running()
        self.assert_ok(self.checkpoint(name, '--pre-dump'))
        self.assert_counts(name)
        self.assertFalse(os.path.exists(self.path('image/descriptors.json')))
        again = self.oci('checkpoint', '--image-path', self.path('second'), '--parent-path', '../image',
                         '--leave-running', name, env=self.env)
        self.assert_ok(again)
        first, second = self.told()
        self.assertEqual((4, [1], None), (first['call'], first['opts']['15'], first['opts'].get('14')))
        self.assertEqual((1, [1], ['../image']), (second['call'], second['opts']['15'], second['opts']['14']))
        self.stand_in(mem_track=False)
        self.assert_fails(self.checkpoint(name, '--pre-dump'), 1, 'track changes of memory')

    def test_status_fd(self):
        self.stand_in(notify=['status-ready'])
        name = self.running()
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        result = self.checkpoint(name, '--leave-running', '--status-fd', str(write), pass_fds=[write])
        os.close(write)
        self.assert_ok(result)
        self.assertEqual(b'\0', os.read(read, 10))

    def test_configuration_of_criu(self):
        self.stand_in()
        for value, told in (('/etc/criu/mine.conf', ['/etc/criu/mine.conf']), ('', None)):
            bundle = self.bundle()
            bundle.config['annotations'] = {'org.criu.config': value}
            name = self.running(bundle)
            self.assert_ok(self.checkpoint(name, '--leave-running'))
            self.assertEqual(told, self.told()[-1]['opts'].get('51'))

    def test_idmapped_mounts_are_refused(self):
        self.stand_in()
        bundle = self.bundle()
        os.mkdir(self.path('volume'))
        bundle.config['mounts'].append({
            'destination': '/data', 'type': 'bind', 'source': self.path('volume'), 'options': ['bind', 'idmap'],
            'uidMappings': [{'containerID': 0, 'hostID': 1000, 'size': 1}],
            'gidMappings': [{'containerID': 0, 'hostID': 1000, 'size': 1}]})
        (bundle.rootfs / 'data').mkdir()
        name = self.running(bundle)
        self.assert_fails(self.checkpoint(name), 1, '/data', 'idmap')
        self.assert_counts(name)


class Failures(CheckpointTest):
    """The container goes on, whatever criu does."""

    def test_the_log_is_quoted(self):
        lines = [f'(00.0{i}) Error (criu/x.c:{i}): reason {i}\x1b' for i in range(1, 7)]
        self.stand_in(fail=True, errno=17, log_text='(00.01) all well\n' + '\n'.join(lines) + '\n(00.9) unlock\n')
        name = self.running()
        result = self.assert_fails(self.checkpoint(name), 1, 'criu failed to dump: File exists', 'reason 3', 'reason 6',
                                   self.path('image/dump.log'))
        self.assertNotIn('reason 2', result.err)
        self.assertNotIn('\x1b', result.err)
        self.assert_counts(name)

    def test_one_error_in_the_log_file(self):
        """containerd takes the last object, podman the file as one."""
        self.stand_in(fail=True, log_text='Error (criu/x.c:1): "no"\n')
        name = self.running()
        result = run([*self._oci_argv(), '--log', self.path('log'), '--log-format', 'json', 'checkpoint',
                      '--image-path',
                      self.path('image'), name], env=self.env)
        self.assertEqual(1, result.code)
        said = json.loads(pathlib.Path(self.path('log')).read_text(encoding='utf-8'))
        self.assertEqual('error', said['level'])
        self.assertIn('criu/x.c', said['msg'])

    def test_criu_that_dies(self):
        self.stand_in(die=3)
        name = self.running()
        self.assert_fails(self.checkpoint(name), 1, 'criu ended without an answer (exit status 3)')
        self.assert_counts(name)

    def test_criu_that_dies_with_the_container_frozen(self):
        name = self.running()
        cgroups = self.frozen_path(name)
        self.stand_in(die=3, freeze=cgroups)
        self.assert_fails(self.checkpoint(name), 1, 'criu ended without an answer')
        self.assert_counts(name)

    def test_a_paused_one_stays_paused(self):
        self.stand_in(die=3)
        name = self.running()
        self.assert_ok(self.oci('pause', name))
        self.assert_fails(self.checkpoint(name), 1, 'criu ended without an answer')
        self.assertEqual('paused', self.state(name)['status'])
        self.assert_ok(self.oci('resume', name))
        self.assert_counts(name)

    def frozen_path(self, name):
        pid = self.state(name)['pid']
        with open(f'/proc/{pid}/cgroup', encoding='ascii') as f:
            for line in f.read().split():
                _, controllers, path = line.split(':', 2)
                if controllers in ('freezer', '') and self.token in path:
                    return (FREEZERS[0] if controllers else FREEZERS[1]) + path
        return self.skipTest('no freezer on this machine')

    def test_the_real_one(self):
        """Its refusal on this kernel, if it is one, is quoted; and it leaves the container as it was."""
        if not shutil.which('criu'):
            self.skipTest('criu is not installed')
        name = self.running()
        result = self.checkpoint(name, '--leave-running', env=None)
        if result.code != 0:
            self.assert_fails(result, 1, 'Error (criu/', self.path('image/dump.log'))
        self.assert_counts(name)
        self.assert_ok(self.oci('pause', name))
        self.checkpoint(name, '--leave-running', env=None)
        self.assertEqual('paused', self.state(name)['status'])
