# SPDX-License-Identifier: Apache-2.0
"""podman and conmon with crun-lite as their OCI runtime: what people do with containers every day. The same tests pass
with CRUN_LITE_TEST_RUNTIME=runc and =crun, but for what they cannot do (each skip says so)."""
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from podman_support import IMAGE, PodmanTest

from support.harness import paths, wait_until

DEADLINE = 900

# Says when it is ready, and which signals it gets.
TRAPS = 'for s in TERM HUP USR1; do trap "echo got $s; [ $s = TERM ] && exit 4" $s; done; echo ready; ' \
        'while :; do sleep 0.05; done'

CAPS = 'grep CapEff /proc/self/status | cut -f2'
# What --privileged gives: all that this machine's root has.
ALL = next(line.split()[1] + '\n' for line in Path('/proc/self/status').read_text(encoding='ascii').splitlines()
           if line.startswith('CapBnd'))


class Run(PodmanTest):

    def test_exit_codes(self):
        for code in (0, 3, 255):
            self.assertEqual(code, self.run_bb('sh', '-c', f'exit {code}').code)
        result = self.run_bb('sh', '-c', 'echo out; echo err >&2')
        self.assertEqual(('out\n', 'err\n'), (result.out, result.err))
        for command, code, text in ((['nosuch'], 127, 'executable file (`nosuch` )?not found'),
                                    (['/no/such'], 127, '[nN]o such file or directory'),
                                    (['/etc'], 126, '[pP]ermission denied')):
            result = self.run_bb(*command)
            self.assertEqual(code, result.code, result)
            self.assertRegex(result.err, text)
        self.assertEqual(125, self.podman('run', '--rm', '--nosuch', IMAGE).code)
        self.assertEqual('', self.ok('ps', '-aq'))

    def test_what_the_runtime_refuses_is_told(self):
        refused = self.run_bb('true', flags=['-v', f'{self.scratch}:/bin/busybox'])
        self.assertIn(refused.code, (125, 126, 127), refused)
        self.assertRegex(refused.err.lower(), 'not a directory')
        self.assertEqual('', self.ok('ps', '-aq'))

    def test_stdin(self):
        self.assertEqual('one\ntwo\n', self.run_bb('cat', flags=['-i'], stdin='one\ntwo\n').out)

    def test_create_start_wait_attach(self):
        name = self.ok('create', '--cgroup-parent', self.parent, '-i', IMAGE, 'sh', '-c', 'read x; echo $x; exit 6')
        self.assertEqual('created', self.state(name)['Status'])
        self.ok('init', name)
        self.assertEqual('initialized', self.state(name)['Status'])
        result = self.podman('start', '-a', '-i', name, stdin='given\n')
        self.assertEqual((6, 'given\n'), (result.code, result.out), result)
        self.assertEqual('6', self.ok('wait', name))
        again = self.podman('start', '-a', '-i', name, stdin='more\n')
        self.assertEqual((6, 'more\n'), (again.code, again.out), again)

    def test_terminal(self):
        terminal, shell = self.terminal('run', '--rm', '-it', '--cgroup-parent', self.parent, IMAGE, 'sh')
        terminal.send('tty; echo "size $(stty size)"; echo end-$((1 + 1))\n')
        seen = terminal.expect('end-2', timeout=30)
        self.assertRegex(seen, r'/dev/(pts/0|console)')
        self.assertIn('size 33 101', seen)
        terminal.resize(20, 50)
        os.killpg(shell.pid, signal.SIGWINCH)
        for _ in range(50):
            terminal.send('echo "now $(stty size)."\n')
            if 'now 20 50.' in terminal.expect('.\r\n', timeout=10):
                break
            time.sleep(0.05)
        else:
            self.fail('the new size did not arrive')
        terminal.send('exit 5\n')
        self.assertEqual(5, shell.wait(timeout=30))

    def test_log_level_debug(self):
        # podman's clean-up then wants a syslog, and fails where there is none.
        syslog = self.background([paths.PYTHON, '-c',
                                  'import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)'
                                  '; s.bind("/run/log")\nwhile True: s.recv(65536)'], self.host)
        wait_until(lambda: self.host.run(['test', '-S', '/run/log']).code == 0, 'the syslog listens')
        self.assertIsNone(syslog.poll())
        result = self.podman('--log-level', 'debug', 'run', '--rm', '--cgroup-parent', self.parent, IMAGE, 'echo', 'hi')
        self.assertEqual((0, 'hi\n'), (result.code, result.out), result)
        self.assertIn(self.runtime_name, result.err)
        missing = self.podman('--log-level', 'debug', 'run', '--rm', '--cgroup-parent', self.parent, IMAGE, 'nosuch')
        self.assertEqual(127, missing.code, missing)

    def test_descriptors_are_passed_on(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        started = self.start_podman('run', '--rm', '--preserve-fds', '1', '--cgroup-parent', self.parent, IMAGE, 'sh',
                                    '-c', 'echo through >&3', stdout=subprocess.DEVNULL, close_fds=False,
                                    preexec_fn=lambda: os.dup2(writing, 3))
        os.close(writing)
        self.assertEqual(0, started.wait(timeout=60))
        self.assertEqual(b'through\n', os.read(reading, 100))


class Running(PodmanTest):

    def test_detached_and_listed(self):
        name = self.start('sleep', '1000', flags=['--name', 'web', '--annotation', 'a=b'])
        listed = json.loads(self.ok('ps', '--format', 'json'))
        self.assertEqual([(name, ['web'], 'running')], [(c['Id'], c['Names'], c['State']) for c in listed])
        seen = self.inspect('web')
        self.assertEqual(self.runtime_name, seen['OCIRuntime'])
        self.assertTrue(os.path.exists(f'/proc/{seen["State"]["Pid"]}'))
        taken = self.run_bb('true', flags=['--name', 'web'])
        self.assertEqual(125, taken.code, taken)
        self.ok('rm', '-f', '-t', '0', 'web')
        self.assertFalse(os.path.exists(f'/proc/{seen["State"]["Pid"]}'))

    def test_exec(self):
        name = self.start('sleep', '1000', flags=['-e', 'A=run', '-w', '/tmp'])

        def in_it(*args, **kwargs):
            result = self.podman('exec', *args, **kwargs)
            return result.code, result.out, result.err

        look = 'echo $(id -u):$(id -g) $(pwd) $A $B'
        self.assertEqual((0, '0:0 /tmp run\n', ''), in_it(name, 'sh', '-c', look))
        self.assertEqual((0, '1000:1000 /etc run e\n', ''),
                         in_it('-u', 'alice', '-w', '/etc', '-e', 'B=e', name, 'sh', '-c', look))
        self.assertEqual((9, '', 'no\n'), in_it(name, 'sh', '-c', 'echo no >&2; exit 9'))
        self.assertEqual((0, 'in\n', ''), in_it('-i', name, 'cat', stdin='in\n'))
        for command, code in (('nosuch', 127), ('/no/such', 127), ('/etc', 126)):
            self.assertEqual(code, in_it(name, command)[0], command)
        self.assertEqual(137, in_it(name, 'sh', '-c', 'kill -9 $$')[0])
        self.assertEqual('0000000000000000\n', in_it('-u', '1000', name, 'sh', '-c', CAPS)[1])
        self.assertEqual(ALL, in_it('--privileged', name, 'sh', '-c', CAPS)[1])
        self.ok('exec', '-d', name, 'sh', '-c', 'echo detached > /tmp/d')
        wait_until(lambda: in_it(name, 'cat', '/tmp/d')[1] == 'detached\n', 'the detached exec')
        self.ok('stop', '-t', '0', name)
        self.assertNotEqual(0, in_it(name, 'true')[0])

    def test_exec_on_a_terminal(self):
        name = self.start('sleep', '1000')
        terminal, shell = self.terminal('exec', '-it', name, 'sh')
        terminal.send('tty; echo "size $(stty size)"; echo end-$((1 + 1))\n')
        seen = terminal.expect('end-2', timeout=30)
        self.assertIn('/dev/pts/', seen)
        self.assertIn('size 33 101', seen)
        terminal.send('exit 7\n')
        self.assertEqual(7, shell.wait(timeout=30))

    def test_several_at_once(self):
        name = self.start('sleep', '1000')
        running = [self.start_podman('exec', name, 'sh', '-c', f'echo {n}; exit {n}', stdout=subprocess.PIPE)
                   for n in range(5)]
        for n, started in enumerate(running):
            out, _ = started.communicate(timeout=60)
            self.assertEqual((n, f'{n}\n'.encode()), (started.returncode, out))

    def test_stop(self):
        honours = self.start('sh', '-c', TRAPS)
        ignores = self.start('sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done')
        for name in (honours, ignores):
            self.wait_logs(name, 'ready')
        self.ok('stop', '-t', '20', honours)
        self.assertEqual(('exited', 4), (self.state(honours)['Status'], self.state(honours)['ExitCode']))
        start = time.monotonic()
        self.ok('stop', '-t', '1', ignores)
        self.assertLess(1, time.monotonic() - start)
        self.assertEqual(('exited', 137), (self.state(ignores)['Status'], self.state(ignores)['ExitCode']))
        self.ok('start', honours)
        self.wait_logs(honours, 'ready\n')
        self.ok('restart', '-t', '5', honours)
        self.assertEqual('running', self.state(honours)['Status'])

    def test_kill(self):
        name = self.start('sh', '-c', TRAPS)
        self.wait_logs(name, 'ready')
        for signal_name in ('HUP', 'SIGUSR1'):
            self.ok('kill', '-s', signal_name, name)
            self.wait_logs(name, f'got {signal_name.removeprefix("SIG")}')
        self.ok('kill', name)
        self.assertEqual('137', self.ok('wait', name))
        refused = self.podman('kill', name)
        self.assertNotEqual(0, refused.code)

    def test_pause(self):
        name = self.start('sh', '-c', 'while :; do echo tick; sleep 0.05; done')
        self.wait_logs(name, 'tick')
        self.ok('pause', name)
        self.assertEqual('paused', self.state(name)['Status'])
        seen = self.ok('logs', name)
        self.assertNotEqual(0, self.podman('exec', name, 'true').code)
        time.sleep(0.3)
        self.assertEqual(seen, self.ok('logs', name))
        self.ok('unpause', name)
        wait_until(lambda: self.ok('logs', name) != seen, 'it goes on')
        self.ok('pause', name)
        self.ok('rm', '-f', '-t', '0', name)

    def test_update(self):
        name = self.start('sleep', '1000', flags=['-m', '128m'])
        self.assertEqual(str(128 << 20), self.cgroup_file(name, 'memory/memory.limit_in_bytes', 'memory.max'))
        self.ok('update', '--cpus', '0.5', '-m', '64m', name)
        self.assertEqual(str(64 << 20), self.cgroup_file(name, 'memory/memory.limit_in_bytes', 'memory.max'))
        self.assertIn(self.cgroup_file(name, 'cpu/cpu.cfs_quota_us', 'cpu.max'), ('50000', '50000 100000'))

    def test_logs_top_stats(self):
        name = self.start('sh', '-c', 'echo one; echo two >&2; exec sleep 1000')
        self.wait_logs(name, 'one')
        result = self.assert_ok(self.podman('logs', name))
        self.assertEqual(('one\n', 'two\n'), (result.out, result.err))
        top = self.ok('top', name, 'pid', 'comm', 'user').splitlines()
        self.assertEqual(['1', 'sleep', 'root'], top[1].split())
        stats = json.loads(self.ok('stats', '--no-stream', '--format', 'json', name))
        self.assertEqual('1', stats[0]['pids'])
        self.assertRegex(stats[0]['mem_usage'], r'^[1-9].*[kMG]B / ')

    def test_health(self):
        flags = ['--health-cmd', 'test -e /tmp/well', '--health-interval', 'disable', '--health-retries', '1']
        name = self.start('sleep', '1000', flags=flags)
        self.assertEqual(1, self.podman('healthcheck', 'run', name).code)
        self.ok('exec', name, 'touch', '/tmp/well')
        self.ok('healthcheck', 'run', name)
        self.assertEqual('healthy', self.inspect(name)['State']['Health']['Status'])

    def test_restart_policy(self):
        name = self.start('sh', '-c', 'echo x >> /seen/runs; exit 5',
                          flags=['--restart', 'on-failure:2', '-v', f'{self.path()}:/seen'])
        runs = Path(self.path('runs'))
        wait_until(lambda: runs.exists() and runs.read_text(encoding='ascii') == 'x\n' * 3, 'three runs', timeout=30)
        wait_until(lambda: self.state(name)['Status'] == 'exited', 'it has given up', timeout=30)
        self.assertEqual((5, 2), (self.state(name)['ExitCode'], self.inspect(name)['RestartCount']))


class Confined(PodmanTest):

    def test_limits_and_out_of_memory(self):
        flags = ['-m', '32m', '--memory-swap', '32m', '--pids-limit', '50', '--cpus', '0.25', '--cpu-shares', '300']
        name = self.start('sleep', '1000', flags=flags)
        self.assertEqual(str(32 << 20), self.cgroup_file(name, 'memory/memory.limit_in_bytes', 'memory.max'))
        self.assertEqual('50', self.cgroup_file(name, 'pids/pids.max', 'pids.max'))
        self.assertIn(self.cgroup_file(name, 'cpu/cpu.cfs_quota_us', 'cpu.max'), ('25000', '25000 100000'))
        self.assertIn(self.cgroup_file(name, 'cpu/cpu.shares', 'cpu.weight'), ('300', '12', '45'))
        eater = self.start('sh', '-c', 'x=x; while :; do x=$x$x; done', flags=['-m', '32m', '--memory-swap', '32m'])
        self.assertEqual('137', self.ok('wait', eater))

    def test_without_cgroups(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc needs a cgroup')
        name = self.ok('run', '-d', '--cgroups', 'disabled', IMAGE, 'sleep', '1000')
        self.assertEqual([], [p for p in self._all_cgroups() if name in p])
        self.assertEqual('disabled', self.inspect(name)['HostConfig']['Cgroups'])
        self.ok('stop', '-t', '0', name)

    @staticmethod
    def _all_cgroups():
        return [path for path, _, _ in os.walk('/sys/fs/cgroup')]

    def test_privileges(self):
        self.assertEqual('0000000000000000\n', self.look(CAPS, '--cap-drop', 'all'))
        self.assertEqual('0000000000002000\n', self.look(CAPS, '--cap-drop', 'all', '--cap-add', 'net_raw'))
        self.assertEqual(ALL, self.look(CAPS, '--privileged'))
        self.assertEqual('1000:1000 groups=1000,44\n',
                         self.look('echo $(id -u):$(id -g) groups=$(id -G | tr " " ,)', '--user', 'alice'))
        self.assertEqual('7:8\n', self.look('echo $(id -u):$(id -g)', '--user', '7:8'))
        self.assertIn(',99', self.look('id -G | tr " " ,', '--group-add', '99'))
        self.assertEqual('1\n', self.look('grep NoNewPrivs /proc/self/status | cut -f2',
                                          '--security-opt', 'no-new-privileges'))
        self.assertEqual('0027\n', self.look('umask', '--umask', '0027'))

    def test_seccomp(self):
        mode = 'grep Seccomp: /proc/self/status | cut -f2'
        self.assertEqual('2\n', self.look(mode))
        self.assertEqual('0\n', self.look(mode, '--security-opt', 'seccomp=unconfined'))
        profile = self.write('seccomp.json', json.dumps({
            'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [{'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_ERRNO',
                                                             'errnoRet': 13}]}))
        self.assertIn('Permission denied', self.look('mkdir /x 2>&1 || true', '--security-opt', f'seccomp={profile}'))

    def test_root_and_volumes(self):
        self.assertIn('Read-only file system', self.look('touch /x 2>&1; touch /tmp/x', '--read-only'))
        self.write('shared/a', 'from outside\n')
        shared = self.path('shared')
        self.assertEqual('from outside\nread-only\n',
                         self.look('cat /s/a; touch /s/b 2>/dev/null || echo read-only', '-v', f'{shared}:/s:ro'))
        self.look('echo in > /s/b', '-v', f'{shared}:/s')
        self.assertEqual('in\n', Path(shared, 'b').read_text(encoding='ascii'))
        self.look('echo kept > /v/x', '-v', 'vol:/v')
        self.assertEqual('kept\n', self.look('cat /v/x', '--mount', 'type=volume,source=vol,target=/v,ro'))
        self.assertEqual('tmpfs 64\n',
                         self.look('set -- $(df -k /t | tail -n 1); echo $1 $2', '--tmpfs', '/t:size=64k'))
        # tmpcopyup: what the image has there is seen in the tmpfs.
        self.assertIn('alice', self.look('cat /etc/passwd', '--mount', 'type=tmpfs,tmpfs-mode=755,destination=/etc,'
                                         'tmpcopyup'))
        self.ok('secret', 'create', 'word', self.write('word', 'hush'))
        self.assertEqual('hush 400\n', self.look('echo $(cat /run/secrets/word) $(stat -c %a /run/secrets/word)',
                                                 '--secret', 'word,mode=0400'))

    def test_mapped_ids(self):
        maps = ['--uidmap', '0:100000:1000', '--gidmap', '0:100000:1000']
        self.assertEqual('0 100000 1000\n', self.look('echo $(cat /proc/self/uid_map)', *maps))
        self.write('own/file', 'x')
        os.chown(self.path('own/file'), 100000, 100000)
        self.assertEqual('0:0\n', self.look('stat -c %u:%g /own/file', '-v', f'{self.path("own")}:/own', *maps))
        name = self.start('sleep', '1000', flags=maps)
        self.assertEqual(100000, os.stat(f'/proc/{self.state(name)["Pid"]}').st_uid)
        self.assertEqual('0\n', self.podman('exec', name, 'id', '-u').out)

    def test_volume_that_the_mapped_root_could_not_reach(self):
        """The caller names the source, so it is the caller's rights that count."""
        self.write('closed/own/file', 'inside\n')
        os.chmod(self.path('closed'), 0o700)
        maps = ['--uidmap', '0:100000:1000', '--gidmap', '0:100000:1000']
        self.assertEqual('inside\n', self.look('cat /own/file', '-v', f'{self.path("closed/own")}:/own', *maps))

    def test_idmapped_volume(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc 1.1 knows no idmapped mounts')
        maps = ['--uidmap', '0:100000:1000', '--gidmap', '0:100000:1000']
        self.write('own/file', 'x')
        self.assertEqual('0:0\n', self.look('stat -c %u:%g /own/file', '-v', f'{self.path("own")}:/own:idmap', *maps))

    def test_devices_and_kernel_settings(self):
        flags = ['--device', '/dev/loop-control:/dev/mine:r', '--sysctl', 'kernel.msgmax=4242', '--hostname', 'here',
                 '--shm-size', '1m', '--ulimit', 'nofile=64:64', '--ulimit', 'nproc=100:100', '--oom-score-adj', '321']
        seen = self.look('(exec < /dev/mine) && echo reading; cat /proc/sys/kernel/msgmax; hostname; '
                         'set -- $(df -k /dev/shm | tail -n 1); echo $2; ulimit -n; cat /proc/self/oom_score_adj; '
                         '(exec 2>/dev/null > /dev/mine) || echo no writing', *flags)
        self.assertEqual(['reading', '4242', 'here', '1024', '64', '321', 'no writing'],
                         [line.strip() for line in seen.splitlines()])

    def test_hooks(self):
        script = self.write('hook', f'#!/bin/sh\necho $1 $(head -c 1) >> {self.path("hooks.log")}\n', mode=0o755)
        stages = ['createRuntime', 'poststart', 'poststop']
        for stage in stages:
            self.write(f'hooks.d/{stage}.json', json.dumps({
                'version': '1.0.0', 'hook': {'path': script, 'args': ['hook', stage]}, 'when': {'always': True},
                'stages': [stage]}))
        self.assert_ok(self.podman('--hooks-dir', self.path('hooks.d'), 'run', '--rm', '--cgroup-parent', self.parent,
                                   IMAGE, 'true'))
        self.assertEqual([f'{s} {{' for s in stages],
                         Path(self.path('hooks.log')).read_text(encoding='ascii').splitlines())

    def test_init(self):
        name = self.start('sleep', '1000', flags=['--init', '--init-path', '/usr/bin/catatonit'])
        self.assertIn('init', self.ok('exec', name, 'cat', '/proc/1/cmdline'))
        start = time.monotonic()
        self.ok('stop', '-t', '20', name)
        self.assertLess(time.monotonic() - start, 15)
        self.assertEqual(143, self.state(name)['ExitCode'])


class Together(PodmanTest):

    def test_pod(self):
        # The infra container is of the local image; busybox sleeps as well as any pause program.
        self.ok('pod', 'create', '--name', 'both', '--infra-image', IMAGE, '--infra-command', '/bin/sleep 1000',
                '--cgroup-parent', self.parent, '--hostname', 'pod', '--share', 'net,ipc,uts')
        first = self.ok('run', '-d', '--pod', 'both', IMAGE, 'sh', '-c', 'hostname; exec sleep 1000').splitlines()[-1]
        second = self.ok('run', '-d', '--pod', 'both', IMAGE, 'sleep', '1000').splitlines()[-1]
        self.wait_logs(first, 'pod')
        spaces = [[os.readlink(f'/proc/{self.state(name)["Pid"]}/ns/{n}') for n in ('net', 'ipc', 'uts', 'mnt')]
                  for name in (first, second)]
        self.assertEqual(spaces[0][:3], spaces[1][:3])
        self.assertNotEqual(spaces[0][3], spaces[1][3])
        self.assertEqual(3, len(json.loads(self.ok('pod', 'inspect', 'both'))['Containers']))
        self.ok('pod', 'pause', 'both')
        self.assertEqual('paused', self.state(second)['Status'])
        self.ok('pod', 'unpause', 'both')
        self.ok('pod', 'stop', '-t', '0', 'both')
        self.assertEqual('exited', self.state(first)['Status'])
        self.ok('pod', 'start', 'both')
        self.assertEqual('running', self.state(first)['Status'])
        self.ok('pod', 'rm', '-f', '-t', '0', 'both')
        self.assertEqual('', self.ok('ps', '-aq'))

    def test_joined_namespaces(self):
        name = self.start('sh', '-c', 'hostname; exec sleep 1000', flags=['--hostname', 'first'])
        pid = self.state(name)['Pid']
        seen = self.look('hostname; readlink /proc/self/ns/net; cat /proc/1/comm', '--uts', f'container:{name}',
                         '--network', f'container:{name}', '--pid', f'container:{name}').splitlines()
        self.assertEqual(['first', os.readlink(f'/proc/{pid}/ns/net'), 'sleep'], seen)

    def test_network_host(self):
        self.assertEqual(os.readlink(f'/proc/{self.host.pid}/ns/net') + '\n',
                         self.look('readlink /proc/self/ns/net', '--network', 'host'))

    def test_bridge_and_published_port(self):
        other = self.machine()
        self.host.connect('192.0.2.1/24', other, '192.0.2.2/24')
        # What netavark leaves for the next time, in a network that is the test's own.
        self.addCleanup(self.host.run, ['sh', '-c', 'nft flush ruleset; umount /run/netns'])
        name = self.start('sh', '-c', 'echo ready; while :; do echo hello | nc -l -p 80; done',
                          flags=['--network', 'bridge', '-p', '8080:80'])
        self.wait_logs(name, 'ready')
        address = self.inspect(name)['NetworkSettings']['IPAddress']
        self.assertIn(f'inet {address}/', self.ok('exec', name, 'ip', 'addr', 'show', 'eth0'))
        wait_until(lambda: other.run(['busybox', 'nc', '-w', '2', '192.0.2.1', '8080'], stdin='').out == 'hello\n',
                   'the published port answers')
        self.ok('rm', '-f', '-t', '0', name)
