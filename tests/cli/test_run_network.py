# SPDX-License-Identifier: Apache-2.0
"""`run IMAGE` on the network: published ports and who sees whom, and one bundle under three runtimes."""
import json
import os
import shutil
import signal
import subprocess

from run_support import STORE, RunTest

from support.harness import paths, unittest, wait_until

class Published(RunTest):
    def start_server(self, *flags, address='0.0.0.0'):
        """busybox httpd logs each client's address to standard error, as the guide's Flask does."""
        process = self.start_bb('sh', '-c', f'echo ready; exec busybox httpd -f -vv -p {address}:80 -h /',
                                flags=['--init', *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b'ready\n')
        return process

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
        self.assertNotIn(b'no handler', err)
        return out.decode(), err.decode()

    def ask(self, host, address, port=8080):
        """Whether the container's page came."""
        return 'root:x:0' in host.run(['curl', '-s', '-g', '-m', '3',
                                       f'http://{address}:{port}/etc/passwd']).out

    def test_the_host_and_other_machines_are_answered(self):
        other = self.machine()
        self.host.connect('192.0.2.1/24', other, '192.0.2.2/24')
        process = self.start_server('-p', '8080:80')
        for address in ('127.0.0.1', '[::1]', '192.0.2.1'):
            wait_until(lambda a=address: self.ask(self.host, a), f'an answer on {address}')
        wait_until(lambda: self.ask(other, '192.0.2.1'), 'an answer to the other machine')
        _, log = self.stop(process)
        self.assertIn('192.0.2.2', log)  # its true address
        self.assertFalse(self.ask(self.host, '127.0.0.1'))

    def test_a_port_in_use(self):
        process = self.start_server('-p', '8080:80')
        self.assert_fails(self.run_bb('true', flags=['-p', '8080:81']), 125,
                          'Bind for 0.0.0.0:8080 failed: port is already allocated')
        self.stop(process)
        self.assert_ok(self.run_bb('true', flags=['-p', '8080:81']))

    def test_listening_on_loopback_is_explained(self):
        process = self.start_server('-p', '8080:80', address='127.0.0.1')
        os.set_blocking(process.stderr.fileno(), False)
        seen = b''

        def hinted():
            nonlocal seen
            seen += process.stderr.read() or b''
            return b'listens on it at 127.0.0.1 only' in seen
        wait_until(hinted, 'the hint', timeout=10)
        os.set_blocking(process.stderr.fileno(), True)
        self.stop(process)

    def test_publish_address_of_the_configuration(self):
        path = self.write('c.yaml', 'network: {publish-address: 127.0.0.1}\n')
        process = self.start_bb('sh', '-c', 'echo ready; sleep 1000', flags=['--init', '-p', '8080:80'],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env={**os.environ, 'CRUN_LITE_CONFIG': path})
        process.stdout.readline()
        self.assertIn('127.0.0.1:8080', self.on_host('ss', '-Htln'))
        self.assertNotIn('0.0.0.0:8080', self.on_host('ss', '-Htln'))
        self.stop(process)


class Modes(RunTest):
    def test_bridge_has_an_address_and_a_way_out(self):
        out = self.assert_ok(self.run_bb('sh', '-c', 'ip -4 addr show eth0; ip route')).out
        self.assertRegex(out, r'inet 10\.\d+\.\d+\.\d+/')
        self.assertIn('default via 10.', out)

    def test_none_has_loopback_only(self):
        out = self.run_bb('ip', 'link', flags=['--network', 'none']).out
        self.assertIn('lo:', out)
        self.assertNotIn('eth0', out)

    def test_host_shares_everything(self):
        out = self.run_bb('sh', '-c', 'ip link; hostname', flags=['--network', 'host']).out
        self.assertEqual(out.split('\n')[-2], os.uname().nodename)
        result = self.run_bb('true', flags=['--network', 'host', '-p', '80:80'])
        self.assertIn('discarded', self.assert_ok(result).err)

    def test_name_servers(self):
        out = self.run_bb('cat', '/etc/resolv.conf', flags=['--dns', '192.0.2.53']).out
        self.assertIn('nameserver 192.0.2.53', out)


class Bundles(RunTest):
    """While it runs, a container from an image is a plain bundle: peers can run it too."""

    def bundle(self):
        process = self.start_bb('sh', '-c', 'echo $A; id -u; pwd; cat /etc/hostname; exec sleep 1000',
                                flags=['--init', '-e', 'A=hello', '-w', '/tmp', '-h', 'same'], stdout=subprocess.PIPE)
        lines = [process.stdout.readline().decode() for _ in range(4)]
        return process, f'{STORE}/containers/{self.container_id()}', ''.join(lines)

    def run_with(self, runtime, bundle):
        """A copy of the bundle that ends by itself, in a cgroup of its own."""
        config = json.loads(self.on_host('cat', f'{bundle}/config.json'))
        script = config['process']['args']
        script[-1] = script[-1].replace('exec sleep 1000', 'true')
        config['linux']['cgroupsPath'] = f'/{self.name("peer")}'
        copy = self.path(f'bundle-{runtime}')
        os.makedirs(copy)
        self.write(f'bundle-{runtime}/config.json', json.dumps(config))
        program = paths.runtime_argv(paths.runtime_path(runtime))
        return self.host.run([*program, '--root', self.path(f'state-{runtime}'), 'run', '--bundle', copy,
                              self.name('peer')])

    def test_under_three_runtimes(self):
        process, bundle, expected = self.bundle()
        try:
            for runtime in ('crun-lite', 'runc', 'crun'):
                with self.subTest(runtime):
                    if runtime != 'crun-lite' and not shutil.which(runtime):
                        self.skipTest(f'{runtime} is not installed')
                    self.assertEqual(self.assert_ok(self.run_with(runtime, bundle)).out, expected)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=10)


if __name__ == '__main__':
    unittest.main()
