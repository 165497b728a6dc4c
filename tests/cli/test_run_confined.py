# SPDX-License-Identifier: Apache-2.0
"""`run IMAGE`: the limits that a container is given, what it may do, and what it cannot see. Read from inside."""
import json
import os
import stat
import tarfile

from run_support import STORE, RunTest

from support.harness import Image, unittest
from support.images import member, symlink, tar

V2 = os.path.exists('/sys/fs/cgroup/cgroup.controllers')


class Limits(RunTest):
    def cgroup_file(self, v1, v2, flags):
        path = v2 if V2 else v1
        return self.assert_ok(self.run_bb('cat', f'/sys/fs/cgroup/{path}', flags=flags)).out.strip()

    def test_memory(self):
        value = self.cgroup_file('memory/memory.limit_in_bytes', 'memory.max', ['-m', '64m'])
        self.assertEqual(value, str(64 << 20))

    def test_cpus(self):
        value = self.cgroup_file('cpu/cpu.cfs_quota_us', 'cpu.max', ['--cpus', '1.5'])
        self.assertEqual(value.split()[0], '150000')

    def test_processes(self):
        self.assertEqual(self.cgroup_file('pids/pids.max', 'pids.max', ['--pids-limit', '50']), '50')
        result = self.run_bb('sh', '-c', 'i=0; while [ $i -lt 30 ]; do sleep 5 & i=$((i+1)); done; echo no limit',
                             flags=['--pids-limit', '10'])
        self.assertNotIn('no limit', result.out)

    def test_running_out_of_memory_is_explained(self):
        result = self.run_bb('sh', '-c', 'tail /dev/zero', flags=['-m', '16m', '--memory-swap', '16m'])
        self.assert_fails(result, 137, 'hint: the kernel killed a process', 'memory limit of 16777216 bytes')

    def test_open_files(self):
        self.assertEqual(self.run_bb('sh', '-c', 'ulimit -n').out, '1024\n')
        out = self.run_bb('sh', '-c', 'ulimit -n; ulimit -Hn', flags=['--ulimit', 'nofile=100:200']).out
        self.assertEqual(out.split(), ['100', '200'])


class Privileges(RunTest):
    def status(self, field, *flags):
        out = self.assert_ok(self.run_bb('cat', '/proc/self/status', flags=flags)).out
        return next(line.split(':')[1].strip() for line in out.splitlines() if line.startswith(field + ':'))

    def test_capabilities(self):
        self.assertEqual(self.status('CapEff'), '00000000a80425fb')
        self.assertEqual(self.status('CapBnd', '--cap-drop', 'ALL'), '0' * 16)
        self.assertEqual(self.status('CapEff', '--cap-drop', 'ALL', '--cap-add', 'net_admin'), '0000000000001000')
        self.assertEqual(self.status('CapInh'), '0' * 16)
        self.assertEqual(self.status('CapEff', '-u', '1000'), '0' * 16)

    def test_seccomp_is_on_unless_turned_off(self):
        self.assertEqual(self.status('Seccomp'), '2')
        self.assertEqual(self.status('Seccomp', '--security-opt', 'seccomp=unconfined'), '0')
        profile = self.write('p.json', json.dumps({
            'defaultAction': 'SCMP_ACT_ALLOW',
            'syscalls': [{'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_ERRNO', 'errnoRet': 1}]}))
        result = self.run_bb('mkdir', '/x', flags=['--security-opt', f'seccomp={profile}'])
        self.assert_fails(result, 1, 'Operation not permitted')
        broken = self.write('broken.json', '{"defaultAction": "SCMP_ACT_NOPE"}')
        self.assert_fails(self.run_bb('true', flags=['--security-opt', f'seccomp={broken}']), 125, 'SCMP_ACT_NOPE')

    def test_no_new_privileges(self):
        self.assertEqual(self.status('NoNewPrivs'), '0')
        self.assertEqual(self.status('NoNewPrivs', '--security-opt', 'no-new-privileges'), '1')

    def test_signals_start_unblocked(self):
        self.assertEqual(self.status('SigBlk'), '0' * 16)
        self.assertEqual(self.status('SigIgn'), '0' * 16)

    def test_masked_and_read_only_paths(self):
        self.assertEqual(self.run_bb('sh', '-c', 'cat /proc/kcore /proc/timer_list | wc -c').out, '0\n')
        self.assert_fails(self.run_bb('sh', '-c', 'echo 1 > /proc/sys/kernel/panic'), 1, 'Read-only')
        flags = ['--security-opt', 'systempaths=unconfined']
        self.assertNotEqual(self.run_bb('sh', '-c', 'cat /proc/interrupts | wc -c', flags=flags).out, '0\n')

    def test_privileged(self):
        out = self.assert_ok(self.run_bb('sh', '-c', 'grep -c . /proc/interrupts; grep Seccomp: /proc/self/status; '
                                         'mount -t tmpfs t /home && echo mounted; ls /dev | wc -l',
                                         flags=['--privileged'])).out
        self.assertIn('Seccomp:\t0', out)
        self.assertIn('mounted', out)
        self.assertGreater(int(out.split()[-1]), 20)

    def test_mount_is_forbidden_otherwise(self):
        self.assert_fails(self.run_bb('mount', '-t', 'tmpfs', 't', '/home'), 1, 'denied')

    def test_devices(self):
        self.assert_fails(self.run_bb('head', '-c1', '/dev/loop-control', flags=[]), 1, 'No such file')
        self.assert_ok(self.run_bb('test', '-c', '/dev/mine', flags=['--device', '/dev/null:/dev/mine']))
        result = self.run_bb('sh', '-c', 'mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg')
        self.assert_fails(result, 1, 'not permitted')

    def test_read_only(self):
        self.assert_fails(self.run_bb('touch', '/tmp/x', flags=['--read-only']), 1, 'Read-only')
        self.assert_ok(self.run_bb('touch', '/dev/shm/x', flags=['--read-only']))


class HostileImages(RunTest):
    """What an image can put where the engine itself looks (SECURITY R10, R14, R17)."""

    VICTIM = '/etc/victim'

    def setUp(self):
        super().setUp()
        self.on_host('sh', '-c', f'mkdir -p {self.VICTIM} && echo precious > {self.VICTIM}/file')

    def run_image(self, *members, **config):
        image = Image(**config)
        image.layers.append(tar(list(members)))
        self.load(image, 'hostile')
        return self.run_bb('sh', '-c', 'cat /etc/hosts /etc/passwd; echo alive', image='hostile')

    def assert_unharmed(self):
        self.assertEqual(self.on_host('sh', '-c', f'ls -A {self.VICTIM}; cat {self.VICTIM}/file'), 'file\nprecious\n')

    def test_links_at_the_files_that_we_write(self):
        for name in ('hosts', 'hostname', 'resolv.conf'):
            result = self.run_image(symlink(f'etc/{name}', f'{self.VICTIM}/file'))
            self.assertNotIn('precious', result.out)
            self.assert_unharmed()

    def test_etc_itself_is_a_link(self):
        result = self.run_image(symlink('linked', self.VICTIM), symlink('up', '../../../../../etc'),
                                WorkingDir='/linked/work')
        self.assertNotIn('precious', result.out)
        self.assert_unharmed()
        result = self.run_image(WorkingDir='/up/victim/work')
        self.assert_unharmed()

    def test_passwd_is_a_link_out(self):
        result = self.run_image(symlink('etc/passwd', f'{self.VICTIM}/file'), User='precious')
        self.assert_fails(result, 125, 'no matching entries in passwd file')

    def test_passwd_is_huge(self):
        result = self.run_image(member('etc/passwd', b'x' * (2 << 20)))
        self.assert_fails(result, 125, 'etc/passwd', 'larger than')

    def test_passwd_is_a_fifo(self):
        result = self.run_image(member('etc/passwd', type=tarfile.FIFOTYPE))
        self.assert_fails(result, 125, 'not a regular file')

    def test_labels_do_not_steer(self):
        result = self.run_image(Labels={'run.oci.hooks.stdout': f'{self.VICTIM}/file',
                                        'org.systemd.property.X': '1', 'ordinary': 'yes'})
        self.assert_ok(result)
        self.assertEqual(result.err.count('reserved for runtimes'), 2)
        self.assert_unharmed()

    def test_nobody_else_reads_the_store(self):
        self.assert_ok(self.run_bb('true', flags=['-v', 'vol:/data'], preexec_fn=lambda: os.umask(0)))
        for path in (STORE, f'{STORE}/containers', '/run/crun-lite/net'):
            mode = int(self.on_host('stat', '-c', '%a', path), 8)
            self.assertFalse(mode & (stat.S_IRWXO | stat.S_IWGRP) & ~(stat.S_IXOTH), (path, oct(mode)))


if __name__ == '__main__':
    unittest.main()
