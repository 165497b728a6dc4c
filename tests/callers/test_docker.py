# SPDX-License-Identifier: Apache-2.0
"""dockerd of Debian's docker.io with crun-lite as its default runtime: run, exec, terminals, exit codes, the events
of a container's life. What differs from runner to runner is compared with runc, under the same daemon."""
import json
import os
import signal
import time

from docker_support import DockerTest, wait_size
from support.harness import wait_until

DEADLINE = 300


class Run(DockerTest):

    def test_the_runtime_is_the_one_under_test(self):
        name = self.start('sleep', '1000')
        self.assertEqual(self.engine.runtime_name, self.engine.inspect(name, '.HostConfig.Runtime'))
        self.assertIn(f'Default Runtime: {self.engine.runtime_name}', self.ok('info'))
        self.assertEqual(1, len(self.engine.runtime_state()), self.engine.runtime_state())

    def test_output_and_exit_code(self):
        result = self.run_once('sh', '-c', 'echo out; echo err >&2; exit 7')
        self.assertEqual((7, 'out\n', 'err\n'), (result.code, result.out, result.err))

    def test_input(self):
        self.assertEqual('one\ntwo\n', self.run_once('-i', '--', 'cat', stdin='one\ntwo\n').out)

    def test_detached_and_its_log(self):
        name = self.start('sh', '-c', 'echo first; echo second >&2; exit 3')
        self.assertEqual('3\n', self.ok('wait', name))
        logs = self.docker('logs', name)
        self.assertEqual(('first\n', 'second\n'), (logs.out, logs.err))
        self.assertEqual('exited', self.status(name))
        self.ok('start', name)
        self.assertEqual('3\n', self.ok('wait', name))
        self.assertEqual('first\nfirst\n', self.ok('logs', name))

    def test_what_the_container_gets(self):
        look = 'id -u; id -g; pwd; echo $KEY; hostname; stat -f -c %T /scratch; df -k /dev/shm | tail -n 1 | tr -s " "'
        out = self.sh(look, '-u', 'alice', '-w', '/tmp', '-e', 'KEY=value', '-h', 'box', '--tmpfs', '/scratch',
                      '--shm-size', '8m')
        self.assertEqual(['1000', '1000', '/tmp', 'value', 'box', 'tmpfs'], out.splitlines()[:6])
        self.assertIn('shm 8192 ', out)

    def test_limits(self):
        out = self.sh('ulimit -n; ulimit -c; cd /proc; cat sys/net/ipv4/ip_unprivileged_port_start self/oom_score_adj',
                      '--ulimit', 'nofile=100:200', '--ulimit', 'core=0', '--sysctl',
                      'net.ipv4.ip_unprivileged_port_start=77', '--oom-score-adj', '500')
        self.assertEqual(['100', '0', '77', '500'], out.split())

    def test_exec(self):
        name = self.start('-e', 'OWN=1', '-w', '/tmp', '--', 'sleep', '1000')
        run = self.docker('exec', name, 'sh', '-c', 'echo out; echo err >&2; exit 9')
        self.assertEqual((9, 'out\n', 'err\n'), (run.code, run.out, run.err))
        look = 'echo $OWN $KEY; pwd; id -un; echo $HOME'
        self.assertEqual(['1', '/tmp', 'root', '/root'], self.ok('exec', name, 'sh', '-c', look).split())
        out = self.ok('exec', '-e', 'KEY=value', '-w', '/etc', '-u', 'alice', name, 'sh', '-c', look)
        self.assertEqual(['1', 'value', '/etc', 'alice', '/home'], out.split())
        self.assertEqual('given', self.ok('exec', '-i', name, 'cat', stdin='given'))
        self.ok('exec', '-d', name, 'sh', '-c', 'echo later > /tmp/made; sleep 1000')
        wait_until(lambda: self.docker('exec', name, 'cat', '/tmp/made').out == 'later\n', 'the detached exec has run')
        self.assertEqual(1, self.engine.inspect(name, '.State.Running'))
        gone = self.docker('exec', name, 'sh', '-c', 'kill -9 $$')
        self.assertEqual(137, gone.code, gone)

    def test_exec_codes(self):
        name = self.start('sleep', '1000')
        # Always 126: this docker tells them apart for `run` only.
        for words, argv in (('executable file not found', ['nosuch']), ('no such file or directory', ['/nope']),
                            ('permission denied', ['/etc']), ('permission denied', ['/data.txt'])):
            with self.subTest(argv=argv):
                result = self.docker('exec', name, *argv)
                self.assertEqual(126, result.code, result)
                self.assertIn(words, result.out + result.err)
        self.assertEqual('running', self.status(name))
        self.assertNotEqual(0, self.docker('exec', '-u', 'nobody-knows', name, 'true').code)

    def test_terminal(self):
        terminal, shell = self.on_terminal('run', '--rm', '-it', '--name', self.new(), 'base', 'sh')
        terminal.send('tty; echo end-$((1 + 1))\n')
        seen = terminal.expect('end-2', timeout=30)
        self.assertRegex(seen, r'/dev/(pts/0|console)')
        wait_size(terminal, '33 101')
        terminal.resize(40, 90)
        shell.send_signal(signal.SIGWINCH)  # which the kernel sends to a terminal's session only
        wait_size(terminal, '40 90')
        terminal.send('exit 5\n')
        self.assertEqual(5, shell.wait(timeout=30))

    def test_terminal_of_an_exec(self):
        name = self.start('sleep', '1000')
        terminal, shell = self.on_terminal('exec', '-it', name, 'sh')
        terminal.send('tty; echo end-$((1 + 1))\n')
        self.assertRegex(terminal.expect('end-2', timeout=30), r'/dev/pts/\d')
        wait_size(terminal, '33 101')
        terminal.send('sleep 1000\n')
        self._wait_top(name, 'sleep 1000', 2)
        terminal.send('\x03')
        terminal.send('echo code-$?\n')
        terminal.expect('code-130', timeout=20)
        terminal.send('exit 6\n')
        self.assertEqual(6, shell.wait(timeout=30))

    def _wait_top(self, name, text, count):
        wait_until(lambda: self.docker('top', name).out.count(text) == count, f'{count} times {text}', timeout=20)

    def test_published_port(self):
        name = self.start('-p', '18080:80', '--', 'sh', '-c',
                          'echo served > /tmp/index.html; exec busybox httpd -f -p 80 -h /tmp')

        def fetch(host):
            return self.engine.host.run(['curl', '-s', '--max-time', '5', f'http://{host}:18080/index.html']).out
        address = self.engine.inspect(name, '.NetworkSettings.IPAddress')
        wait_until(lambda: fetch('127.0.0.1') == 'served\n', 'the published port answers', timeout=20)
        gateway = self.engine.inspect(name, '.NetworkSettings.Gateway')
        self.assertEqual('served\n', fetch(gateway))
        other = self.sh(f'wget -q -O - http://{address}/index.html')
        self.assertEqual('served\n', other)
        self.assertEqual('served\n', self.sh('wget -q -O - http://127.0.0.1/index.html', f'--network=container:{name}'))

    def test_networks(self):
        network = self.name('n')
        self.ok('network', 'create', network)
        self.addCleanup(self.docker, 'network', 'rm', network)
        server = self.start('--network', network, '--', 'busybox', 'httpd', '-f', '-p', '80', '-h', '/etc')
        self.addCleanup(self.docker, 'rm', '-f', server)
        self.assertIn('alice', self.sh(f'wget -q -O - http://{server}/passwd', '--network', network))
        self.assertEqual('lo\n', self.sh('ls /sys/class/net', '--network', 'none'))
        self.assertIn('docker0', self.sh('ls /sys/class/net', '--network', 'host'))

    def test_volumes(self):
        volume = self.name('v')
        self.addCleanup(self.docker, 'volume', 'rm', '-f', volume)
        given = self.write('given/file', 'from outside\n')
        self.sh('echo kept > /v/file', '-v', f'{volume}:/v')
        self.assertEqual('kept\n', self.sh('cat /v/file', '-v', f'{volume}:/v:ro'))
        out = self.sh('cat /g/file; touch /g/new 2>&1', '-v', f'{os.path.dirname(given)}:/g') + \
            self.sh('touch /g/no 2>&1 || true', '-v', f'{os.path.dirname(given)}:/g:ro')
        self.assertIn('from outside\n', out)
        self.assertIn('Read-only file system', out)
        self.assertEqual(['file', 'new'], sorted(os.listdir(os.path.dirname(given))))
        self.assertEqual('from outside\n', self.sh('cat /f', '--mount', f'type=bind,src={given},dst=/f,ro'))
        keeper = self.start('-v', '/data', '--', 'sh', '-c', 'echo shared > /data/f; exec sleep 1000')
        wait_until(lambda: self.docker('exec', keeper, 'cat', '/data/f').code == 0, 'the file is there')
        self.assertEqual('shared\n', self.sh('cat /data/f', '--volumes-from', keeper))

    def test_copy_diff_and_commit(self):
        name = self.start('sh', '-c', 'echo made > /made; exec sleep 1000')
        wait_until(lambda: 'A /made' in self.docker('diff', name).out, 'the diff shows it', timeout=20)
        self.ok('cp', self.write('given', 'in\n'), f'{name}:/tmp/given')
        self.assertEqual('in\n', self.ok('exec', name, 'cat', '/tmp/given'))
        self.ok('cp', f'{name}:/made', self.path('made'))
        with open(self.path('made'), encoding='ascii') as f:
            self.assertEqual('made\n', f.read())
        image = self.name('img')
        self.ok('commit', '--change', 'ENV FROM=commit', name, image)
        self.addCleanup(self.docker, 'rmi', '-f', image)
        self.assertEqual('made\ncommit\n', self.sh('cat /made; echo $FROM', image=image))

    def test_imported_root(self):
        name = self.name('img')
        keeper = self.start('sleep', '1000')
        self.ok('export', '-o', self.path('root.tar'), keeper)
        self.ok('import', '--change', 'CMD ["echo", "imported"]', self.path('root.tar'), name)
        self.addCleanup(self.docker, 'rmi', '-f', name)
        self.assertEqual('imported\n', self.assert_ok(self.run_once(image=name)).out)


class ExitCodes(DockerTest):
    """`docker run` tells 125, 126 and 127 apart by the words of the runtime's error. A pair of codes is ours and
    runc's, where ours tells more: a program below a file is not there either, and a sysctl is no program."""

    CASES = {
        'not in PATH': (127, 'executable file not found in $PATH', [], ['nosuch']),
        'an absolute path that is not there': (127, 'no such file or directory', [], ['/nope']),
        'a relative path that is not there': (127, 'no such file or directory', [], ['./nope']),
        'below a file': ((127, 125), '', [], ['/data.txt/x']),
        'a directory': (126, 'permission denied', [], ['/etc']),
        'not executable': (126, 'permission denied', [], ['/data.txt']),
        'not executable for this user': (126, 'permission denied', ['-u', '1000'], ['/root-only']),
        'a file mounted on a directory': (125, 'Are you trying to mount', ['-v', '/etc/passwd:/etc'], ['true']),
        'a directory mounted on a file': (125, 'Are you trying to mount', ['-v', '/etc:/data.txt'], ['true']),
        'too little memory': (125, '', ['--memory', '6m', '--memory-swap', '5m'], ['true']),
        'no such user': (125, 'unable to find user', ['-u', 'nobody-knows'], ['true']),
        'no such bind source': (125, 'does not exist', ['--mount', 'type=bind,src=/no/such,dst=/x'], ['true']),
        'an unknown option': (125, 'unknown flag', ['--no-such-option'], ['true']),
        'an unknown runtime': (125, 'nknown runtime', ['--runtime', 'nothing'], ['true']),
        'a sysctl that is not there': ((125, 127), '', ['--sysctl', 'net.ipv4.nothing=1'], ['true']),
        'its own code': (7, '', [], ['sh', '-c', 'exit 7']),
        'its own 127': (127, '', [], ['sh', '-c', 'nosuch']),
        'a signal': (143, '', ['--init'], ['sh', '-c', 'kill $$']),
    }

    def one(self, runtime, options, command):
        return self.docker('run', '--rm', '--runtime', runtime, *options, 'base', *command)

    def test_as_with_runc(self):
        for name, (code, words, options, command) in self.CASES.items():
            with self.subTest(name):
                own = self.one(self.engine.runtime_name, options, command)
                peer = self.one('runc', options, command)
                ours, runcs = code if isinstance(code, tuple) else (code, code)
                self.assertEqual(runcs, peer.code, peer)
                self.assertEqual(ours if self.engine.runtime_name == 'crun-lite' else runcs, own.code, own)
                self.assertIn(words, own.err)

    def test_what_no_kernel_can_start(self):
        """runc notices only after it has reported the start: exit code 1."""
        for program, words, code in (('/no-format', 'exec format error', 125),
                                     ('/no-interpreter', 'no such file or directory', 127)):
            with self.subTest(program):
                result = self.one(self.engine.runtime_name, [], [program])
                self.assertEqual(code if self.engine.runtime_name == 'crun-lite' else 1, result.code, result)
                self.assertIn(words, result.err)

    def test_nothing_is_left_of_what_failed(self):
        before = self.ok('ps', '-aq')
        self.assertEqual(127, self.one(self.engine.runtime_name, [], ['/nope']).code)
        self.assertEqual(before, self.ok('ps', '-aq'))
        self.assertEqual([], self.engine.links())


class Life(DockerTest):

    def test_stop(self):
        polite = self.start('--stop-signal', 'USR1', '--', 'sh', '-c',
                            'trap "exit 4" USR1; echo ready; while :; do sleep 0.05; done')
        self.wait_log(polite, 'ready')
        self.ok('stop', polite)
        self.assertEqual(4, self.engine.inspect(polite, '.State.ExitCode'))
        deaf = self.start('sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done')
        self.wait_log(deaf, 'ready')
        self.ok('stop', '-t', '1', deaf)
        self.assertEqual(137, self.engine.inspect(deaf, '.State.ExitCode'))

    def test_kill(self):
        name = self.start('sh', '-c', 'trap "echo hup" HUP; echo ready; while :; do sleep 0.05; done')
        self.wait_log(name, 'ready')
        self.ok('kill', '-s', 'HUP', name)
        self.wait_log(name, 'hup')
        self.assertEqual('running', self.status(name))
        self.ok('kill', name)
        self.assertEqual('137\n', self.ok('wait', name))
        again = self.docker('kill', name)
        self.assertEqual(1, again.code, again)
        self.assertIn('is not running', again.err)

    def test_pause(self):
        name = self.start('sh', '-c', 'while :; do echo tick; sleep 0.05; done')
        self.wait_log(name, 'tick')
        self.ok('pause', name)
        self.assertEqual('paused', self.status(name))
        frozen = self.ok('logs', name)
        refused = self.docker('exec', name, 'true')
        self.assertEqual(1, refused.code, refused)
        self.assertIn('paused', refused.err)
        time.sleep(0.3)  # nothing to wait for: the point is that nothing comes
        self.assertEqual(frozen, self.ok('logs', name))
        self.ok('unpause', name)
        self.assertEqual('running', self.status(name))
        wait_until(lambda: len(self.docker('logs', name).out) > len(frozen), 'it ticks again')
        self.ok('pause', name)
        self.ok('kill', name)
        self.wait_status(name, 'exited')

    def cgroup_value(self, name, controller, v1, v2):
        """A limit as the kernel has it, read from outside at the container's own cgroup."""
        pid = self.engine.inspect(name, '.State.Pid')
        with open(f'/proc/{pid}/cgroup', encoding='ascii') as f:
            rows = [line.strip().split(':', 2) for line in f]
        for _, names, path in rows:
            if controller in names.split(','):
                directory, file = f'/sys/fs/cgroup/{controller}', v1
                break
        else:
            directory, file, path = '/sys/fs/cgroup', v2, rows[-1][2]
        with open(f'{directory}{path}/{file}', encoding='ascii') as f:
            return f.read().strip()

    def test_update(self):
        name = self.start('--memory', '64m', '--cpus', '0.5', '--pids-limit', '50', '--', 'sleep', '1000')
        memory = lambda: self.cgroup_value(name, 'memory', 'memory.limit_in_bytes', 'memory.max')  # noqa: E731
        self.assertEqual(str(64 << 20), memory())
        self.ok('update', '--memory', '96m', '--memory-swap', '-1', '--cpus', '0.25', '--pids-limit', '60', name)
        self.assertEqual(str(96 << 20), memory())
        self.assertEqual('60', self.cgroup_value(name, 'pids', 'pids.max', 'pids.max'))
        self.assertIn('25000', self.cgroup_value(name, 'cpu', 'cpu.cfs_quota_us', 'cpu.max'))
        self.assertEqual('running', self.status(name))

    def test_top(self):
        name = self.start('sh', '-c', 'sleep 1111; true')
        wait_until(lambda: 'sleep 1111' in self.docker('top', name).out, 'top shows the child', timeout=10)
        lines = self.ok('top', name, '-o', 'pid,args').splitlines()
        self.assertEqual(['PID', 'COMMAND'], lines[0].split())
        self.assertEqual(3, len(lines), lines)

    def test_stats(self):
        name = self.start('--memory', '64m', '--', 'sleep', '1000')
        found = json.loads(self.ok('stats', '--no-stream', '--format', '{{json .}}', name))
        self.assertEqual('1', found['PIDs'])
        self.assertIn('/ 64MiB', found['MemUsage'])
        self.assertRegex(found['MemPerc'], r'^\d+\.\d+%$')

    def test_events(self):
        begin = str(int(time.time()) - 1)
        name = self.start('sh', '-c', 'echo ready; exec sleep 1000')
        self.wait_log(name, 'ready')
        self.ok('exec', name, 'true')
        self.ok('pause', name)
        self.ok('unpause', name)
        self.ok('kill', name)
        self.wait_status(name, 'exited')
        seen = self.ok('events', '--since', begin, '--until', str(int(time.time()) + 1), '--filter',
                       f'container={name}', '--format', '{{.Action}}').splitlines()
        order = ['create', 'start', 'exec_create: true', 'exec_start: true', 'exec_die', 'pause', 'unpause', 'kill',
                 'die']
        positions = [next((i for i, s in enumerate(seen) if s.strip() == o), -1) for o in order]
        self.assertNotIn(-1, positions, seen)
        self.assertEqual(sorted(positions), positions, seen)

    def test_out_of_memory(self):
        begin = str(int(time.time()) - 1)
        name = self.start('--memory', '16m', '--', 'sh', '-c', 'exec dd if=/dev/zero of=/dev/null bs=256M count=1')
        self.assertEqual('137\n', self.ok('wait', name))
        self.assertIs(True, self.engine.inspect(name, '.State.OOMKilled'))
        events = self.ok('events', '--since', begin, '--until', str(int(time.time()) + 1), '--filter',
                         f'container={name}', '--format', '{{.Action}}').split()
        self.assertIn('oom', events)

    def test_restart_policies(self):
        failing = self.start('--restart', 'on-failure:2', '--', 'sh', '-c', 'echo run; exit 1')
        wait_until(lambda: self.engine.inspect(failing, '.RestartCount') == 2 and self.status(failing) == 'exited',
                   'two restarts', timeout=30)
        self.assertEqual('run\n' * 3, self.ok('logs', failing))
        always = self.start('--restart', 'always', '--', 'sleep', '1000')
        first = self.engine.inspect(always, '.State.Pid')
        os.kill(first, 9)
        wait_until(lambda: self.engine.inspect(always, '.State.Pid') not in (0, first), 'it runs again', timeout=20)
        self.ok('restart', '-t', '0', always)
        self.wait_status(always, 'running')
        self.ok('stop', '-t', '0', always)
        self.assertEqual('exited', self.status(always))

    def test_health(self):
        name = self.start('--health-cmd', 'test -e /tmp/well', '--health-interval', '200ms', '--health-retries', '2',
                          '--', 'sh', '-c', 'touch /tmp/well; exec sleep 1000')
        health = lambda: self.engine.inspect(name, '.State.Health.Status')  # noqa: E731
        wait_until(lambda: health() == 'healthy', 'healthy', timeout=20)
        self.ok('exec', name, 'rm', '/tmp/well')
        wait_until(lambda: health() == 'unhealthy', 'unhealthy', timeout=20)

    def test_logs_while_it_runs(self):
        name = self.start('-i', '--', 'cat')
        with open(self.path('log'), 'wb') as out:
            follower = self.background(['/usr/bin/docker', 'logs', '-f', name], self.engine.host, stdout=out,
                                       env=self.engine.env)
        # Through the container's own stdout, as a program that logs would.
        for line in ('one', 'two'):
            self.ok('exec', name, 'sh', '-c', f'echo {line} > /proc/1/fd/1')
            wait_until(lambda: line in self.read('log'), f'{line} is followed', timeout=20)
        self.ok('kill', name)
        self.assertEqual(0, follower.wait(timeout=20))
        self.assertEqual('one\ntwo\n', self.read('log'))

    def read(self, name):
        with open(self.path(name), encoding='utf-8') as f:
            return f.read()

    def test_attach(self):
        name = self.start('-i', '--', 'sh', '-c', 'read line; echo "got $line"; exit 8')
        result = self.docker('attach', name, stdin='hello\n')
        self.assertEqual(8, result.code)
        self.assertEqual('got hello\n', self.ok('logs', name))

    def test_rename_and_remove_by_force(self):
        name, other = self.start('sleep', '1000'), self.new()
        self.ok('rename', name, other)
        pid = self.engine.inspect(other, '.State.Pid')
        self.ok('rm', '-f', other)
        self.assertFalse(os.path.exists(f'/proc/{pid}'))


class Survive(DockerTest):
    """--live-restore: containers outlive their daemons, and the new ones take them over."""

    options = ('--live-restore',)

    def test_daemons_killed(self):
        name = self.start('--restart', 'no', '--', 'sh', '-c', 'echo ready; exec sleep 1000')
        self.wait_log(name, 'ready')
        pid = self.engine.inspect(name, '.State.Pid')
        for _, daemon in self.engine.started:
            daemon.kill()
            daemon.wait(timeout=10)
        self.engine.started = []
        self.assertTrue(os.path.exists(f'/proc/{pid}'))
        self.engine.start_containerd()
        self.engine.start_docker()
        self.assertEqual((pid, 'running'), (self.engine.inspect(name, '.State.Pid'), self.status(name)))
        self.assertEqual('again\n', self.ok('exec', name, 'echo', 'again'))
        self.ok('kill', name)
        self.assertEqual('137\n', self.ok('wait', name))


class Reload(DockerTest):
    """docs/callers.md: `crun-lite install` and a reload, without a restart and with containers running."""

    configured = False

    def test_install_and_reload(self):
        before = self.start('--runtime', 'runc', '--', 'sleep', '1000')
        install = [self.engine.runtime, 'install', '--for', 'docker', '--write', '--file',
                   self.engine.path('daemon.json')]
        if self.engine.runtime_name != 'crun-lite':
            self.skipTest('crun-lite installs itself only')
        for option, default in (([], 'runc'), (['--default'], 'crun-lite')):
            self.assert_ok(self.engine.host.run([*install, *option]))
            self.engine.daemon.send_signal(signal.SIGHUP)
            wait_until(lambda: 'crun-lite' in self.engine.docker('info', '--format', '{{json .Runtimes}}').out,
                       'the daemon knows crun-lite')
            wait_until(lambda default=default: self.ok('info', '--format', '{{.DefaultRuntime}}') == f'{default}\n',
                       f'the default is {default}')
            self.assertEqual('ok\n', self.assert_ok(self.run_once('--runtime', 'crun-lite', '--', 'echo', 'ok')).out)
        after = self.start('sleep', '1000')
        self.assertEqual(['runc', 'crun-lite'],
                         [self.engine.inspect(n, '.HostConfig.Runtime') for n in (before, after)])
