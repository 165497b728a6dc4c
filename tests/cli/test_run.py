# SPDX-License-Identifier: Apache-2.0
"""`run IMAGE`: what the user asked for is what the container gets, and its end is passed on."""
import os
import signal
import subprocess
import termios
import time
from pathlib import Path

from run_support import RunTest

from support.harness import Image, Terminal, unittest
from support.images import directory, member, tar


class Processes(RunTest):
    def test_output_goes_where_ours_goes(self):
        result = self.assert_ok(self.run_bb('sh', '-c', 'echo out; echo err >&2'))
        self.assertEqual((result.out, result.err), ('out\n', 'err\n'))

    def test_exit_codes_are_passed_on(self):
        for code in (0, 1, 3, 42, 255):
            self.assertEqual(self.run_bb('sh', '-c', f'exit {code}').code, code)

    def test_signals_become_128_and_more(self):
        for name, code in (('KILL', 137), ('TERM', 143), ('INT', 130)):
            # PID 1 does not get signals from inside; with --init the program is not PID 1.
            result = self.run_bb('sh', '-c', f'kill -{name} $$', flags=['--init'])
            self.assertEqual(result.code, code, result)

    def test_commands_that_cannot_be_started(self):
        for command, code, text in (
                ('nosuch', 127, 'exec: "nosuch": executable file not found in $PATH'),
                ('/bin/nosuch', 127, 'exec: "/bin/nosuch": stat /bin/nosuch: no such file or directory'),
                ('/etc', 126, 'exec: "/etc": permission denied'),
                ('/etc/passwd', 126, 'exec: "/etc/passwd": permission denied')):
            self.assert_fails(self.run_bb(command), code, text)

    def test_init_says_so_too(self):
        self.assert_fails(self.run_bb('nosuch', flags=['--init']), 127, 'executable file not found in $PATH')
        self.assert_fails(self.run_bb('/etc/passwd', flags=['--init']), 126, 'permission denied')

    def test_standard_input_only_with_i(self):
        self.assertEqual(self.run_bb('cat', flags=['-i'], stdin='words\n').out, 'words\n')
        self.assertEqual(self.run_bb('cat', stdin='words\n').out, '')

    def test_entrypoint_and_command(self):
        self.load(Image(Entrypoint=['echo', 'image'], Cmd=['cmd']), 'ep')
        for flags, args, out in (((), (), 'image cmd'), ((), ('mine',), 'image mine'),
                                 (('--entrypoint', 'echo'), ('x',), 'x'), (('--entrypoint', ''), ('echo', 'y'), 'y')):
            self.assertEqual(self.assert_ok(self.run_bb(*args, flags=flags, image='ep')).out, out + '\n')

    def test_environment(self):
        env = {**os.environ, 'FROM_CALLER': 'yes', 'NOT_NAMED': 'secret'}
        flags = ['-e', 'A=1', '-e', 'FROM_CALLER', '-e', 'NOT_THERE', '--env-file', self.write('env', '# c\nB=2\n')]
        got = self.assert_ok(self.run_bb('env', flags=flags, env=env)).out.split('\n')
        self.assertEqual(sorted(line.split('=')[0] for line in got if line),
                         ['A', 'B', 'FROM_CALLER', 'HOME', 'HOSTNAME', 'PATH'])
        self.assertIn('FROM_CALLER=yes', got)

    def test_working_directory_is_made(self):
        self.assertEqual(self.run_bb('pwd', flags=['-w', '/new/deep']).out, '/new/deep\n')
        self.load(Image(WorkingDir='/app'), 'wd')
        self.assertEqual(self.run_bb('pwd', image='wd').out, '/app\n')

    def test_users(self):
        for user, out in (('alice', 'uid=1000(alice) gid=1000(alice) groups=44(video),1000(alice)'),
                          ('1000', 'uid=1000(alice) gid=1000(alice) groups=44(video),1000(alice)'),
                          ('7', 'uid=7 gid=0(root) groups=0(root)'),
                          ('7:8', 'uid=7 gid=8 groups=8')):
            self.assertEqual(self.run_bb('id', flags=['-u', user]).out, out + '\n')
        for user in ('4294967296', '-1', '+0', '0x0', 'nobody-here', ':0'):
            self.assert_fails(self.run_bb('id', flags=['-u', user]), 125)

    def test_files_of_the_container_itself(self):
        out = self.assert_ok(self.run_bb('sh', '-c', 'hostname; cat /etc/hostname; cat /etc/hosts',
                                         flags=['-h', 'mine', '--add-host', 'db:192.0.2.7'])).out
        self.assertTrue(out.startswith('mine\nmine\n'), out)
        self.assertRegex(out, r'192\.0\.2\.7\s+db')
        self.assertRegex(out, r'10\.\d+\.\d+\.\d+\s+mine')

    def test_hostname_is_the_short_id(self):
        out = self.run_bb('hostname').out.strip()
        self.assertEqual(out, self.container_id()[:12])

    def test_many_orphans_are_reaped(self):
        script = 'i=0; while [ $i -lt 100 ]; do (sleep 0 &); i=$((i+1)); done; sleep 0.5; ps | grep -c "\\[sleep\\]"'
        self.assertEqual(self.run_bb('sh', '-c', script, flags=['--init']).out, '0\n')


class Signals(RunTest):
    def started(self, script, flags=(), **popen):
        process = self.start_bb('sh', '-c', script, flags=flags, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                **popen)
        self.assertEqual(process.stdout.readline(), b'ready\n')
        return process

    def test_are_forwarded(self):
        for name in ('HUP', 'INT', 'TERM', 'USR1', 'QUIT', 'CONT', 'URG'):
            process = self.started(f'trap "echo got; exit 9" {name}; echo ready; while :; do sleep 0.05; done')
            process.send_signal(getattr(signal, 'SIG' + name))
            out, err = process.communicate(timeout=10)
            self.assertEqual((out, process.returncode), (b'got\n', 9), (name, err))

    def test_ctrl_c_ends_a_server_with_init(self):
        process = self.started('echo ready; exec sleep 1000', flags=['--init'])
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        self.assertEqual(process.returncode, 130)

    def test_third_interrupt_kills_what_ignores_the_first(self):
        process = self.started('trap "" INT; echo ready; exec sleep 1000')
        process.send_signal(signal.SIGINT)
        self.assertIn(b'no handler for SIGINT', process.stderr.readline())
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)  # two pending ones are one
        process.communicate(timeout=10)
        self.assertEqual(process.returncode, 137)

    def test_a_killed_run_is_cleared_away_by_the_next(self):
        process = self.started('echo ready; exec sleep 1000', flags=['-p', '8080:80', '--name', 'gone'])
        process.kill()
        process.wait(timeout=10)
        self.assertEqual(len(self.containers_left()), 1)
        # The same name and port: both are free again.
        again = self.run_bb('true', flags=['-p', '8080:80', '--name', 'gone'])
        self.assert_ok(again)
        self.assertEqual(self.containers_left(), [])

    def test_runs_side_by_side_leave_each_other_alone(self):
        process = self.started('echo ready; read x; exit 5', flags=['-i'], stdin=subprocess.PIPE)
        self.assert_ok(self.run_bb('true'))
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        self.assert_ok(self.run_bb('true'))


class Names(RunTest):
    def test_a_taken_name_is_a_conflict(self):
        process = self.start_bb('sh', '-c', 'echo ready; exec sleep 1000', flags=['--init', '--name', 'web'],
                                stdout=subprocess.PIPE)
        process.stdout.readline()
        self.assert_fails(self.run_bb('true', flags=['--name', 'web']), 125,
                          'Conflict. The container name "/web" is already in use by container "')
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
        self.assert_ok(self.run_bb('true', flags=['--name', 'web']))

    def test_a_cidfile_must_be_new(self):
        cid = self.write('taken', '')
        self.assert_fails(self.cli('run', '--cidfile', cid, 'bb', 'true'), 125, 'container ID file')


class Volumes(RunTest):
    def test_host_directories(self):
        self.write('data/in', 'from host\n')
        out = self.run_bb('sh', '-c', 'cat /d/in; echo back > /d/out', flags=['-v', self.path('data') + ':/d']).out
        self.assertEqual(out, 'from host\n')
        self.assertEqual(Path(self.path('data/out')).read_text(encoding='ascii'), 'back\n')
        self.assert_fails(self.run_bb('touch', '/d/no', flags=['-v', self.path('data') + ':/d:ro']), 1,
                          'Read-only file system')

    def test_missing_host_directories_are_made(self):
        self.assert_ok(self.run_bb('true', flags=['-v', self.path('new/deep') + ':/d']))
        self.assertTrue(os.path.isdir(self.path('new/deep')))

    def test_a_file_over_a_directory_is_refused(self):
        self.assert_fails(self.run_bb('true', flags=['-v', self.write('f', '') + ':/etc']), 125, 'not a directory')

    def test_a_named_volume_stays_and_starts_with_the_images_files(self):
        layer = tar([directory('data', mode=0o750, uid=1000), member('data/seed', 'seed\n', uid=1000)])
        image = Image()
        image.layers.append(layer)
        self.load(image, 'seeded')
        first = self.run_bb('sh', '-c', 'cat /data/seed; stat -c %u:%a /data; echo more > /data/more',
                            flags=['-v', 'vol1:/data'], image='seeded')
        self.assertEqual(self.assert_ok(first).out, 'seed\n1000:750\n')
        self.assertEqual(self.run_bb('ls', '/data', flags=['-v', 'vol1:/data'], image='seeded').out, 'more\nseed\n')
        self.assertEqual(self.run_bb('ls', '/data', flags=['-v', '/data'], image='seeded').out, 'seed\n')

    def test_volumes_of_the_image_are_writable_with_read_only(self):
        self.load(Image(Volumes={'/data': {}}), 'vols')
        self.assert_ok(self.run_bb('touch', '/data/x', flags=['--read-only'], image='vols'))
        self.assert_fails(self.run_bb('touch', '/x', flags=['--read-only'], image='vols'), 1)

    def test_tmpfs_and_shm(self):
        out = self.run_bb('sh', '-c', 'df -k /dev/shm /t | awk "NR>1{print \\$2}"',
                          flags=['--shm-size', '16m', '--tmpfs', '/t:size=8m']).out
        self.assertEqual(out.split(), ['16384', '8192'])


class Terminals(RunTest):
    def attached(self, *args, flags):
        terminal, slave = Terminal.pair(rows=33, columns=77)
        self.addCleanup(terminal.close)
        process = self.start_bb(*args, flags=flags, stdin=slave, stdout=slave, stderr=slave)
        self._slave = slave
        self.addCleanup(os.close, slave)
        return terminal, process

    def test_tty(self):
        terminal, process = self.attached('sh', flags=['-it'])
        before = termios.tcgetattr(self._slave)
        terminal.send('stty size; test -t 0 && echo is-"tty"; echo $TERM\n')
        terminal.expect('33 77')
        terminal.expect('is-tty')
        terminal.expect('xterm')
        terminal.resize(44, 99)
        process.send_signal(signal.SIGWINCH)
        terminal.send('stty size; exit 6\n')
        terminal.expect('44 99')
        self.assertEqual(process.wait(timeout=10), 6)
        after = termios.tcgetattr(self._slave)
        self.assertEqual(before, after)

    def test_keys_reach_the_program(self):
        terminal, process = self.attached('sh', '-c', 'trap "echo caught; exit 7" INT; echo ready; '
                                          'while :; do sleep 0.05; done', flags=['-it'])
        terminal.expect('ready')
        terminal.send('\x03')
        terminal.expect('caught')
        self.assertEqual(process.wait(timeout=10), 7)

    def test_our_terminal_is_never_handed_over(self):
        terminal, process = self.attached('sh', '-c', 'test -t 1 || echo no-terminal; readlink /proc/self/fd/2',
                                          flags=[])
        terminal.expect('no-terminal')
        terminal.expect('pipe:')
        self.assertEqual(process.wait(timeout=10), 0)

    def hang_up(self, *args, flags=(), before=()):
        """The exit code after the terminal was closed in which the program said "ready"."""
        terminal, slave = Terminal.pair()
        self.addCleanup(os.close, slave)
        argv = ['setsid', '--ctty', '--wait', *before, *self.argv(*args, flags=flags)]
        process = self.background(argv, host=self.host, stdin=slave, stdout=slave, stderr=slave)
        terminal.expect('ready')
        terminal.close()
        return process

    def test_a_closed_terminal_ends_what_ignores_it(self):
        # PID 1 has no handler for SIGHUP, and nobody is left to repeat it.
        process = self.hang_up('sh', '-c', 'echo ready; exec sleep 60', flags=['-t'])
        self.assertEqual(process.wait(timeout=20), 137)

    def test_an_ignored_hangup_is_not_passed_on(self):
        process = self.hang_up('sh', '-c', 'trap "exit 4" HUP; echo ready; while :; do sleep 0.05; done',
                               before=['env', '--ignore-signal=HUP'], flags=['-t'])
        with self.assertRaises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        self.cli('kill', self.container_id(), 'KILL')
        self.assertEqual(process.wait(timeout=10), 137)

    def test_a_pipe_is_no_terminal(self):
        self.assert_fails(self.run_bb('sh', flags=['-it']), 125, 'the input device is not a TTY')


class Mistakes(RunTest):
    def test_images_that_are_not_there(self):
        self.load(Image(), 'python-docker')
        self.assert_fails(self.run_bb(image='python-doker'), 125,
                          "Unable to find image 'python-doker:latest' locally", 'python-docker', 'crun-lite load')
        self.assert_fails(self.run_bb(image='Bad:::Name'), 125, 'invalid reference format')

    def test_flags(self):
        for flags, text in ((['--nosuch'], 'unknown flag: --nosuch'), (['-m', '1m'], '6MB'),
                            (['-m', 'x'], 'invalid size'),
                            (['-d'], 'not in this version'), (['-p', '80:x'], 'invalid containerPort'),
                            (['--cap-add', 'net_adminn'], 'did you mean CAP_NET_ADMIN?'),
                            (['-w', 'rel'], 'absolute path'),
                            (['--name', '-'], 'Invalid container name'), (['-e', '=x'], 'invalid environment variable'),
                            (['--network', 'nope'], 'bridge, host and none')):
            self.assert_fails(self.run_bb('true', flags=flags), 125, text)
        self.assert_fails(self.cli('run'), 125, 'requires at least 1 argument')

    def test_an_image_that_is_wrong(self):
        self.load(Image(Env=['PATH']), 'bare')
        self.assert_fails(self.run_bb('true', image='bare'), 125, 'not NAME=VALUE')
        self.load(Image(Cmd=None), 'nocmd')
        self.assert_fails(self.run_bb(image='nocmd'), 125, 'no command specified')

    def test_configuration(self):
        path = self.write('config.yaml', 'run:\n  initt: true\nlimits:\n  memory: lots\n')
        result = self.run_bb('true', env={**os.environ, 'CRUN_LITE_CONFIG': path})
        self.assert_fails(result, 125, f'{path}:2:3: run: unknown key "initt"; did you mean run.init?',
                          f"{path}:4:11: limits.memory: invalid size: 'lots'")
        path = self.write('good.yaml', 'run:\n  env: {FROM: file}\n  init: true\n')
        result = self.run_bb('sh', '-c', 'echo $FROM $$', env={**os.environ, 'CRUN_LITE_CONFIG': path})
        self.assertEqual(self.assert_ok(result).out, 'file 2\n')

    def test_a_store_of_ones_own(self):
        path = self.write('store.yaml',
                          f'storage: {{root: {self.path("store")}}}\nstate: {{root: {self.path("state")}}}\n')
        env = {**os.environ, 'CRUN_LITE_CONFIG': path}
        archive = Image().docker_archive(self.path('own.tar'), 'own:latest')
        self.assert_ok(self.cli('load', '-i', archive, env=env))
        self.assertEqual(self.assert_ok(self.run_bb('echo', 'hi', image='own', env=env)).out, 'hi\n')
        self.assertEqual(os.listdir(self.path('store/containers')), [])
        self.assert_fails(self.run_bb('true', image='own'), 125, 'Unable to find image')


if __name__ == '__main__':
    unittest.main()
