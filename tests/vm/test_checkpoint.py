# SPDX-License-Identifier: Apache-2.0
"""checkpoint and restore with the real criu: what was stopped goes on where it was. Meant for tests/vm/run, whose
kernel criu knows; elsewhere skipped unless criu says that it can. With --runtime runc it tests these tests."""
import functools
import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.harness import ConsoleSocket, RuntimeTest, process, run, wait_until  # noqa: E402  (after the path)

COUNT = 'i=0; while :; do echo $i; i=$((i+1)); sleep 0.1; done'
PATIENCE = 60  # emulated, a restore takes seconds


@functools.cache
def why_not():
    """What criu says against this machine."""
    if not shutil.which('criu'):
        return 'criu is not installed'
    checked = subprocess.run(['criu', 'check'], capture_output=True, text=True, check=False)
    return '' if 'Looks good' in checked.stdout + checked.stderr else f'criu: {checked.stderr.strip()[-200:]}'


class RestoreTest(RuntimeTest):

    def setUp(self):
        if why_not():
            self.skipTest(why_not())
        super().setUp()
        if self.runtime_name == 'crun':
            self.skipTest('crun of Debian is built without criu')
        if self.runtime_name == 'runc' and not shutil.which('iptables-restore'):
            self.skipTest('runc lets criu stop the network by iptables only, which is not on this machine')

    def bundle(self, args=('/bin/true',), hint='b'):
        made = super().bundle(args, hint)
        made.config['linux']['resources'] = {'devices': [{'allow': False, 'access': 'rwm'}],
                                             'memory': {'limit': 64 << 20}, 'pids': {'limit': 50}}
        return made.write()

    def start(self, bundle, out):
        """A running container whose standard output is this descriptor."""
        name = self.container()
        created = self.background([*self._oci_argv(), 'create', '--bundle', bundle.path, name], stdout=out,
                                  stderr=subprocess.DEVNULL)
        self.assertEqual(0, created.wait(timeout=PATIENCE))
        self.assert_ok(self.oci('start', name))
        return name

    def checkpoint(self, name, *options, image='image'):
        return self.assert_ok(self.oci('checkpoint', '--image-path', self.path(image), *options, name,
                                       timeout=PATIENCE))

    def restore(self, bundle, out, *options, image='image', code=0):
        """Under a new name; gives that."""
        name = self.container('r')
        with open(self.path('restore.err'), 'w+b') as err:
            started = self.background([*self._oci_argv(), 'restore', '--detach', '--image-path', self.path(image),
                                       '--bundle', bundle.path, *options, name], stdout=out, stderr=err)
            ended = started.wait(timeout=PATIENCE)
        self.complaint = pathlib.Path(self.path('restore.err')).read_text(encoding='utf-8', errors='replace')
        self.assertEqual(code, ended, self.complaint)
        return name

    def pipe(self):
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        return read, write

    def numbers(self, read, least):
        """Whole lines from a pipe, until there are so many."""
        text = b''

        def enough():
            nonlocal text
            if select.select([read], [], [], 0.1)[0]:
                text += os.read(read, 65536)
            return text.count(b'\n') >= least
        wait_until(enough, f'{least} numbers', timeout=PATIENCE)
        return [int(n) for n in text.decode().split('\n')[:-1]]

    def status(self, name):
        """What proc(5) says of its confinement."""
        pid = self.state(name)['pid']
        text = pathlib.Path(f'/proc/{pid}/status').read_text(encoding='ascii')
        return re.findall(r'^(?:Cap\w+|NoNewPrivs|Seccomp|Uid|Gid|Groups):.*$', text, re.MULTILINE)

    def cgroup(self, name):
        line = pathlib.Path(f'/proc/{self.state(name)["pid"]}/cgroup').read_text(encoding='ascii').strip()
        return pathlib.Path('/sys/fs/cgroup') / line.removeprefix('0::/')


class Counting(RestoreTest):

    def test_a_pipe(self):
        """All that a container is: its numbers go on, with the same limits and the same confinement."""
        bundle = self.bundle()
        bundle.config['process']['user'] = {'uid': 1000, 'gid': 1000, 'additionalGids': [44]}
        if self.runtime_name == 'crun-lite':  # Debian's runc does not find its own filter again
            bundle.config['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [
                {'names': ['swapon'], 'action': 'SCMP_ACT_ERRNO'}]}
        read, write = self.pipe()
        name = self.start(bundle.sh(COUNT), write)
        os.close(write)
        first = self.numbers(read, 3)
        confinement = self.status(name)
        self.checkpoint(name)
        process.reap_orphans()
        self.assertEqual(1, self.oci('state', name).code)
        rest = os.read(read, 65536).decode().split('\n')[:-1]
        last = int(rest[-1]) if rest else first[-1]
        self.assertEqual(b'', os.read(read, 1))  # nobody has its other end any more

        read, write = self.pipe()
        restored = self.restore(bundle, write, '--pid-file', self.path('pid'))
        os.close(write)
        self.assertEqual(list(range(last + 1, last + 4)), self.numbers(read, 3)[:3])
        state = self.state(restored)
        self.assertEqual('running', state['status'])
        self.assertEqual(str(state['pid']), pathlib.Path(self.path('pid')).read_text(encoding='ascii'))
        self.assertEqual(confinement, self.status(restored))
        cgroup = self.cgroup(restored)
        self.assertEqual(bundle.config['linux']['cgroupsPath'], '/' + cgroup.name)
        self.assertEqual(str(64 << 20), (cgroup / 'memory.max').read_text().strip())
        self.assertEqual('50', (cgroup / 'pids.max').read_text().strip())
        self.assertEqual('hello\n', self.assert_ok(self.oci('exec', restored, '/bin/echo', 'hello')).out)
        self.assert_ok(self.oci('kill', restored, 'KILL'))
        self.wait_status(restored, 'stopped')
        self.assert_ok(self.oci('delete', restored))

    def test_a_file_and_a_volume(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('runc gives back pipes only')
        os.mkdir(self.path('volume'))
        bundle = self.bundle()
        bundle.config['mounts'].append({'destination': '/made/data', 'type': 'bind', 'source': self.path('volume'),
                                        'options': ['bind']})
        with open(self.path('out'), 'wb') as out:
            name = self.start(bundle.sh('cd /made/data; i=0; while :; do echo $i; echo $i >now; i=$((i+1)); '
                                        'sleep 0.1; done'), out)
        out = pathlib.Path(self.path('out'))
        wait_until(lambda: out.read_text().count('\n') > 3, 'it counts', timeout=PATIENCE)
        self.checkpoint(name)
        before = out.read_text()
        with open(out, 'r+b') as again:
            restored = self.restore(bundle, again)
        wait_until(lambda: out.read_text().count('\n') > before.count('\n') + 2, 'it goes on', timeout=PATIENCE)
        text = out.read_text()
        self.assertTrue(text.startswith(before))
        numbers = [int(n) for n in text.split('\n')[:-1]]
        self.assertEqual(list(range(len(numbers))), numbers)
        now = pathlib.Path(self.path('volume/now'))
        wait_until(lambda: int(now.read_text() or 0) >= len(numbers), 'the volume is the same', timeout=PATIENCE)
        self.delete_by_force(restored)

    def test_a_terminal(self):
        bundle = self.bundle()
        bundle.config['process']['terminal'] = True
        bundle.sh('while read -r line; do echo "got $line $((n=n+1))"; done')
        console = ConsoleSocket(self.path('console.sock'))
        self.addCleanup(console.close)
        name, created = self.create(bundle, '--console-socket', self.path('console.sock'))
        self.assert_ok(created)
        terminal, _ = console.receive()
        self.assert_ok(self.oci('start', name))
        terminal.send('one\n')
        terminal.expect('got one 1')
        self.checkpoint(name)
        terminal.close()

        again = ConsoleSocket(self.path('again.sock'))
        self.addCleanup(again.close)
        restored = self.restore(bundle, subprocess.DEVNULL, '--console-socket', self.path('again.sock'))
        terminal, _ = again.receive()
        self.addCleanup(terminal.close)
        terminal.send('two\n')
        terminal.expect('got two 2')
        self.delete_by_force(restored)


class Between(RestoreTest):

    def test_leave_running_then_pre_dumps_and_a_restore(self):
        bundle = self.bundle()
        read, write = self.pipe()
        name = self.start(bundle.sh(COUNT), write)
        os.close(write)
        self.checkpoint(name, '--leave-running')
        self.assertEqual('running', self.state(name)['status'])
        self.numbers(read, 3)
        self.checkpoint(name, '--pre-dump', image='first')
        self.assertEqual('running', self.state(name)['status'])
        self.numbers(read, 3)
        self.checkpoint(name, '--parent-path', '../first', image='second')
        self.assertEqual(1, self.oci('state', name).code)
        self.assertTrue(os.path.islink(self.path('second/parent')))
        before = [int(n) for n in self.everything(read)]

        read, write = self.pipe()
        restored = self.restore(bundle, write, image='second')
        os.close(write)
        self.assertGreater(self.numbers(read, 2)[0], before[-1] if before else 0)
        self.delete_by_force(restored)

    @staticmethod
    def everything(read):
        text = b''
        while chunk := os.read(read, 65536):
            text += chunk
        return text.decode().split('\n')[:-1]

    def test_a_paused_one_stays_paused(self):
        bundle = self.bundle()
        name = self.start(bundle.sh(COUNT), subprocess.DEVNULL)
        self.assert_ok(self.oci('pause', name))
        self.checkpoint(name, '--leave-running')
        self.assertEqual('paused', self.state(name)['status'])
        self.assert_ok(self.oci('resume', name))
        self.assertEqual('running', self.state(name)['status'])


class Refused(RestoreTest):

    def test_another_bundle(self):
        """Its program is not the one that was running: nothing of the attempt stays, and the right one still works."""
        bundle, other = self.bundle(), self.bundle()
        name = self.start(bundle.sh(COUNT), subprocess.DEVNULL)
        self.checkpoint(name)
        with open(other.rootfs / 'bin/busybox', 'ab') as f:
            f.write(b'another one')
        before = run(['cat', '/proc/self/mountinfo']).out
        failed = self.restore(other, subprocess.DEVNULL, code=1)
        if self.runtime_name == 'crun-lite':
            self.assertIn('criu failed to restore', self.complaint)
            self.assertIn('bin/busybox', self.complaint)
            self.assertIn(self.path('image/restore.log'), self.complaint)
        self.assertEqual(1, self.oci('state', failed).code)
        self.assertFalse(os.path.exists('/sys/fs/cgroup' + other.config['linux']['cgroupsPath']))
        self.assertEqual(before, run(['cat', '/proc/self/mountinfo']).out)
        self.assertEqual('running', self.state(self.restore(bundle, subprocess.DEVNULL))['status'])


if __name__ == '__main__':
    unittest.main()
