# SPDX-License-Identifier: Apache-2.0
"""Faults: many callers at once, a runtime that is killed at any of its system calls, calls that fail, damaged records,
reused pids, and containers that want to write the runtime's own binary."""
import collections
import collections
import hashlib
import json
import os
import signal
import subprocess
import time

from support.harness import DEADLINE, RuntimeTest, probe, process, wait_until


class FaultTest(RuntimeTest):

    def start_many(self, count, *words):
        """The same command `count` times at once; the exit codes."""
        argv = [str(w) for w in [*self._oci_argv(), *words]]
        started = [self.background(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(count)]
        return [s.wait(timeout=DEADLINE) for s in started]

    def records(self):
        return [n for n in os.listdir(self.root) if not n.startswith('.')]


class Concurrency(FaultTest):

    def test_twelve_creates_of_one_id(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc 1.1 has rounds without a winner')
        for _ in range(3):
            bundle, name = self.bundle(['/bin/sleep', '1000']), self.container()
            codes = self.start_many(12, 'create', '--bundle', bundle.path, name)
            self.assertEqual(1, codes.count(0), codes)
            self.assert_ok(self.oci('start', name))
            self.assertEqual('running', self.state(name)['status'])
            self.assert_ok(self.oci('delete', '--force', name))
            process.reap_orphans()

    def test_eight_starts(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc 1.1 hangs')
        name, created = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(created)
        codes = self.start_many(8, 'start', name)
        self.assertEqual(1, codes.count(0), codes)
        self.assertEqual('running', self.state(name)['status'])

    def test_eight_deletes_by_force(self):
        if self.runtime_name == 'crun':
            self.skipTest('some fail')
        name, created = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        self.assertEqual([0] * 8, self.start_many(8, 'delete', '--force', name))
        self.assertEqual([], self.records())

    def test_delete_by_force_while_it_is_being_created(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('asks for what crun-lite promises')
        bundle = self.bundle(['/bin/sleep', '1000'])
        # The hook ends when the test says so: no machine is too slow for it.
        bundle.config['hooks'] = {'createRuntime': [{'path': '/bin/sh', 'args': [
            'sh', '-c', f'cat > {self.path("said")}; mv {self.path("said")} {self.path("hook")}; '
                        f'while [ ! -e {self.path("go")} ]; do sleep 0.02; done']}]}
        bundle.write()
        name = self.container()
        creating = self.background([*self._oci_argv(), 'create', '--bundle', bundle.path, name],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(self.path('hook')), 'the hook')
        with open(self.path('hook'), encoding='utf-8') as f:
            init = json.load(f)['pid']
        self.assertTrue(process.alive(init))
        self.assertEqual('creating', self.state(name)['status'])
        self.assert_fails(self.oci('delete', name), 1, f'cannot delete container {name} that is not stopped: creating')
        self.assert_fails(self.oci('start', name), 1)
        deleting = self.background([*self._oci_argv(), 'delete', '--force', name])
        wait_until(lambda: not process.alive(init), 'the end of the init')
        self.write('go', '')
        self.assertEqual(0, deleting.wait(timeout=10))
        self.assertEqual(1, creating.wait(timeout=10))
        self.assertEqual([], self.records())


SWAPPER = """
import ctypes, sys
libc = ctypes.CDLL(None)
a, b = (name.encode() for name in sys.argv[1:])
while True:  # RENAME_EXCHANGE
    libc.renameat2(-100, a, -100, b, 2)
"""


class Race(FaultTest):
    """CVE-2021-30465: another container that shares a volume swaps a directory on the way to a mount point for a link
    to the host while we mount. Refused or inside, never there."""
    ROUNDS = int(os.environ.get('CRUN_LITE_RACE', '150'))

    def setUp(self):
        super().setUp()
        self.victim = self.path('victim')
        os.makedirs(self.path('volume/dir'))
        os.makedirs(self.path('other'))
        self.write('victim/sentinel', 'untouched')
        os.symlink(self.victim, self.path('volume/link'))

    def bundle_with_mounts(self):
        # `touch`, because a mount that went astray is not in the container's view of its mounts.
        bundle = self.bundle().sh('ls /vol/dir /vol/link /vol/dir/* 2>/dev/null; touch /vol/dir/sub/in 2>/dev/null; '
                                  'cut -d " " -f 4,5 /proc/self/mountinfo; true')
        bundle.config['root']['readonly'] = False
        bundle.config['mounts'] += [
            {'destination': '/vol', 'type': 'bind', 'source': self.path('volume'), 'options': ['rbind', 'rw']},
            {'destination': '/vol/dir/sub', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['size=64k']},
            {'destination': '/vol/dir/bound', 'type': 'bind', 'source': self.path('other'), 'options': ['bind']},
            {'destination': '/vol/dir/file', 'type': 'bind', 'source': '/etc/hostname', 'options': ['bind', 'ro']}]
        bundle.config['linux']['devices'] = [
            {'path': '/vol/dir/null', 'type': 'c', 'major': 1, 'minor': 3, 'fileMode': 0o666, 'uid': 0, 'gid': 0}]
        bundle.config['linux']['maskedPaths'] += ['/vol/dir/mask']
        return bundle.write()

    def test_swapped_mount_points(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc 1.1 loses the race (CVE-2025-31133)')
        before = probe.mounts(self.token)
        swapper = self.background(['/usr/bin/python3', '-c', SWAPPER, self.path('volume/dir'),
                                   self.path('volume/link')])
        bundle, codes = self.bundle_with_mounts(), collections.Counter()
        for _ in range(self.ROUNDS):
            name = self.container()
            result = self.oci('run', '--bundle', bundle.path, name)
            codes[result.code] += 1
            self.assertIn(result.code, (0, 1), result)
            self.assertNotIn('sentinel', result.out)
            self.assertEqual(['sentinel'], os.listdir(self.victim), result)
        self.assertIsNone(swapper.poll())
        self.assertEqual(before, probe.mounts(self.token))
        self.assertEqual([], os.listdir(self.path('other')))
        self.assertGreater(codes[0], 0, codes)


class Signals(FaultTest):
    """T43: what does not end a process does not change what it does either."""
    own_only = True

    def storm(self, started, signals):
        """Sends them in turn until the process has ended; how many that were."""
        sent, end = 0, time.monotonic() + DEADLINE
        while started.poll() is None:
            self.assertLess(time.monotonic(), end, f'hangs after {sent} signals')
            started.send_signal(signals[sent % len(signals)])
            sent += 1
            time.sleep(0.0005)
        return sent

    def test_foreground(self):
        storms = ([signal.SIGSTOP, signal.SIGCONT], [signal.SIGWINCH, signal.SIGCHLD, signal.SIGURG],
                  [signal.SIGCONT, signal.SIGCHLD])
        bundle = self.bundle().sh('echo begun; sleep 0.1; (sleep 0 & sleep 0 &); echo ended; exit 7')
        for signals in storms:
            sent = 0
            for _ in range(10):
                started = self.background([*self._oci_argv(), 'run', '--bundle', bundle.path, self.container()],
                                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=process.NO_LEAK_CHECK)
                sent += self.storm(started, signals)
                self.assertEqual((7, b'begun\nended\n'), (started.returncode, started.stdout.read()))
            self.assertGreater(sent, 100)

    def test_create_and_delete(self):
        bundle = self.bundle(['/bin/sleep', '1000'])
        for _ in range(10):
            name = self.container()
            for words in (['create', '--bundle', bundle.path, name], ['start', name], ['delete', '--force', name]):
                started = self.background([*self._oci_argv(), *words], stdout=subprocess.DEVNULL,
                                          env=process.NO_LEAK_CHECK,
                                          stderr=subprocess.PIPE if words[0] == 'delete' else subprocess.DEVNULL)
                self.storm(started, [signal.SIGSTOP, signal.SIGCONT, signal.SIGWINCH, signal.SIGCHLD])
                self.assertEqual(0, started.returncode, words)
            process.reap_orphans()
            self.assertEqual([], self.records())


    def test_a_terminals_signals_do_not_end_brief_commands(self):
        """Ctrl-C under buildah reaches its `state` and `delete` too."""
        bundle, name = self.bundle(['/bin/sleep', '1000']), self.container()
        wait = ['sh', '-c', f'echo x > {self.path("hook")}; while [ ! -e {self.path("go")} ]; do sleep 0.02; done']
        hook = {'path': '/bin/sh', 'args': wait}
        bundle.config['hooks'] = {'createRuntime': [hook], 'poststop': [hook]}
        bundle.write()
        for words in (['create', '--bundle', bundle.path, name], ['delete', '--force', name]):
            started = self.background([*self._oci_argv(), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_until(lambda: os.path.exists(self.path('hook')), 'the hook')
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
                started.send_signal(number)
            self.write('go', '')
            self.assertEqual(0, started.wait(timeout=DEADLINE), words)
            os.unlink(self.path('hook'))
            os.unlink(self.path('go'))
        self.assertEqual([], self.records())


class Damage(FaultTest):
    own_only = True

    def damaged(self, content):
        name, created = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        pid = self.state(name)['pid']
        record = os.path.join(self.root, name, 'state.json')
        with open(record, 'rb') as f:
            whole = f.read()
        with open(record, 'wb') as f:
            f.write(content(whole))
        return name, pid

    def test_delete_by_force_finds_everything(self):
        cases = {'empty': lambda w: b'', 'truncated': lambda w: w[:len(w) // 2], 'rubbish': lambda w: b'\0\xff' * 50,
                 'other version': lambda w: b'{"version": 999}', 'array': lambda w: b'[]'}
        for what, content in cases.items():
            with self.subTest(what):
                name, pid = self.damaged(content)
                self.assert_fails(self.oci('state', name), 1, 'state.json', 'delete --force')
                self.assert_fails(self.oci('delete', name), 1)
                self.assert_ok(self.oci('list'))
                self.assert_ok(self.oci('delete', '--force', name))
                process.reap_orphans()
                self.assertFalse(process.alive(pid))
                self.assertEqual([], probe.cgroups(self.token))
                self.assertEqual([], self.records())

    def test_without_cgroups_too(self):
        # Nothing but the state directory leads to the container then: success with a survivor would be a lie.
        prefix = [*self._oci_argv(), '--cgroup-manager', 'disabled']
        for content in (b'', b'{"version": 1, "phase": "crea'):
            bundle, name = self.bundle(['/bin/sleep', '1000']), self.container()
            del bundle.config['linux']['resources']
            bundle.config['mounts'] = [m for m in bundle.config['mounts'] if m['type'] != 'cgroup']
            bundle.write()
            started = self.background([*prefix, 'run', '--detach', '--bundle', bundle.path, '--pid-file',
                                       self.path('pid'), name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.assertEqual(0, started.wait(timeout=DEADLINE))
            with open(self.path('pid'), encoding='ascii') as f:
                pid = int(f.read())
            self.assertTrue(process.alive(pid))
            with open(os.path.join(self.root, name, 'state.json'), 'wb') as f:
                f.write(content)
            self.assert_ok(self.oci('delete', '--force', name))
            process.reap_orphans()
            self.assertFalse(process.alive(pid))
            self.assertEqual([], self.records())

    def test_remains_of_a_reservation(self):
        name = self.container()
        os.mkdir(os.path.join(self.root, name), 0o700)
        self.assert_ok(self.oci('list'))
        self.assert_ok(self.oci('delete', '--force', name))
        self.assertEqual([], self.records())

    def test_a_reused_pid_is_left_alone(self):
        stranger = self.background(['/bin/sleep', '1000'])
        name, created = self.create(self.bundle(['/bin/true']))
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        self.wait_status(name, 'stopped')
        record = os.path.join(self.root, name, 'state.json')
        with open(record, encoding='utf-8') as f:
            state = json.load(f)
        state['init']['pid'] = stranger.pid
        with open(record, 'w', encoding='utf-8') as f:
            json.dump(state, f)
        self.assertEqual('stopped', self.state(name)['status'])
        self.assert_fails(self.oci('kill', name, 'KILL'), 1, 'container not running')
        self.assert_ok(self.oci('delete', name))
        self.assertIsNone(stranger.poll())

    def test_init_that_died_before_start(self):
        name, created = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(created)
        os.kill(self.state(name)['pid'], 9)
        self.wait_status(name, 'stopped')
        self.assert_fails(self.oci('start', name), 1, 'cannot start a container that has stopped')
        self.assert_ok(self.oci('delete', name))

    def test_stopped_init_can_be_deleted(self):
        name, created = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        os.kill(self.state(name)['pid'], 19)
        self.assert_ok(self.oci('delete', '--force', name))


class OwnBinary(FaultTest):
    """CVE-2019-5736: a container makes the runtime execute itself and then writes to /proc/PID/exe."""
    own_only = True

    def fingerprint(self):
        st = os.stat(self.runtime)
        with open(self.runtime, 'rb') as f:
            return st.st_ino, st.st_mtime_ns, st.st_size, hashlib.sha256(f.read()).hexdigest()

    def setUp(self):
        super().setUp()
        before = self.fingerprint()
        self.addCleanup(lambda: self.assertEqual(before, self.fingerprint()))

    def test_entrypoint_is_ourselves(self):
        result = self.run_bundle(self.bundle(['/proc/self/exe']))
        self.assertNotEqual(0, result.code, result)

    def test_script_of_ourselves(self):
        bundle = self.bundle(['/bin/attack'])
        (bundle.rootfs / 'bin/attack').write_text('#!/proc/self/exe\n')
        os.chmod(bundle.rootfs / 'bin/attack', 0o755)
        self.assertNotEqual(0, self.run_bundle(bundle).code)

    def test_writer_inside(self):
        bundle = self.bundle().sh(
            # `true`, because a failed redirection of `:` ends the shell.
            'for i in $(seq 100); do for p in /proc/[0-9]*; do '
            '[ $p != /proc/$$ ] && { true >> $p/exe; } 2>/dev/null && echo WROTE $p; done; done; echo done')
        bundle.config['process']['capabilities'] = {
            k: ['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH']
            for k in ('bounding', 'effective', 'permitted')}
        bundle.namespaces('network', 'ipc', 'uts', 'mount')  # sees the host's processes, and so the runtime
        bundle.write()
        started = self.background([*self._oci_argv(), 'run', '--bundle', bundle.path, self.container()],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        other = self.bundle(['/bin/true'])
        while started.poll() is None:
            self.assert_ok(self.run_bundle(other))
        out = started.stdout.read().decode()
        self.assertEqual('done\n', out)
