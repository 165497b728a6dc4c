# SPDX-License-Identifier: Apache-2.0
"""dockerd's options that confine a container or let it out: capabilities, seccomp, no-new-privileges, read-only
roots, namespaces of the host, devices, user namespaces. What a container sees is compared with runc's."""
from docker_support import DockerTest
from support.harness import wait_until

DEADLINE = 240
# How a path is covered, and whether the tmpfs above the v1 hierarchies is read-only (docker says so, runc leaves it
# writable), is the runtime's own affair; test_same_bundle.py says more.
OWN_AFFAIR = '^(/proc/(acpi|asound|keys|kcore|timer_list|scsi)|/sys/firmware|/sys/fs/cgroup)'
LOOK = {
    'status': 'grep -E "^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:)" /proc/self/status',
    'limits': "sed 's/  */ /g' /proc/self/limits",
    'adjustments': 'cat /proc/self/oom_score_adj; umask; pwd; env | grep -v HOSTNAME | sort',
    'mounts': "cut -d' ' -f5- /proc/self/mountinfo | sed -E 's/(master|shared):[0-9]+ //; s/ - / /' | "
              f"awk '{{print $1, $2, $(NF-2)}}' | grep -v -E '{OWN_AFFAIR}' | sort",
    'devices': 'find /dev | sort; stat -c "%n %t:%T %a %u %g" $(find /dev -type c) | grep -v -E "pts|tty|console" | '
               'sort',
    'writable': 'for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/kernel/profiling; do '
                '(: > $f) 2>/dev/null && echo "$f writable" || echo "$f refused"; done',
    'masked': 'for f in /proc/kcore /proc/keys /proc/timer_list /sys/firmware /proc/acpi; do '
              'echo "$f $(cat $f 2>/dev/null | head -c 9 | wc -c) $(ls $f 2>/dev/null | grep -v ^/ | wc -l)"; done',
    'descriptors': 'ls /proc/self/fd | wc -l',
    'processes': 'cut -d" " -f5,6 /proc/1/stat',
}
SCRIPT = '\n'.join(f"{{ {commands}; }} 2>&1 | sed 's/^/{subject}: /'" for subject, commands in LOOK.items())


class Same(DockerTest):
    """The same `docker run` under crun-lite and runc."""

    def same(self, *options, command=('sh', '-c', SCRIPT)):
        answers = {}
        for runtime in (self.engine.runtime_name, 'runc'):
            result = self.run_once('--runtime', runtime, *options, '--', *command)
            answers[runtime] = [f'exit {result.code}', *result.out.splitlines(), *result.err.splitlines()]
        own, peer = answers[self.engine.runtime_name], answers['runc']
        changed = [f'- {line}' for line in peer if line not in own] + [f'+ {line}' for line in own if line not in peer]
        self.assertEqual([], changed, f'- runc, + {self.engine.runtime_name}, with {options}')
        self.assertEqual('exit 0', own[0], own)

    def test_default(self):
        self.same()

    def test_options(self):
        for options in (['--cap-drop', 'ALL'], ['--cap-drop', 'ALL', '--cap-add', 'NET_RAW', '-u', '1000'],
                        ['--security-opt', 'no-new-privileges'], ['--security-opt', 'seccomp=unconfined'],
                        ['--security-opt', 'systempaths=unconfined'], ['--read-only', '--tmpfs', '/tmp'],
                        ['-u', '1000:1000', '--group-add', 'video'], ['--device', '/dev/null:/dev/other:r'],
                        ['--ipc', 'none'], ['--ipc', 'host'], ['--uts', 'host'], ['--cgroupns', 'private'],
                        ['--init'], ['--ulimit', 'nofile=64:128']):
            with self.subTest(options=options):
                self.same(*options)


def all_capabilities(test):
    """What --privileged comes to here, in hexadecimal. On a machine inside another some are missing, and runc gives up
    where the specification wants a warning."""
    with open('/proc/self/status', encoding='ascii') as f:
        found = next(line for line in f if line.startswith('CapBnd:')).split()[1]
    if test.engine.runtime_name == 'runc' and int(found, 16) & int(found, 16) + 1:
        test.skipTest('runc asks for capabilities that nobody on this machine has')
    return found


class Confined(DockerTest):

    def test_privileged(self):
        ours = all_capabilities(self)
        out = self.sh('mkdir /m; mount -t tmpfs none /m && stat -f -c %T /m; grep ^CapEff /proc/self/status; '
                      'grep ^Seccomp: /proc/self/status; ls /dev/kmsg; echo $(ls /dev | wc -l)', '--privileged').split()
        self.assertEqual(['tmpfs', 'Seccomp:', '0', '/dev/kmsg'], [out[0], *out[3:6]])
        self.assertGreater(int(out[6]), 20)
        # docker 20.10 does not know the newest three.
        self.assertEqual(int(ours, 16) & (1 << 38) - 1, int(out[2], 16) & (1 << 38) - 1, out)
        refused = self.run_once('sh', '-c', 'mount -t tmpfs none /tmp')
        self.assertNotEqual(0, refused.code)
        self.assertIn('denied', refused.err)

    def test_read_only(self):
        out = self.sh('touch /file 2>&1; touch /tmp/file && echo tmp; touch /v/file && echo volume', '--read-only',
                      '--tmpfs', '/tmp', '-v', '/v')
        self.assertIn('Read-only file system', out)
        self.assertIn('tmp\nvolume\n', out)

    def test_init_reaps(self):
        name = self.start('--init', '--', 'sh', '-c', 'sh -c "sleep 0.01 &"; echo ready; exec sleep 1000')
        self.wait_log(name, 'ready')
        out = self.ok('exec', name, 'sh', '-c',
                      'sleep 0.2; cat /proc/1/comm; grep -l "State:.*Z" /proc/[0-9]*/status; true')
        self.assertIn('docker-init', out)
        self.assertNotIn('status', out)
        self.ok('stop', name)
        self.assertEqual(143, self.engine.inspect(name, '.State.ExitCode'))

    def test_host_namespaces(self):
        look = 'for n in pid net ipc uts; do readlink /proc/self/ns/$n; done'
        own = self.sh(look).split()
        shared = self.sh(look, '--pid=host', '--net=host', '--ipc=host', '--uts=host').split()
        host = self.engine.host.run(['sh', '-c', look]).out.split()
        self.assertEqual(host, shared)
        self.assertFalse(set(own) & set(host), own)
        first = self.start('--ipc=shareable', '--', 'sleep', '1000')
        joined = self.sh(look, f'--pid=container:{first}', f'--net=container:{first}',
                         f'--ipc=container:{first}').split()
        theirs = self.ok('exec', first, 'sh', '-c', look).split()
        self.assertEqual(theirs[:3], joined[:3])
        self.assertNotEqual(theirs[3], joined[3])

    def test_pids_limit(self):
        out = self.run_once('--pids-limit', '10', '--', 'sh', '-c', 'for i in $(seq 20); do sleep 0.5 & done; wait')
        self.assertIn('fork', out.err)

    def test_seccomp(self):
        profile = self.write('profile.json', '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": '
                             '[{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}')
        result = self.run_once('--security-opt', f'seccomp={profile}', '--', 'mkdir', '/x')
        self.assertIn('Function not implemented', result.err)
        self.assertEqual('2', self.sh('grep ^Seccomp: /proc/self/status').split()[1])
        self.assertEqual('0', self.sh('grep ^Seccomp: /proc/self/status', '--security-opt',
                                      'seccomp=unconfined').split()[1])

    def test_devices(self):
        out = self.sh('echo x > /dev/other && echo wrote; ls -l /dev/other', '--device', '/dev/null:/dev/other:rw')
        self.assertIn('wrote', out)
        self.assertIn('1,   3', out)
        mknod = 'mknod /dev/mem b 1 1 && cat /dev/mem'
        refused = self.run_once('sh', '-c', mknod)
        self.assertIn('Operation not permitted', refused.err)

    def test_privileged_exec(self):
        all_capabilities(self)
        name = self.start('--cap-drop', 'ALL', '--', 'sleep', '1000')
        look = ['grep', '^CapEff', '/proc/self/status']
        self.assertEqual('CapEff:\t0000000000000000\n', self.ok('exec', name, *look))
        self.assertNotEqual('CapEff:\t0000000000000000\n', self.ok('exec', '--privileged', name, *look))


class Remapped(DockerTest):
    """--userns-remap: every container in a user namespace of the daemon's subordinate ids."""

    options = ('--userns-remap=remapped',)

    @staticmethod
    def prepare(host):
        host.run(['sh', '-ec', 'echo remapped:x:3999:3999::/:/bin/false >> /etc/passwd; echo remapped:x:3999: >> '
                               '/etc/group;'
                  'echo remapped:200000:65536 > /etc/subuid; echo remapped:200000:65536 > /etc/subgid'], check=True)

    def test_ids(self):
        name = self.start('-v', '/data', '--', 'sh', '-c', 'touch /data/by-root; exec sleep 1000')
        pid = self.engine.inspect(name, '.State.Pid')
        with open(f'/proc/{pid}/uid_map', encoding='ascii') as f:
            self.assertEqual(['0', '200000', '65536'], f.read().split())
        self.assertEqual('root 0\n', self.ok('exec', name, 'sh', '-c', 'echo "$(stat -c %U /data/by-root) $(id -u)"'))
        self.assertEqual('1000\n', self.ok('exec', '-u', 'alice', name, 'id', '-u'))
        self.assertEqual('running', self.status(name))

    def test_out_of_it(self):
        all_capabilities(self)
        out = self.sh('cat /proc/self/uid_map', '--userns=host', '--privileged').split()
        self.assertEqual('4294967295', out[2])

    def test_ports_and_devices(self):
        name = self.start('-p', '18081:80', '--', 'busybox', 'httpd', '-f', '-p', '80', '-h', '/etc')
        fetch = ['curl', '-s', '--max-time', '5', 'http://127.0.0.1:18081/passwd']
        wait_until(lambda: 'alice' in self.engine.host.run(fetch).out, 'the port answers', timeout=20)
        self.assertEqual('1:3\n', self.ok('exec', name, 'stat', '-c', '%t:%T', '/dev/null'))
