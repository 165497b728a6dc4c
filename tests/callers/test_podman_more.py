# SPDX-License-Identifier: Apache-2.0
"""podman with crun-lite as its OCI runtime, beyond the everyday: attaching, signals to podman itself, builds, what
systemd images get, namespaces of the host, every kind of volume."""
import os
import shutil
import signal
import subprocess
import textwrap
import time
from pathlib import Path

from podman_support import IMAGE, PodmanTest
from test_podman import TRAPS

from support.harness import wait_until

DEADLINE = 900


class Ends(PodmanTest):

    def test_attach_and_detach(self):
        name = self.ok('run', '-dit', '--cgroup-parent', self.parent, IMAGE, 'sh').splitlines()[-1]
        terminal, attached = self.terminal('attach', name)
        terminal.send('echo seen-$((1 + 1))\n')
        terminal.expect('seen-2', timeout=30)
        for key in '\x10\x11':  # Ctrl-P Ctrl-Q; podman reads them one by one
            terminal.send(key)
            time.sleep(0.3)
        self.assertEqual(0, attached.wait(timeout=30))
        self.assertEqual('running', self.state(name)['Status'])
        terminal, attached = self.terminal('attach', name)
        terminal.send('exit 8\n')
        attached.wait(timeout=30)
        self.assertEqual('8', self.ok('wait', name))

    def test_signals_to_podman_reach_the_container(self):
        log = self.path('log')
        with open(log, 'wb') as out:
            started = self.start_podman('run', '--rm', '--cgroup-parent', self.parent, IMAGE, 'sh', '-c', TRAPS,
                                        stdout=out, stderr=out)
        said = Path(log)
        wait_until(lambda: 'ready' in said.read_text(encoding='utf-8'), 'it runs', timeout=30)
        started.send_signal(signal.SIGHUP)
        wait_until(lambda: 'got HUP' in said.read_text(encoding='utf-8'), 'the signal arrives', timeout=30)
        started.send_signal(signal.SIGTERM)
        self.assertEqual(4, started.wait(timeout=30))

    def test_stop_signal_of_its_own(self):
        name = self.start('sh', '-c', TRAPS, flags=['--stop-signal', 'USR1', '--stop-timeout', '1'])
        self.wait_logs(name, 'ready')
        self.ok('stop', name)
        self.assertIn('got USR1', self.ok('logs', name))
        self.assertEqual(137, self.state(name)['ExitCode'])

    def test_build_commit_copy(self):
        self.write('context/Dockerfile', textwrap.dedent(f'''\
            FROM {IMAGE}
            RUN echo built as $(id -u) > /built
            USER alice
            RUN id -un > /tmp/who
            '''))
        self.ok('build', '--isolation', 'oci', '--network', 'none', '-t', 'made', self.path('context'))
        name = self.ok('run', '-d', '--cgroup-parent', self.parent, 'localhost/made', 'sh', '-c',
                       'cat /built /tmp/who; echo more > /tmp/more; exec sleep 1000').splitlines()[-1]
        self.wait_logs(name, 'built as 0\nalice')
        self.ok('cp', self.write('given', 'copied in\n'), f'{name}:/tmp/given')
        self.ok('cp', f'{name}:/tmp/more', self.path('taken'))
        self.assertEqual('more\n', Path(self.path('taken')).read_text(encoding='ascii'))
        self.assertIn('A /tmp/given', self.ok('diff', name))
        self.ok('commit', '-q', name, 'again')
        self.assertEqual('copied in\n', self.ok('run', '--rm', '--cgroup-parent', self.parent, 'localhost/again', 'cat',
                                                '/tmp/given') + '\n')


class Shapes(PodmanTest):

    def test_namespaces_of_the_host(self):
        for flag, name in (('--pid', 'pid'), ('--ipc', 'ipc'), ('--uts', 'uts')):
            own = os.readlink(f'/proc/{self.host.pid}/ns/{name}')
            self.assertEqual(own, self.look(f'readlink /proc/self/ns/{name}', flag, 'host').strip())
            self.assertNotEqual(own, self.look(f'readlink /proc/self/ns/{name}').strip())

    def test_cgroup_namespace(self):
        paths = {line.split(':')[2] for line in self.look('cat /proc/self/cgroup', '--cgroupns',
                                                          'private').splitlines()}
        self.assertIn('/', paths)
        self.assertFalse([p for p in paths if 'libpod' in p], paths)
        self.assertIn('libpod', self.look('cat /proc/self/cgroup', '--cgroupns', 'host'))

    def test_what_systemd_images_get(self):
        seen = self.look('for d in /run /run/lock /tmp /var/log/journal; do stat -f -c "%n %T" $d; done; '
                         'grep -c " /sys/fs/cgroup/systemd " /proc/self/mountinfo; echo $container', '--systemd',
                         'always')
        lines = seen.splitlines()
        self.assertEqual(['/run tmpfs', '/run/lock tmpfs', '/tmp tmpfs', '/var/log/journal tmpfs'], lines[:4])
        self.assertTrue(lines[-1] in ('oci', 'podman'), lines)

    def test_options_of_volumes(self):
        self.write('v/file', 'below\n')
        os.chown(self.path('v/file'), 5, 5)
        shared = self.path('v')
        flags = 'set -- $(grep " /v " /proc/self/mountinfo); echo $6'
        self.assertRegex(self.look(flags, '-v', f'{shared}:/v:ro,nosuid,nodev,noexec'),
                         r'^ro,nosuid,nodev,noexec(,\w+)*\n$')
        self.assertRegex(self.look(flags, '-v', f'{shared}:/v:exec,dev,suid'), r'^rw(,relatime)?\n$')
        self.share(shared)
        self.assertIn('shared:', self.look('grep " /v " /proc/self/mountinfo', '-v', f'{shared}:/v:rshared'))
        self.assertEqual('above\n', self.look('echo above > /v/file; cat /v/file', '-v', f'{shared}:/v:O'))
        self.assertEqual('below\n', Path(shared, 'file').read_text(encoding='ascii'))
        self.assertEqual('1000\n', self.look('stat -c %u /v/file', '-v', f'{shared}:/v:U', '--user', '1000'))
        self.assertEqual('below\n',
                         self.look('cat /bb/v', '--mount', f'type=bind,source={shared}/file,target=/bb/v,ro'))
        self.assertIn('busybox', self.look('ls /img/bin', '--mount', f'type=image,source={IMAGE},destination=/img'))

    def share(self, path):
        """Makes a directory a shared mount of the machine, as rshared wants it; gone with the machine."""
        self.on_host('mount', '--bind', path, path)
        self.on_host('mount', '--make-shared', path)
        self.addCleanup(self.host.run, ['umount', '-R', path])

    def test_root_file_system_that_is_a_directory(self):
        root = self.image().unpacked(self.path('rootfs'))
        result = self.podman('run', '--rm', '--cgroup-parent', self.parent, '--rootfs', root, 'sh', '-c',
                             'echo in; touch /mark')
        self.assertEqual((0, 'in\n'), (result.code, result.out), result)
        self.assertTrue(os.path.exists(self.path('rootfs/mark')))

    def test_processors_and_devices(self):
        name = self.start('sleep', '1000', flags=['--cpuset-cpus', '0', '--device-cgroup-rule', 'c 10:237 rw',
                                                  '--memory-reservation', '16m', '--memory-swappiness', '10'])
        self.assertEqual('0', self.cgroup_file(name, 'cpuset/cpuset.cpus', 'cpuset.cpus'))
        self.assertEqual(str(16 << 20), self.cgroup_file(name, 'memory/memory.soft_limit_in_bytes', 'memory.low'))

    def test_no_hang_with_many(self):
        names = [self.start_podman('run', '--rm', '--cgroup-parent', self.parent, IMAGE, 'sh', '-c', f'exit {n}')
                 for n in range(6)]
        self.assertEqual(list(range(6)), [n.wait(timeout=60) for n in names])


class Checkpoints(PodmanTest):

    def test_where_criu_knows_the_kernel_and_where_not(self):
        """podman asks `checkpoint --help` first. Where criu refuses this kernel its reason comes back, and the
        container goes on; elsewhere it is stopped, and then counts on."""
        if not shutil.which('criu'):
            self.skipTest('criu is not installed')
        name = self.start('sh', '-c', 'i=0; while :; do echo n$i; i=$((i+1)); sleep 0.1; done')
        self.wait_logs(name, 'n3')
        stopped = self.podman('container', 'checkpoint', name)
        if subprocess.run(['criu', 'check'], capture_output=True, check=False).returncode != 0:
            self.assertNotEqual(0, stopped.code)
            self.assertIn('Error (criu/', stopped.err)
            self.assertEqual('running', self.state(name)['Status'])
            before = self.ok('logs', name)
            wait_until(lambda: len(self.ok('logs', name)) > len(before), 'it goes on', timeout=20)
            return
        self.assert_ok(stopped)
        before = len(self.ok('logs', name).split())
        self.ok('container', 'restore', name)
        wait_until(lambda: len(self.ok('logs', name).split()) > before + 2, 'it goes on', timeout=20)
        counted = self.ok('logs', name).split()
        self.assertEqual([f'n{i}' for i in range(len(counted))], counted)
