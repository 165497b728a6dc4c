# SPDX-License-Identifier: Apache-2.0
"""The life of a container in the words of each caller, with what it reads of the answers. The words are those that a
logging stand-in under the real programs has seen."""
import json
import os
import signal
import subprocess

from replay_support import (PR_SET_PDEATHSIG, ReplayTest, exit_code_of_docker, joined, paths, separate,
                                wait_until)
from support.harness import ConsoleSocket, process


class Buildah(ReplayTest):
    """bud --isolation oci: the working directory is the bundle, the state root the default one."""

    def setUp(self):
        super().setUp()
        self.ident = 'buildah-' + self.name('buildah')
        self.prefix = ['--log-format=json']  # buildah --runtime-flag log-format=json

    def test_run(self):
        bundle = self.bundle()
        bundle.sh('read line; echo "$line"; sleep 0.2; exit 7')
        pid_file = bundle.path / 'pid'
        self.call('create', '--bundle', bundle.path, '--pid-file', pid_file, '--no-new-keyring', '--no-pivot',
                  self.ident, cwd=bundle.path, stdin='typed\n')
        output = self.last_output
        pid = self.pid_in(pid_file)
        self.assertEqual(('created', pid), (self.state()['status'], self.state()['pid']))
        self.call('start', self.ident)
        # An error of `state` is fatal to buildah, and so is a status that it does not know.
        while (state := self.state())['status'] != 'stopped':
            self.assertEqual('running', state['status'])
        self.assertEqual(7, self.wait_end(pid))
        self.assertEqual('typed\n', self.text(output))
        self.call('delete', self.ident)  # without --force, right after the end

    def test_kill(self):
        bundle = self.bundle().sh('trap "exit 3" TERM; echo ready; while :; do sleep 0.02; done')
        self.call('create', '--bundle', bundle.path, '--pid-file', bundle.path / 'pid', self.ident, cwd=bundle.path)
        output, pid = self.last_output, self.pid_in(bundle.path / 'pid')
        self.call('start', self.ident)
        wait_until(lambda: self.text(output) == 'ready\n', 'the trap')
        self.call('kill', self.ident)
        self.assertEqual(3, self.wait_end(pid))
        self.call('delete', self.ident)

    def test_kill_by_name(self):
        bundle = self.bundle()
        self.call('create', '--bundle', bundle.path, '--pid-file', bundle.path / 'pid', self.ident, cwd=bundle.path)
        pid = self.pid_in(bundle.path / 'pid')
        self.call('start', self.ident)
        self.call('kill', self.ident, 'SIGKILL')
        self.assertEqual(-9, self.wait_end(pid))
        self.assertEqual('stopped', self.state()['status'])
        self.call('delete', self.ident)

    def test_terminal(self):
        bundle = self.bundle().sh('stty size; tty')
        bundle.config['process'].update(terminal=True, consoleSize={'height': 30, 'width': 100})
        bundle.write()
        console = ConsoleSocket(bundle.path / 'console.sock')
        self.addCleanup(console.close)
        # The caller takes the terminal while create runs.
        creating = self.background(self.argv('create', '--bundle', bundle.path, '--pid-file', bundle.path / 'pid',
                                             '--console-socket', console.path, self.ident), host=self.host)
        terminal, name = console.receive()
        self.addCleanup(terminal.close)
        self.assertEqual(0, creating.wait(timeout=20))
        self.assertIn('/dev/pt', name)
        pid = self.pid_in(bundle.path / 'pid')
        self.call('start', self.ident)
        self.assertEqual('30 100\r\n/dev/pts/0\r\n', terminal.read_all())
        self.assertEqual(0, self.wait_end(pid))
        self.call('delete', self.ident)

    def test_create_that_fails(self):
        """buildah reads the reason from what would have become the container's stderr."""
        bundle = self.bundle(['nosuch'])
        failed = self.call('create', '--bundle', bundle.path, '--pid-file', bundle.path / 'pid', self.ident, code=1,
                           cwd=bundle.path)
        self.assertIn('executable file not found in $PATH', failed.err)
        self.assertFalse(os.path.exists(bundle.path / 'pid'))
        self.call('state', self.ident, code=1)


class BuildahJoined(Buildah):
    form = staticmethod(joined)


class Conmon(ReplayTest):
    """podman start, through conmon for create. XDG_RUNTIME_DIR is there and empty, and there is no PATH."""

    env = {'XDG_RUNTIME_DIR': '', '_OCI_SYNCPIPE': '3', '_OCI_STARTPIPE': '4', '_OCI_ATTACHPIPE': '5'}

    def setUp(self):
        super().setUp()
        self.log = self.path('oci-log')

    def create(self, bundle, *flags, code=0, before=()):
        return self.call('--cgroup-manager', 'cgroupfs', '--log-format=json', '--log', self.log, 'create', '--bundle',
                         bundle.path, '--pid-file', self.path('pidfile'), *flags, self.ident, code=code, before=before)

    def test_life(self):
        bundle = self.bundle().sh('env; trap "exit 4" TERM; echo ready; while :; do sleep 0.02; done')
        self.create(bundle, '--no-pivot', '--no-new-keyring')
        output, pid = self.last_output, self.pid_in(self.path('pidfile'))
        self.call('start', self.ident)
        wait_until(lambda: 'ready\n' in self.text(output), 'the trap')
        self.assertNotIn('_OCI_', self.text(output))
        self.assertNotIn('XDG_', self.text(output))
        self.call('kill', self.ident, '15')
        self.assertEqual(4, self.wait_end(pid))
        self.call('delete', '--force', self.ident)
        self.assert_empty(self.log)

    def test_kill_all(self):
        self.create(self.bundle())
        pid = self.pid_in(self.path('pidfile'))
        self.call('start', self.ident)
        self.call('kill', '--all', self.ident, '9')
        self.assertEqual(-9, self.wait_end(pid))
        self.call('kill', '--all', self.ident, '9')  # podman clears up after the init, if anything is left
        self.call('delete', '--force', self.ident)
        self.call('delete', '--force', self.ident)  # and again when it has been here before

    def test_preserved_descriptors(self):
        bundle = self.bundle().sh('cat <&3; cat <&4')
        shell = f'exec 3<{self.write("three", "3 ")} 4<{self.write("four", "4 ")}; exec "$@"'
        self.create(bundle, '--preserve-fds', '2', before=['/bin/sh', '-c', shell, 'sh'])
        output, pid = self.last_output, self.pid_in(self.path('pidfile'))
        self.call('start', self.ident)
        self.assertEqual(0, self.wait_end(pid))
        self.assertEqual('3 4 ', self.text(output))
        self.call('delete', '--force', self.ident)

    def test_without_cgroups(self):
        bundle = self.bundle()
        del bundle.config['linux']['resources'], bundle.config['linux']['cgroupsPath']
        bundle.config['mounts'] = [m for m in bundle.config['mounts'] if m['type'] != 'cgroup']
        bundle.write()
        self.call('--cgroup-manager', 'disabled', '--log-format=json', '--log', self.log, 'create', '--bundle',
                  bundle.path, '--pid-file', self.path('pidfile'), self.ident)
        pid = self.pid_in(self.path('pidfile'))
        with open(f'/proc/{pid}/cgroup', encoding='ascii') as theirs, open('/proc/self/cgroup',
                                                                           encoding='ascii') as ours:
            self.assertEqual(ours.read(), theirs.read())
        self.call('start', self.ident)
        self.call('delete', '--force', self.ident)  # by the words of create, which podman does not repeat
        self.assertEqual(-9, self.wait_end(pid))

    def test_errors(self):
        self.create(self.bundle(['nosuch']), code=1)
        self.assert_one_error(self.log, 'exec: "nosuch": executable file not found in $PATH')
        for verb in ('start', 'state', 'pause', 'resume'):
            self.call(verb, self.ident, code=1)
        self.call('kill', self.ident, '15', code=1)

    def test_version(self):
        lines = self.call('--version').out.splitlines()
        self.assertEqual('crun-lite version', lines[0].rsplit(' ', 1)[0])


class ConmonJoined(Conmon):
    form = staticmethod(joined)


class ConmonSeparate(Conmon):
    form = staticmethod(separate)


class Containerd(ReplayTest):
    """The shim under dockerd: a state root and a log of its own for each namespace."""

    def setUp(self):
        super().setUp()
        self.log = self.path('log.json')
        self.prefix = ['--root', self.path('runc/moby'), '--log', self.log, '--log-format', 'json', '--rootless=false']

    def create(self, bundle, *flags, code=0):
        return self.call('create', '--bundle', bundle.path, '--pid-file', bundle.path / 'init.pid', *flags, self.ident,
                         code=code)

    def test_life(self):
        bundle = self.bundle()
        self.create(bundle)
        pid = self.pid_in(bundle.path / 'init.pid')
        self.call('start', self.ident)
        self.assertEqual('running', self.state()['status'])
        refused = self.call('delete', self.ident, code=1)
        self.assertIn(f'cannot delete container {self.ident} that is not stopped: running', refused.err)
        os.unlink(self.log)
        self.call('kill', self.ident, '9')
        self.assertEqual(-9, self.wait_end(pid))
        self.call('kill', self.ident, '9', code=1)
        self.assert_one_error(self.log, 'container not running')  # containerd: NotFound
        self.call('kill', '--all', self.ident, '9')
        self.call('delete', self.ident)
        os.unlink(self.log)
        self.call('delete', self.ident, code=1)
        self.assert_one_error(self.log, 'container does not exist')  # containerd: ignored
        self.call('delete', '--force', self.ident)

    def test_words_that_docker_turns_into_exit_codes(self):
        cases = {'nosuch': 127, '/nope': 127, '/etc': 126, '/etc/passwd': 126, '/bin/script': 127, '/bin/text': 125}
        for program, code in cases.items():
            with self.subTest(program):
                bundle = self.bundle([program])
                for name, text in (('script', '#!/bin/nothere\n'), ('text', 'neither\n')):
                    (bundle.rootfs / 'bin' / name).write_text(text)
                    os.chmod(bundle.rootfs / 'bin' / name, 0o755)
                if os.path.exists(self.log):
                    os.unlink(self.log)
                # Only execve(2) sees what the file holds.
                late = program in ('/bin/script', '/bin/text')
                self.create(bundle, code=0 if late else 1)
                if late:
                    self.call('start', self.ident, code=1)
                    self.call('delete', '--force', self.ident)
                message = self.assert_one_error(self.log, f'exec: "{program}"')
                self.assertEqual(code, exit_code_of_docker(message), message)
                self.assertEqual([], self.records())

    def records(self):
        answer = self.host.run(['ls', self.path('runc/moby')])
        return answer.out.split()

    def test_the_shim_dies(self):
        """PDEATHSIG ends the runtime in the middle of create; the next delete --force clears everything."""
        bundle = self.bundle()
        bundle.config['hooks'] = {'createRuntime': [{'path': '/bin/sh', 'args': [
            'sh', '-c', f'touch {self.path("hook")}; while [ ! -e {self.path("end")} ]; do sleep 0.05; done']}]}
        bundle.write()
        shim = (f'import ctypes, subprocess, sys; subprocess.Popen(sys.argv[1:], preexec_fn=lambda: '
                f'ctypes.CDLL(None).prctl({PR_SET_PDEATHSIG}, 9, 0, 0, 0)).wait()')
        started = self.background([paths.PYTHON, '-c', shim, *self.argv(
            'create', '--bundle', bundle.path, '--pid-file', bundle.path / 'init.pid', self.ident)], host=self.host,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_for(self.path('hook'))
        os.kill(started.pid, signal.SIGKILL)
        started.wait()
        self.call('delete', '--force', self.ident)
        self.assertEqual([], self.records())
        self.write('end', '')  # hooks are not the container's processes: this one would go on

        def gone():
            process.reap_orphans()
            return not [p for p in process.descendants() if p not in [m.pid for m in self._machines]]
        wait_until(gone, 'the end of the container')

    def test_features(self):
        self.prefix = []
        answer = self.call('features')
        document = json.loads(answer.out + answer.err)
        self.assertEqual('1.0.0', document['ociVersionMin'])


class ContainerdJoined(Containerd):
    form = staticmethod(joined)


class ContainerdSeparate(Containerd):
    form = staticmethod(separate)


class BuildKit(ReplayTest):
    """The runc worker: in the foreground, in a process group of its own, with the default state root."""

    def setUp(self):
        super().setUp()
        self.ident = self.name('k') + 'q3m5ldk1zq0v'  # 25 characters of base 36
        self.log = self.path('runc-log.json')
        self.prefix = ['--log', self.log, '--log-format', 'json']

    def test_run(self):
        bundle = self.bundle().sh('cat; echo problem >&2; exit 3')
        result = self.call('run', '--bundle', bundle.path, '--no-pivot', '--keep', self.ident, code=3, stdin='in\n')
        self.assertEqual(('in\n', 'problem\n'), (result.out, result.err))
        state = self.state()
        self.assertEqual(('stopped', 0, str(bundle.path), str(bundle.rootfs)),
                         (state['status'], state['pid'], state['bundle'], state['rootfs']))
        self.call('delete', self.ident)
        self.assert_empty(self.log)

    def test_the_cgroup_is_read_after_the_end(self):
        bundle = self.bundle(['/bin/true'])
        self.call('run', '--bundle', bundle.path, '--keep', self.ident)
        self.assertTrue(os.path.isdir('/sys/fs/cgroup/memory' + bundle.config['linux']['cgroupsPath'])
                        or os.path.isdir('/sys/fs/cgroup' + bundle.config['linux']['cgroupsPath']))
        self.call('delete', self.ident)

    def test_a_step_that_is_cancelled(self):
        bundle = self.bundle()
        running = self.background(self.argv('run', '--bundle', bundle.path, '--keep', self.ident), host=self.host)
        wait_until(lambda: self.host.run(self.argv('state', self.ident)).out.find('"running"') >= 0, 'it runs')
        self.call('kill', self.ident, '9')
        self.assertEqual(137, running.wait(timeout=20))
        self.call('delete', self.ident)

    def test_the_worker_dies(self):
        bundle = self.bundle()
        running = self.background(self.argv('run', '--bundle', bundle.path, '--keep', self.ident), host=self.host)
        wait_until(lambda: self.host.run(self.argv('state', self.ident)).out.find('"running"') >= 0, 'it runs')
        running.kill()
        running.wait()
        self.call('delete', '--force', self.ident)

    def test_missing_program(self):
        self.call('run', '--bundle', self.bundle(['nosuch']).path, '--keep', self.ident, code=1)
        self.assert_one_error(self.log, 'crun-lite run failed: ', 'executable file not found in $PATH')


class BuildKitJoined(BuildKit):
    form = staticmethod(joined)


class Crio(ReplayTest):
    """Create through conmon with --root; everything else with --root alone."""

    def setUp(self):
        super().setUp()
        self.prefix = ['--root=' + self.path('runc')]

    def test_life(self):
        bundle = self.bundle()
        self.call('--log-format=json', '--log', self.path('oci-log'), 'create', '--bundle', bundle.path, '--pid-file',
                  self.path('pidfile'), self.ident)
        pid = self.pid_in(self.path('pidfile'))
        self.call('start', self.ident)
        self.assertEqual('running', self.state()['status'])
        self.call('kill', self.ident, 'TERM')
        self.call('kill', '-a', self.ident, '9')
        self.assertEqual(-9, self.wait_end(pid))
        self.call('delete', '--force', self.ident)
        self.call('state', self.ident, code=1)


class CrioSeparate(Crio):
    form = staticmethod(separate)
