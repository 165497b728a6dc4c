# SPDX-License-Identifier: Apache-2.0
"""The tests' own support, put to the test: a check that cannot fail is worth nothing. Each leak that the base classes
look for is made here on purpose and must be found."""
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import textwrap

from support import gtest, machine, paths, probe
from support.harness import Host, HostTest, Image, ScratchTest, process, run, wait_until

RUNNER = paths.REPO / 'tests/support/runner.py'


class Leaks(ScratchTest):

    def outcome(self, body, base='RuntimeTest', imports=''):
        """Runs one test with this body in a runner of its own; returns (counts, output)."""
        text = f'import os, subprocess\nfrom support.harness import *\n{imports}\n'
        text += f'class T({base}):\n    def test_it(self):\n' + textwrap.indent(textwrap.dedent(body), '        ')
        file = self.write('test_it.py', text)
        report = self.path('report.json')
        result = run([paths.PYTHON, RUNNER, '--json', report, file],
                     env={**os.environ, 'CRUN_LITE_TEST_RUNTIME': 'runc', 'PYTHONDONTWRITEBYTECODE': '1',
                          'TMPDIR': self.scratch})  # what a killed test leaves goes with this one's directory
        with open(report, encoding='ascii') as f:
            return json.load(f), result.out

    def assert_found(self, body, text, **kwargs):
        counts, output = self.outcome(body, **kwargs)
        self.assertEqual(1, counts['failed'], output)
        self.assertIn(text, output)

    def test_a_clean_test_passes(self):
        counts, output = self.outcome('self.assert_ok(self.run_bundle(self.bundle()))\n')
        self.assertEqual({'passed': 1, 'failed': 0, 'skipped': 0}, counts, output)

    def test_process(self):
        self.assert_found("run(['sh', '-c', 'setsid sleep 1000 >/dev/null 2>&1 &'])\n", 'process: ')

    def test_mount(self):
        self.assert_found('''\
            self.addCleanup(run, ['umount', self.path('m')])
            os.mkdir(self.path('m'))
            run(['mount', '-t', 'tmpfs', 'x', self.path('m')], check=True)
            self._assert_nothing_left()
            ''', 'mount: ')

    def test_cgroup(self):
        freezer = 'freezer' if os.path.isdir('/sys/fs/cgroup/freezer') else ''
        self.assert_found(f"os.mkdir(f'/sys/fs/cgroup/{freezer}/crl-{{self.token}}')\n", 'cgroup: ')

    def test_link_and_firewall_rule_of_a_machine(self):
        self.assert_found("self.host.run(['ip', 'link', 'add', 'd0', 'type', 'veth', 'peer', 'name', 'd1'], "
                          "check=True)\n", "links: new ('d0'", base='HostTest')
        self.assert_found("self.host.run(['nft', 'add', 'table', 'inet', 'left'], check=True)\n",
                          'nft: new table inet left', base='HostTest')

    def test_mount_of_a_machine(self):
        self.assert_found("self.host.run(['mount', '-t', 'tmpfs', 'x', '/mnt'], check=True)\n", 'mount: new ',
                          base='HostTest')

    def test_a_crash_and_a_hang_are_failures(self):
        self.assert_found("os._exit(3)\n", 'exit 3')
        self.assert_found("import time; time.sleep(100)\n", 'no end after 2 s', imports='DEADLINE = 2')

    def test_a_skip_says_why(self):
        counts, output = self.outcome("self.skipTest('because of this')\n")
        self.assertEqual({'passed': 0, 'failed': 0, 'skipped': 1}, counts)
        self.assertIn('skipped test_it: because of this', output)


class Machines(HostTest):

    def test_apart_and_connected(self):
        other = self.machine()
        self.host.connect('192.0.2.1/24', other, '192.0.2.2/24')
        self.host.run(['sh', '-c', 'echo mine > /etc/hostname; echo mine > /run/x; echo mine > /var/lib/crun-lite/x'],
                      check=True)
        self.assertFalse(os.path.exists('/run/x') or os.path.exists('/var/lib/crun-lite/x'))
        self.assertNotEqual('mine\n', other.run(['cat', '/etc/hostname']).out)
        self.write('www/index.html', 'over the cable\n')
        self.background([paths.PYTHON, '-m', 'http.server', '-d', self.path('www'), '--bind', '192.0.2.2', '80'], other,
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        fetch = ['busybox', 'wget', '-q', '-O', '-', 'http://192.0.2.2/']
        wait_until(lambda: self.host.run(fetch).out == 'over the cable\n', 'the page comes over the cable')
        self.assertNotEqual(0, run([*fetch[:2], '-T', '1', *fetch[2:]]).code)  # not from the machine itself

    def test_what_other_tests_mount_is_not_on_it(self):
        other = tempfile.mkdtemp(prefix=f'crl.{self.token}.other')
        self.addCleanup(shutil.rmtree, other)
        run(['mount', '-t', 'tmpfs', 'other', other], check=True)
        try:
            machine_of_its_own = self.machine()
        finally:
            run(['umount', other], check=True)
        os.rmdir(other)
        os.mkdir(other)
        self.assertEqual([], machine_of_its_own.changes())

    def test_it_dies_with_its_test(self):
        machine_of_its_own = Host(self.scratch)
        pid = machine_of_its_own.pid
        machine_of_its_own.close()
        self.assertFalse(process.alive(pid))


class Images(ScratchTest):

    def test_other_tools_read_what_is_made(self):
        image = Image(Cmd=['/bin/true'])
        for made, source in ((image.docker_archive(self.path('d.tar'), 'test:latest'), 'docker-archive:'),
                             (image.oci_archive(self.path('o.tar'), 'test'), 'oci-archive:'),
                             (image.oci_layout(self.path('layout'), 'test', 'zstd'), 'oci:')):
            with self.subTest(source=source):
                found = json.loads(self.assert_ok(run(['skopeo', 'inspect', '--config', source + made])).out)
                self.assertEqual(['/bin/true'], found['config']['Cmd'])
                self.assertEqual(1, len(found['rootfs']['diff_ids']))

    def test_the_layer_holds_a_shell(self):
        root = pathlib.Path(Image().unpacked(self.path('root')))
        self.assertEqual('shell\n', run(['chroot', root, '/bin/sh', '-c', 'echo shell']).out)


class Counting(ScratchTest):

    def test_gtest_report(self):
        tests = [{'name': 'A', 'status': 'RUN', 'result': 'COMPLETED'},
                 {'name': 'B', 'status': 'RUN', 'result': 'COMPLETED', 'failures': [{'failure': 'x'}]},
                 {'name': 'C', 'status': 'RUN', 'result': 'SKIPPED'},
                 {'name': 'D', 'status': 'NOTRUN', 'result': 'SUPPRESSED'}]
        count, skips = gtest._count({'testsuites': [{'name': 'S', 'testsuite': tests}]})
        self.assertEqual('1 passed, 1 failed, 1 skipped', str(count))
        self.assertEqual(['S.C'], [name for name, _ in skips])

    def test_gtest_skip_reason(self):
        output = '[ RUN      ] S.C\n../x.cc:5: Skipped\nneeds a kernel of 7.0\n\n[  SKIPPED ] S.C (0 ms)\n'
        self.assertEqual({'S.C': 'needs a kernel of 7.0'}, gtest._skip_reasons(output))

    def test_the_machine_is_compared(self):
        before = machine.snapshot()
        before['mount'] = set(before['mount']) - {'none'}
        os.mkdir(self.path('crl-mount'))
        run(['mount', '-t', 'tmpfs', 'crl', self.path('crl-mount')], check=True)
        self.addCleanup(run, ['umount', self.path('crl-mount')])
        after = machine.snapshot()
        self.assertTrue(any('crl-mount' in m for m in after['mount'] - before['mount']))
        self.assertTrue(probe.mounts(self.token))
        self.assertTrue(any(n.startswith('/dev/null crw-rw-rw- 0:0') for n in after['node']))

    def test_a_node_of_another_owner_is_seen(self):
        path = self.path('null')
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        self.assertEqual({f'{path} crw------- 0:0'}, machine.nodes([path, self.path('missing')]))
        os.chown(path, 100000, 100000)
        self.assertEqual({f'{path} crw------- 100000:100000'}, machine.nodes([path]))
