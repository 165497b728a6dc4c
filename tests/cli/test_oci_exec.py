# SPDX-License-Identifier: Apache-2.0
"""`exec` as callers and people say it: flags, the process document, exit codes, terminals, pid files. Runs against
runc and crun too; where they differ the test says so."""
import json
import os
import signal
import socket
import subprocess
import time

from support import probe, process
from support.exec_support import RunningTest, namespaces_of, pid_in, read
from support.harness import ConsoleSocket, Terminal, run, wait_until

STATUS = ['/bin/grep', '-E', '^(Cap|NoNewPrivs|Seccomp:|Groups|Uid|Gid)', '/proc/self/status']


def fields(text):
    """{name: value} of /proc/PID/status."""
    return {line.split(':', 1)[0]: ' '.join(line.split(':', 1)[1].split()) for line in text.splitlines()}


class Command(RunningTest):

    def test_output_and_exit_code(self):
        name = self.running()
        result = self.exec(name, '/bin/sh', '-c', 'echo out; echo err >&2; exit 7')
        self.assertEqual((7, 'out\n', 'err\n'), (result.code, result.out, result.err))
        self.assertEqual('', self.assert_ok(self.exec(name, 'true')).out)

    def test_standard_input(self):
        name = self.running()
        self.assertEqual('hello', self.assert_ok(self.exec(name, 'cat', stdin='hello')).out)

    def test_killed_by_a_signal(self):
        self.assertEqual(128 + 9, self.exec(self.running(), 'sh', '-c', 'kill -9 $$').code)

    def test_options_end_at_the_id(self):
        name = self.running()
        self.assertEqual('-d --tty --cwd\n', self.assert_ok(self.exec(name, 'echo', '-d', '--tty', '--cwd')).out)
        if self.runtime_name == 'crun-lite':
            self.assertEqual('x\n', self.assert_ok(self.exec(name, '--', 'echo', 'x')).out)

    def test_it_is_in_the_container(self):
        bundle = self.bundle()
        bundle.namespaces('pid', 'network', 'ipc', 'uts', 'mount', 'cgroup')
        name = self.running(bundle)
        init = self.state(name)['pid']
        done, _ = self.exec_detached('--pid-file', self.path('pid'), name, 'sleep', '1000')
        self.assert_ok(done)
        pid = pid_in(self.path('pid'))
        self.assertEqual(namespaces_of(init), namespaces_of(pid))
        self.assertEqual(read(f'/proc/{init}/cgroup'), read(f'/proc/{pid}/cgroup'))
        self.assertIn(pid, json.loads(self.assert_ok(self.oci('ps', '--format', 'json', name)).out))
        self.assertEqual('test\n', self.assert_ok(self.exec(name, 'hostname')).out)

    def test_it_is_confined_as_the_container_is(self):
        bundle = self.bundle()
        # runc and crun differ in what they make of an exec without documents; this is what the bundle says.
        bundle.config['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [
            {'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_ERRNO', 'errnoRet': 13}]}
        bundle.config['process']['oomScoreAdj'] = 321
        bundle.config['process']['rlimits'] = [{'type': 'RLIMIT_NOFILE', 'hard': 333, 'soft': 222}]
        bundle.config['process']['user']['umask'] = 0o027
        name = self.running(bundle.write())
        init = self.state(name)['pid']
        inside = self.assert_ok(self.exec(name, *STATUS)).out
        own = fields(read(f'/proc/{init}/status'))
        for key, value in fields(inside).items():
            if (key, self.runtime_name) != ('NoNewPrivs', 'crun'):  # 1.8 leaves it off
                self.assertEqual(own[key], value, key)
        self.assertEqual('2', fields(inside)['Seccomp'])
        script = 'cat /proc/self/oom_score_adj; ulimit -Hn; mkdir /tmp/x 2>&1; ulimit -n; umask'
        result = self.exec(name, 'sh', '-c', script).out.split('\n')
        if self.runtime_name != 'crun':  # 1.8 does not set them
            self.assertEqual(['321', '333', "mkdir: can't create directory '/tmp/x': Permission denied"], result[:3])
        if self.runtime_name == 'crun-lite':  # Go raises the soft limit meanwhile
            self.assertEqual(['222', '0027'], result[3:5])

    def test_a_changed_config_has_no_effect(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc reads the bundle again')
        bundle = self.bundle()
        name = self.running(bundle)
        bundle.config['process'].update(cwd='/tmp', env=['PATH=/nowhere'], user={'uid': 5, 'gid': 5})
        bundle.config['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_KILL'}
        bundle.write()
        self.assertEqual('/\n0\n', self.assert_ok(self.exec(name, 'sh', '-c', 'pwd; id -u')).out)

    def test_after_the_bundle_is_gone(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc reads the bundle again')
        bundle = self.bundle()
        name = self.running(bundle)
        os.unlink(bundle.path / 'config.json')
        self.assertEqual('here\n', self.assert_ok(self.exec(name, 'echo', 'here')).out)

    def test_in_a_created_container(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun wants it started')
        bundle = self.bundle(['/bin/sleep', '1000'])
        name, created = self.create(bundle)
        self.assert_ok(created)
        self.assertEqual('x\n', self.assert_ok(self.exec(name, 'echo', 'x')).out)
        self.assertEqual('created', self.state(name)['status'])


class Flags(RunningTest):

    def test_cwd_and_environment(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 takes the container\'s environment away')
        name = self.running()
        short = '--env' if self.runtime_name == 'runc' else '-e'  # runc 1.1 takes one of the two alone
        result = self.exec('--cwd', '/tmp', '--env', 'A=1', short, 'B=2 3', '--env=C=', name, 'sh', '-c',
                           'pwd; echo "$A|$B|$C|$TERM"')
        self.assertEqual('/tmp\n1|2 3||xterm\n', self.assert_ok(result).out)

    def test_user_and_groups(self):
        name = self.running()
        words = ['--user', '1000:44']
        if self.runtime_name != 'crun':
            # runc 1.1 takes one of the two alone
            words += ['-g', '7', '-g' if self.runtime_name == 'runc' else '--additional-gids', '8']
        result = fields(self.assert_ok(self.exec(*words, name, *STATUS)).out)
        self.assertEqual(('1000 1000 1000 1000', '44 44 44 44'), (result['Uid'], result['Gid']))
        if self.runtime_name != 'crun':
            self.assertEqual('7 8', result['Groups'])
        result = fields(self.assert_ok(self.exec('-u', '1000', name, *STATUS)).out)
        self.assertEqual(('1000 1000 1000 1000', '0 0 0 0'), (result['Uid'], result['Gid']))

    def test_home_is_the_users(self):
        name = self.running()
        self.assertEqual('/home\n', self.assert_ok(self.exec('-u', '1000', name, 'sh', '-c', 'echo $HOME')).out)
        self.assertEqual('/root\n', self.assert_ok(self.exec(name, 'sh', '-c', 'echo $HOME')).out)

    def test_capability_is_added_and_not_inheritable(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 takes the others away')
        name = self.running()
        before = fields(self.assert_ok(self.exec(name, *STATUS)).out)
        result = fields(self.assert_ok(self.exec('--cap', 'CAP_SYS_TIME', name, *STATUS)).out)
        bit = 1 << 25
        for key in ('CapBnd', 'CapEff', 'CapPrm'):
            self.assertEqual(int(before[key], 16) | bit, int(result[key], 16), key)
        if self.runtime_name == 'crun-lite':  # the others have had CVE-2022-29162
            self.assertEqual(0, int(result['CapInh'], 16) | int(result['CapAmb'], 16))

    def test_unknown_capability_is_a_warning(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('crun 1.8 and runc 1.1 differ')
        self.assertEqual('x\n', self.assert_ok(self.exec('--cap', 'CAP_NONSENSE', self.running(), 'echo', 'x')).out)

    def test_no_new_privileges(self):
        bundle = self.bundle()
        bundle.config['process']['noNewPrivileges'] = False
        name = self.running(bundle.write())
        self.assertEqual('0', fields(self.exec(name, *STATUS).out)['NoNewPrivs'])
        self.assertEqual('1', fields(self.exec('--no-new-privs', name, *STATUS).out)['NoNewPrivs'])

    def test_pid_file_has_the_number_alone(self):
        name = self.running()
        done, output = self.exec_detached('--pid-file', self.path('pid'), name, 'sh', '-c', 'echo x; sleep 1000')
        self.assert_ok(done)
        pid = pid_in(self.path('pid'))
        self.assertTrue(process.alive(pid))
        self.assertIn(pid, process.children())  # reparented to the caller, which waits for it
        wait_until(lambda: read(output) == 'x\n', 'its output')

    def test_pid_file_of_a_program_that_is_not_there(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('the others leave it')
        result = self.exec('--pid-file', self.path('pid'), self.running(), '/nope')
        self.assertEqual(255, result.code)
        self.assertFalse(os.path.exists(self.path('pid')))

    def test_preserved_descriptors(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc 1.1 forgets --preserve-fds beside LISTEN_FDS')
        if self.runtime_name == 'crun':
            self.skipTest('the wrapper around crun has descriptors of its own')
        name = self.running()
        words = ' '.join([*self._oci_argv(), 'exec', '--preserve-fds', '1', name, 'sh', '-c'])
        script = (f'exec 3< {self.write("three", "3 ")} 4< {self.write("four", "4 ")} 5< /etc; '
                  f'LISTEN_FDS=1 LISTEN_PID=$$ exec {words} '
                  "'cat <&3; cat <&4; ls /proc/self/fd; echo $LISTEN_FDS; test $LISTEN_PID = $$ && echo mine'")
        out = self.assert_ok(run(['sh', '-c', script])).out.split()
        if self.runtime_name == 'runc':  # LISTEN_PID is always 1 there
            out.append('mine')
        self.assertEqual('3 4 0 1 2 3 4 5 1 mine'.split(), out)

    def test_missing_command(self):
        result = self.exec(self.running())
        self.assertIn(result.code, (255,) if self.runtime_name == 'crun-lite' else (1, 255))

    def test_identities_that_are_no_numbers(self):
        """CVE-2026-30892 and its kin: never user 0 unless that was said."""
        if self.runtime_name != 'crun-lite':
            self.skipTest('asks for what crun-lite promises')
        name = self.running()
        for user in ('4294967296', '4294967295', '-1', '+0', '0x0', ' 0', ':0', '1:', '1:x', 'root', '', '1:2:3', '1.0',
                     '99999999999999999999', '1:-1', '1:4294967295', '\u0661', '0 ', '1\n'):
            with self.subTest(user):
                self.assert_fails(self.exec(f'--user={user}', name, 'id', '-u'), 255, 'must be a number')
        for user in ('2147483648', '4294967294', '1', '00000000001000'):
            with self.subTest(user):
                result = self.assert_ok(self.exec('--user', user, name, *STATUS))
                self.assertEqual(str(int(user)), fields(result.out)['Uid'].split()[0])
        for gid in ('x', '-1', '4294967295'):
            self.assert_fails(self.exec(f'--additional-gids={gid}', name, 'id'), 255, 'must be a number')


class Document(RunningTest):
    """--process, as conmon, the containerd shim and BuildKit give it."""

    def test_it_is_the_process(self):
        name = self.running()
        document = self.process_file(args=['/bin/sh', '-c', 'pwd; id -u; id -g; id -G; echo $A; umask'], cwd='/tmp',
                                     env=['PATH=/bin', 'A=b'], user={'uid': 1000, 'gid': 44, 'umask': 0o077,
                                                                     'additionalGids': [7]})
        for words in (['--process', document, name], ['-p', document, name], [f'--process={document}', name]):
            out = self.assert_ok(self.exec(*words)).out.split('\n')
            self.assertEqual(['/tmp', '1000', '44', '44 7', 'b'], out[:5])
            if self.runtime_name == 'crun-lite':
                self.assertEqual('0077', out[5])

    def test_what_it_leaves_out_is_the_containers(self):
        bundle = self.bundle()
        bundle.config['process']['rlimits'] = [{'type': 'RLIMIT_NOFILE', 'hard': 333, 'soft': 222}]
        name = self.running(bundle.write())
        wanted = fields(self.exec(name, *STATUS).out)
        document = self.process_file(args=STATUS)
        result = fields(self.assert_ok(self.exec('--process', document, name)).out)
        self.assertEqual({k: wanted[k] for k in wanted if k.startswith('Cap')},
                         {k: result[k] for k in result if k.startswith('Cap')})
        if self.runtime_name == 'crun-lite':
            document = self.process_file(args=['sh', '-c', 'ulimit -n; ulimit -Hn'])
            self.assertEqual('222\n333\n', self.assert_ok(self.exec('--process', document, name)).out)

    def test_capabilities_and_limits_of_its_own(self):
        name = self.running()
        document = self.process_file(args=['sh', '-c', 'grep ^Cap /proc/self/status; ulimit -n'],
                                     capabilities={k: ['CAP_KILL'] for k in ('bounding', 'effective', 'permitted')},
                                     rlimits=[{'type': 'RLIMIT_NOFILE', 'hard': 100, 'soft': 50}])
        out = self.assert_ok(self.exec('--process', document, name)).out
        self.assertEqual(f'{1 << 5:016x}', out.split('CapEff:\t')[1][:16])
        if self.runtime_name != 'runc':  # Go raises the soft limit, sometimes in time
            self.assertEqual('50', out.split()[-1])

    def test_through_a_pipe(self):
        if self.runtime_name == 'crun':
            self.skipTest('the wrapper around crun is no single word')
        name = self.running()
        words = ' '.join([*self._oci_argv(), 'exec', '--process'])
        script = f'{words} <(cat {self.process_file(args=["echo", "piped"])}) {name}'
        self.assertEqual('piped\n', self.assert_ok(run(['bash', '-c', script])).out)

    def test_mistakes_are_named(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('their words differ')
        name = self.running()
        for change, words in (({'args': None}, '"args" is missing'), ({'args': []}, 'command'),
                              ({'cwd': 'tmp'}, 'absolute'),
                              ({'env': ['A']}, 'NAME=VALUE'), ({'args': 'x'}, 'expected array'),
                              ({'scheduler': {'policy': 'SCHED_NONSENSE'}}, 'SCHED_NONSENSE')):
            with self.subTest(change):
                self.assert_fails(self.exec('--process', self.process_file(**change), name), 255, words)
        self.assert_fails(self.exec('--process', self.write('bad.json', '{"args":['), name), 255, 'bad.json:1:')
        self.assert_fails(self.exec('--process', self.path('nosuch'), name), 255, 'nosuch')


class Errors(RunningTest):
    """SPEC: the words that docker and podman make exit codes of. Our own failures are 255."""

    def test_programs_that_cannot_be_executed(self):
        bundle = self.bundle()
        (bundle.rootfs / 'bin/script').write_text('#!/bin/nosuch\n')
        (bundle.rootfs / 'bin/text').write_text('text\n')
        (bundle.rootfs / 'bin/garbage').write_text('no program\n')
        for file in ('script', 'garbage'):
            os.chmod(bundle.rootfs / 'bin' / file, 0o755)
        name = self.running(bundle)
        if self.runtime_name == 'crun':
            self.skipTest('other words')
        for program, words in (
                ('nosuch', 'exec: "nosuch": executable file not found in $PATH'),
                ('/nope', 'exec: "/nope": stat /nope: no such file or directory'),
                ('/bin', 'exec: "/bin": '),
                ('/bin/text', 'exec: "/bin/text": permission denied'),
                ('/bin/script', 'no such file or directory'),
                ('/bin/garbage', 'exec format error')):
            if self.runtime_name == 'runc' and words.startswith(('no such', 'exec format')):
                continue  # runc 1.1 has let go of it by then
            for detach in ([], ['--detach']):
                with self.subTest(program=program, detach=detach):
                    result = self.exec(*detach, name, program)
                    self.assertEqual(255, result.code, result)
                    self.assertIn('exec failed: ', result.err)
                    self.assertIn(words, result.err.replace('\\"', '"'))  # runc quotes what it logs

    def test_states(self):
        if self.runtime_name == 'crun':
            self.skipTest('other words')
        self.assert_fails(self.exec('nosuch', 'true'), 255, 'container does not exist')
        name = self.running(script='exit 0')
        self.wait_status(name, 'stopped')
        self.assert_fails(self.exec(name, 'true'), 255, 'cannot exec in a stopped container')

    def test_paused(self):
        name = self.running()
        self.freeze(name, True)
        try:
            if self.runtime_name == 'crun-lite':
                self.assert_fails(self.exec(name, 'true'), 255, 'cannot exec in a paused container '
                                  '(use --ignore-paused to override)')
            if self.runtime_name == 'crun':
                return
            started = self.background([*self._oci_argv(), 'exec', '--ignore-paused', name, 'echo', 'thawed'],
                                      stdout=subprocess.PIPE)
            time.sleep(0.3)
            self.assertIsNone(started.poll())
        finally:
            self.freeze(name, False)
        self.assertEqual(b'thawed\n', started.stdout.read())
        self.assertEqual(0, started.wait(timeout=10))

    def freeze(self, name, on):
        cgroups = [c for c in probe.cgroups(self.token) if '/freezer/' in c or 'cgroup.freeze' in os.listdir(c)]
        freezer = next((c for c in cgroups if '/freezer/' in c), None)
        if freezer:
            with open(os.path.join(freezer, 'freezer.state'), 'w', encoding='ascii') as f:
                f.write('FROZEN' if on else 'THAWED')
            state = 'FROZEN' if on else 'THAWED'
            wait_until(lambda: read(os.path.join(freezer, 'freezer.state')).strip() == state, state)
            return
        with open(os.path.join(cgroups[0], 'cgroup.freeze'), 'w', encoding='ascii') as f:
            f.write('1' if on else '0')

    def test_one_line_in_the_log(self):
        name = self.running()
        log = self.path('log')
        result = run([*self._oci_argv(), '--log', log, '--log-format', 'json', 'exec', name, 'nosuch'])
        self.assertEqual(255, result.code)
        if self.runtime_name == 'crun-lite':
            self.assertIn('executable file not found in $PATH', json.loads(read(log))['msg'])


class Foreground(RunningTest):

    def test_signals_are_forwarded(self):
        name = self.running()
        started = self.background([*self._oci_argv(), 'exec', name, 'sh', '-c',
                                   'trap "echo got; exit 5" TERM; echo ready; while :; do sleep 0.05; done'],
                                  stdout=subprocess.PIPE)
        self.assertEqual(b'ready\n', started.stdout.readline())
        started.send_signal(signal.SIGTERM)
        self.assertEqual(b'got\n', started.stdout.readline())
        self.assertEqual(5, started.wait(timeout=10))

    def test_nothing_outlives_a_killed_exec(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('asks for what crun-lite promises')
        name = self.running()
        started = self.background([*self._oci_argv(), 'exec', '--pid-file', self.path('pid'), name, 'sh', '-c',
                                   'echo ready; exec sleep 1000'], stdout=subprocess.PIPE)
        self.assertEqual(b'ready\n', started.stdout.readline())
        pid = pid_in(self.path('pid'))
        started.kill()
        started.wait()
        wait_until(lambda: not process.alive(pid), 'the end of the process')
        self.assertEqual('running', self.state(name)['status'])


class Terminals(RunningTest):

    def test_console_socket(self):
        name = self.running()
        socket_ = ConsoleSocket(self.path('console.sock'))
        self.addCleanup(socket_.close)
        document = self.process_file(args=['sh', '-c', 'stty size; tty; read x; echo "got $x"'], terminal=True,
                                     consoleSize={'height': 33, 'width': 99})
        done, _ = self.exec_detached('--tty', '--console-socket', self.path('console.sock'), '--process', document,
                                     name)
        self.assert_ok(done)
        terminal, _ = socket_.receive()
        self.addCleanup(terminal.close)
        if self.runtime_name != 'crun':
            terminal.expect('33 99')
        terminal.expect('/dev/pts/')
        terminal.send('hello\n')
        terminal.expect('got hello')

    def test_tty_in_the_foreground(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('the others set the size late')
        name = self.running()
        terminal, slave = Terminal.pair(rows=40, columns=120)
        self.addCleanup(terminal.close)
        self.addCleanup(os.close, slave)
        started = self.background([*self._oci_argv(), 'exec', '-t', name, 'sh', '-c',
                                   'stty size; read line; echo "got $line"; tty; exit 6'],
                                  stdin=slave, stdout=slave, stderr=slave)
        terminal.expect('40 120')
        terminal.send('hello\r')
        terminal.expect('got hello')
        terminal.expect('/dev/pts/')
        self.assertEqual(6, started.wait(timeout=10))

    def test_the_rules_of_terminals(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun takes more')
        name = self.running()
        result = self.exec('--detach', '--tty', name, 'true')
        self.assert_fails(result, 255, 'cannot allocate tty if', 'without setting console socket')
        result = self.exec('--console-socket', self.path('none'), name, 'true')
        self.assert_fails(result, 255, 'cannot use console socket if')


class Cgroups(RunningTest):

    def test_inside(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 takes one path for all')
        name = self.running()
        cgroups = [c for c in probe.cgroups(self.token) if '/memory/' in c]
        if not cgroups:
            self.skipTest('no memory controller of cgroup v1')
        os.mkdir(os.path.join(cgroups[0], 'sub'))
        out = self.assert_ok(self.exec('--cgroup', 'memory:sub', name, 'cat', '/proc/self/cgroup')).out
        lines = {line.split(':')[1]: line.split(':')[2] for line in out.split()}
        self.assertTrue(lines['memory'].endswith('/sub'), out)
        self.assertFalse(lines['pids'].endswith('/sub'), out)
        self.assert_ok(self.exec('--cgroup', '/', name, 'true'))

    def test_inside_one_that_stands_still(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('the peers wait until somebody thaws it')
        name = self.running()
        freezer = next((c for c in probe.cgroups(self.token) if '/freezer/' in c), None)
        if not freezer:
            self.skipTest('no freezer of cgroup v1')
        os.mkdir(os.path.join(freezer, 'sub'))
        with open(os.path.join(freezer, 'sub', 'freezer.state'), 'w', encoding='utf-8') as state:
            state.write('FROZEN')
        result = self.exec('--cgroup', 'freezer:sub', name, 'true', timeout=10)
        self.assert_fails(result, 255, 'cgroup unexpectedly frozen', freezer)

    def test_elsewhere(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 takes one path for all')
        name = self.running()
        bad = 'sub cgroup path' if self.runtime_name == 'runc' else 'bad sub cgroup path'
        for argument, words in (('..', bad), ('cpu:../x', bad),
                                ('whaaat:/foo', 'unknown controller '), ('nonexistent', 'adding pid '),
                                ('cpu:nonexistent', 'o such file or directory'),
                                ('a:b:c', 'invalid --cgroup argument')):
            with self.subTest(argument):
                self.assert_fails(self.exec('--cgroup', argument, name, 'true'), 255, words)
        self.assert_fails(self.exec('--cgroup', 'a', '--cgroup', 'b', name, 'true'), 255, 'invalid --cgroup argument')


class PidfdSocket(RunningTest):
    own_only = True  # runc has it since 1.2

    def setUp(self):
        super().setUp()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path('pidfd.sock'))
        self.listener.listen(1)
        self.listener.settimeout(10)
        self.addCleanup(self.listener.close)

    def receive(self):
        connection, _ = self.listener.accept()
        with connection:
            text, fds, _, _ = socket.recv_fds(connection, 100, 4)
        self.assertEqual(1, len(fds))
        self.addCleanup(os.close, fds[0])
        info = read(f'/proc/self/fdinfo/{fds[0]}')
        return text, int(info.split('\nPid:')[1].split()[0])

    def test_create(self):
        name = self.running(None, '--pidfd-socket', self.path('pidfd.sock'))
        self.assertEqual((b'standard', self.state(name)['pid']), self.receive())

    def test_exec(self):
        name = self.running()
        done, _ = self.exec_detached('--pidfd-socket', self.path('pidfd.sock'), '--pid-file', self.path('pid'), name,
                                     'sleep', '1000')
        self.assert_ok(done)
        self.assertEqual((b'setns', pid_in(self.path('pid'))), self.receive())

    def test_run(self):
        self.assert_ok(self.run_bundle(self.bundle(), '--pidfd-socket', self.path('pidfd.sock')))
        self.assertEqual(b'standard', self.receive()[0])

    def test_socket_that_is_not_there(self):
        name = self.running()
        self.assert_fails(self.exec('--pidfd-socket', self.path('none'), name, 'true'), 255, 'pidfd socket')
