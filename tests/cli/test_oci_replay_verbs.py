# SPDX-License-Identifier: Apache-2.0
"""What callers do with a running container, in their words: exec, ps, pause, resume, update, events, checkpoint."""
import json
import os
import subprocess

from replay_support import ReplayTest, exit_code_of_docker, joined, separate, wait_until

from support.harness import ConsoleSocket


class RunningTest(ReplayTest):
    """A running container as the caller of the class has made it. `everywhere` is given with every verb, as the
    shim and CRI-O give it; podman relies on the default state root."""

    everywhere = ()

    def setUp(self):
        super().setUp()
        self.log = self.path('oci-log')
        self.prefix = [w.format(root=self.path('runc')) for w in self.everywhere]

    def running(self, args=('/bin/sleep', '1000'), **process):
        bundle = self.bundle(args)
        bundle.config['process'].update(process)
        self.call('create', '--bundle', bundle.write().path, '--pid-file', bundle.path / 'pid', self.ident)
        self.call('start', self.ident)
        return bundle, self.pid_in(bundle.path / 'pid')

    def process_file(self, *args, **members):
        """The document of exec --process."""
        document = {'args': list(args), 'cwd': '/', 'env': ['PATH=/bin:/usr/bin', 'MARK=1'],
                    'user': {'uid': 0, 'gid': 0}, 'terminal': False, **members}
        return self.write(self.name('process'), json.dumps(document))

    def finish(self, pid):
        self.call('delete', '--force', self.ident)
        self.assertEqual(-9, self.wait_end(pid))

    def log_words(self):
        return '--log-format=json', '--log', self.log


class Podman(RunningTest):
    """podman exec, pause, unpause, update, stop through conmon: no PATH, XDG_RUNTIME_DIR empty."""

    env = {'XDG_RUNTIME_DIR': '', '_OCI_SYNCPIPE': '3', '_OCI_STARTPIPE': '4', '_OCI_ATTACHPIPE': '5'}

    def exec(self, *words, code=0):
        return self.call(*self.log_words(), 'exec', *words, self.ident, code=code)

    def test_exec(self):
        _, pid = self.running()
        self.exec('--pid-file', self.path('exec.pid'), '--process', self.process_file('sh', '-c', 'env; exit 6'),
                  '--detach')
        output = self.last_output
        self.assertEqual(6, self.wait_end(self.pid_in(self.path('exec.pid'))))
        self.assertIn('MARK=1\n', self.text(output))
        self.assertNotIn('_OCI_', self.text(output))
        self.assert_empty(self.log)
        self.finish(pid)

    def test_exec_with_a_terminal(self):
        _, pid = self.running()
        console = ConsoleSocket(self.path('console'))
        self.addCleanup(console.close)
        file = self.process_file('sh', '-c', 'tty; stty size', terminal=True, consoleSize={'height': 30, 'width': 100})
        execing = self.background(self.argv(*self.log_words(), 'exec', '--pid-file', self.path('exec.pid'), '--process',
                                            file, '--detach', '--tty', '--console-socket', console.path, self.ident),
                                  host=self.host)
        terminal, _ = console.receive()
        self.addCleanup(terminal.close)
        self.assertEqual(0, execing.wait(timeout=20))
        self.assertEqual('/dev/pts/0\r\n30 100\r\n', terminal.read_all())
        self.assertEqual(0, self.wait_end(self.pid_in(self.path('exec.pid'))))
        self.finish(pid)

    def test_exec_errors(self):
        _, pid = self.running()
        for program, code in {'nosuch': 127, '/nope': 127, '/etc': 126}.items():
            with self.subTest(program):
                if os.path.exists(self.log):
                    os.unlink(self.log)
                self.exec('--pid-file', self.path('exec.pid'), '--process', self.process_file(program), '--detach',
                          code=255)
                message = self.assert_one_error(self.log, f'exec: "{program}"')
                self.assertEqual(code, exit_code_of_docker(message), message)
                self.assertFalse(os.path.exists(self.path('exec.pid')))
        self.finish(pid)

    def test_pause_and_resume(self):
        _, pid = self.running()
        self.call('pause', self.ident)
        self.assertEqual('paused', self.state()['status'])
        self.exec('--pid-file', self.path('exec.pid'), '--process', self.process_file('true'), '--detach', code=255)
        self.assert_one_error(self.log, 'cannot exec in a paused container (use --ignore-paused to override)')
        self.call('resume', self.ident)
        self.assertEqual('running', self.state()['status'])
        self.finish(pid)

    def test_delete_of_a_paused_one(self):
        _, pid = self.running()
        self.call('pause', self.ident)
        self.finish(pid)

    def test_stopped(self):
        _, pid = self.running(['/bin/true'])
        self.assertEqual(0, self.wait_end(pid))
        self.exec('--pid-file', self.path('exec.pid'), '--process', self.process_file('true'), '--detach', code=255)
        self.assert_one_error(self.log, 'cannot exec in a stopped container')
        for verb in ('pause', 'resume'):
            self.call(verb, self.ident, code=1)
        self.call('delete', '--force', self.ident)

    def test_update(self):
        bundle, pid = self.running()
        resources = self.write('resources.json', json.dumps({'pids': {'limit': 77}, 'cpu': {'shares': 512}}))
        self.call('update', '--resources=' + resources, self.ident)
        path = bundle.config['linux']['cgroupsPath']
        found = [p for p in (f'/sys/fs/cgroup/pids{path}/pids.max', f'/sys/fs/cgroup{path}/pids.max')
                 if os.path.exists(p)]
        self.assertEqual('77\n', self.text(found[0]))
        self.finish(pid)

    def test_probe_for_checkpoint(self):
        # podman: exit 0 of `checkpoint --help` means that there is a checkpoint.
        self.assertIn('--image-path', self.call('checkpoint', '--help').out)

    def test_health_check_of_a_dead_container(self):
        self.exec('--pid-file', self.path('exec.pid'), '--process', self.process_file('true'), '--detach', code=255)
        self.assert_one_error(self.log, 'container does not exist')


class PodmanJoined(Podman):
    form = staticmethod(joined)


class PodmanSeparate(Podman):
    form = staticmethod(separate)


class Containerd(RunningTest):
    """The shim: docker exec, top, pause, update."""

    everywhere = ('--root', '{root}/moby', '--log', '{root}.log', '--log-format', 'json')

    def setUp(self):
        super().setUp()
        self.log = self.path('runc.log')

    def test_exec(self):
        _, pid = self.running()
        self.call('exec', '--process', self.process_file('sh', '-c', 'echo out; echo err >&2; exit 6'), '--detach',
                  '--pid-file', self.path('exec.pid'), self.ident)
        self.assertEqual(6, self.wait_end(self.pid_in(self.path('exec.pid'))))
        self.assertEqual('out\n', self.text(self.last_output))
        self.assert_empty(self.log)
        self.finish(pid)

    def test_top(self):
        _, pid = self.running()
        answer = self.call('ps', '--format', 'json', self.ident)
        self.assertEqual([pid], json.loads(answer.out + answer.err))
        self.finish(pid)

    def test_top_of_a_stopped_one(self):
        _, pid = self.running(['/bin/true'])
        self.assertEqual(0, self.wait_end(pid))
        self.assertEqual([], json.loads(self.call('ps', '--format', 'json', self.ident).out) or [])
        self.call('delete', self.ident)

    def test_update(self):
        bundle, pid = self.running()
        self.call('update', '--resources=-', self.ident, stdin=json.dumps(
            {'memory': {}, 'cpu': {'shares': 256}, 'pids': {'limit': 50}, 'blockIO': {}, 'devices': None}))
        path = bundle.config['linux']['cgroupsPath']
        found = [p for p in (f'/sys/fs/cgroup/pids{path}/pids.max', f'/sys/fs/cgroup{path}/pids.max')
                 if os.path.exists(p)]
        self.assertEqual('50\n', self.text(found[0]))
        self.finish(pid)

    def test_pause(self):
        _, pid = self.running()
        self.call('pause', self.ident)
        self.assertEqual('paused', self.state()['status'])
        self.call('resume', self.ident)
        self.finish(pid)

    def test_errors(self):
        for words in (['exec', '--process', self.process_file('true'), '--detach', '--pid-file', self.path('p'),
                       self.ident],
                      ['pause', self.ident], ['resume', self.ident], ['ps', '--format', 'json', self.ident],
                      ['update', '--resources=-', self.ident], ['start', self.ident], ['kill', self.ident, '9'],
                      ['checkpoint', '--image-path', self.path('i'), '--work-path', self.path('w'), self.ident]):
            with self.subTest(words[0]):
                if os.path.exists(self.log):
                    os.unlink(self.log)
                self.call(*words, code=255 if words[0] == 'exec' else 1, stdin='{}')
                self.assert_one_error(self.log, 'does not exist')  # containerd: NotFound

    def test_events(self):
        _, pid = self.running()
        events = json.loads(self.call('events', '--stats', self.ident).out)
        self.assertEqual(('stats', self.ident), (events['type'], events['id']))
        self.finish(pid)


class ContainerdJoined(Containerd):
    form = staticmethod(joined)


class BuildKit(RunningTest):
    """Exec in the foreground: buildctl's debugging, and gateway containers."""

    def test_exec(self):
        _, pid = self.running()
        result = self.call(*self.log_words(), 'exec', '--process', self.process_file('sh', '-c', 'cat; exit 9'),
                           '--pid-file', self.path('pidfile'), self.ident, code=9, stdin='typed\n')
        self.assertEqual(('typed\n', ''), (result.out, result.err))
        self.pid_in(self.path('pidfile'))
        self.finish(pid)

    def test_exec_that_is_cancelled(self):
        _, pid = self.running()
        running = self.background(self.argv('exec', '--process', self.process_file('sleep', '1000'), '--pid-file',
                                            self.path('pidfile'), self.ident), host=self.host,
                                  stdout=subprocess.DEVNULL)
        self.wait_for(self.path('pidfile'))
        os.kill(self.pid_in(self.path('pidfile')), 9)
        self.assertEqual(137, running.wait(timeout=20))
        self.finish(pid)


class Crio(RunningTest):
    everywhere = ('--root', '{root}')

    def test_update(self):
        bundle, pid = self.running()
        self.call('update', '--resources', '-', self.ident, stdin=json.dumps({'pids': {'limit': 60}}))
        path = bundle.config['linux']['cgroupsPath']
        found = [p for p in (f'/sys/fs/cgroup/pids{path}/pids.max', f'/sys/fs/cgroup{path}/pids.max')
                 if os.path.exists(p)]
        self.assertEqual('60\n', self.text(found[0]))
        self.finish(pid)

    def test_exec(self):
        _, pid = self.running()
        self.assertEqual('1\n',
                         self.call('exec', '--process', self.process_file('sh', '-c', 'echo $MARK'), self.ident).out)
        self.finish(pid)

    def test_readiness_while_it_ends(self):
        _, pid = self.running()
        self.call('kill', self.ident, '9')
        wait_until(lambda: self.state()['status'] == 'stopped', 'the end')
        self.assertEqual(-9, self.wait_end(pid))
        self.call('delete', '--force', self.ident)


class CrioJoined(Crio):
    form = staticmethod(joined)
