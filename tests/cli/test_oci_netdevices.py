# SPDX-License-Identifier: Apache-2.0
"""linux.netDevices: links of the host in the container, on a machine of the test's own. runc 1.1 and crun 1.8 do not
know the member."""
import json
import subprocess

from support.harness import Host, RuntimeTest, run


CONNECT = 'import socket, sys; socket.create_connection((sys.argv[1], 80), timeout=20)'


class NetDevices(RuntimeTest):
    own_only = True

    def setUp(self):
        super().setUp()
        self.host = Host(self.scratch)
        self.addCleanup(self.host.close)

    def ip(self, *words):
        return self.host.run(['ip', *words], check=True).out

    def device(self, name, *addresses):
        self.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'p' + name)
        for address in addresses:
            self.ip('addr', 'add', *address.split(), 'dev', name)

    def bundle_with(self, script, **devices):
        bundle = self.bundle().sh(script)
        bundle.config['linux']['netDevices'] = {n: {'name': d} if d else {} for n, d in devices.items()}
        return bundle.write()

    def run_there(self, bundle, *options):
        return self.host.run([*self._oci_argv(), 'run', '--bundle', bundle.path, *options, self.container()])

    def links(self):
        return {link['ifname']: link for link in json.loads(self.ip('-j', 'addr', 'show'))}

    def addresses(self, name):
        return sorted(f'{a["local"]}/{a["prefixlen"]} {a["scope"]}' for a in self.links()[name]['addr_info']
                      if a['scope'] != 'link')

    def test_it_keeps_its_name_and_global_addresses_and_is_up(self):
        self.device('crl0', '192.0.2.7/24', '2001:db8::7/64', '198.51.100.1/32 scope link',
                    '203.0.113.9 peer 203.0.113.10/32')
        result = self.assert_ok(self.run_there(self.bundle_with('ip addr show dev crl0', crl0='')))
        self.assertIn('inet 192.0.2.7/24 scope global crl0', result.out)
        self.assertIn('inet6 2001:db8::7/64 scope global', result.out)
        self.assertIn('inet 203.0.113.9 peer 203.0.113.10/32 scope global', result.out)
        self.assertNotIn('198.51.100.1', result.out)
        self.assertNotIn('tentative', result.out)
        self.assertRegex(result.out, 'crl0@[^:]*: <[^>]*,UP[,>]')
        self.assertNotIn('crl0', self.links())  # a virtual device ends with the container's network namespace

    def test_it_is_renamed(self):
        self.device('crl0', '192.0.2.7/24')
        self.device('crl1')
        self.ip('link', 'set', 'crl1', 'up')
        result = self.assert_ok(self.run_there(self.bundle_with('ls /sys/class/net; ip addr show dev lan0', crl0='lan0',
                                                                crl1='wan')))
        self.assertTrue(result.out.startswith('lan0\nlo\nwan\n'), result)
        self.assertIn('192.0.2.7/24', result.out)

    def test_the_kernel_numbers_it(self):
        for name in ('crl0', 'crl1', 'eth0'):
            self.device(name)
        result = self.assert_ok(self.run_there(self.bundle_with('ls /sys/class/net', crl0='eth%d', crl1='eth%d',
                                                                eth0='')))
        self.assertEqual('eth0\neth1\neth2\nlo\n', result.out)

    def test_a_cable_carries_traffic_when_the_program_starts(self):
        self.ip('link', 'add', 'crl0', 'type', 'veth', 'peer', 'name', 'crlpeer')
        self.ip('addr', 'add', '192.0.2.7/24', 'dev', 'crl0')
        self.ip('addr', 'add', '192.0.2.1/24', 'dev', 'crlpeer')
        self.ip('link', 'set', 'crlpeer', 'up')
        name = self.container()
        # It has no stdio that it could hold open.
        created = self.background([*self._oci_argv(), 'create', '--bundle',
                                   self.bundle_with('exec sleep 1000', crl0='eth0').path,
                                   name], self.host, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(0, created.wait(60))
        # Nobody listens there, and that is an answer.
        result = self.host.run(['python3', '-c', CONNECT, '192.0.2.7'])
        self.assertIn('ConnectionRefusedError', result.err)

    def test_sysctls_of_the_device(self):
        self.device('crl0')
        bundle = self.bundle_with('cd /proc/sys/net/ipv4/conf/lan0; cat rp_filter log_martians', crl0='lan0')
        bundle.config['linux']['sysctl'] = {'net.ipv4.conf.lan0.rp_filter': '2', 'net/ipv4/conf/lan0/log_martians': '1'}
        self.assertEqual('2\n1\n', self.assert_ok(self.run_there(bundle.write())).out)

    def test_into_a_namespace_that_is_joined(self):
        self.device('crl0', '192.0.2.7/24')
        self.ip('netns', 'add', 'crltest')
        bundle = self.bundle_with('ip addr show dev lan0', crl0='lan0')
        bundle.namespaces('pid', 'ipc', 'uts', 'mount', network='/run/netns/crltest')
        self.assertIn('192.0.2.7/24', self.assert_ok(self.run_there(bundle)).out)
        # The namespace stays, and what is in it.
        self.assertIn('192.0.2.7/24', self.ip('-n', 'crltest', 'addr', 'show', 'dev', 'lan0'))
        self.ip('netns', 'del', 'crltest')

    def test_with_a_user_namespace(self):
        self.device('crl0', '192.0.2.7/24')
        bundle = self.bundle_with('ip addr show dev crl0', crl0='')
        bundle.config['linux']['namespaces'].append({'type': 'user'})
        maps = [{'containerID': 0, 'hostID': 100000, 'size': 1000}]
        bundle.config['linux'].update(uidMappings=maps, gidMappings=maps)
        self.assertIn('192.0.2.7/24', self.assert_ok(self.run_there(bundle.write())).out)

    def assert_back(self, addresses):
        links = self.links()
        self.assertIn('crl0', links)
        self.assertIn('UP', links['crl0']['flags'])
        self.assertNotIn('UP', links['crl1']['flags'])
        self.assertEqual(addresses, self.addresses('crl0'))

    def test_it_comes_back_when_the_container_cannot_be_made(self):
        self.device('crl0', '192.0.2.7/24', '2001:db8::7/64')
        self.device('crl1')
        self.ip('link', 'set', 'crl0', 'up')
        before = self.addresses('crl0')
        self.assertEqual(2, len(before))
        cases = {
            'a mount': lambda c: c['mounts'].append({'destination': '/m', 'type': 'bind', 'source': self.path('none')}),
            'a program': lambda c: c['process'].update(args=['/bin/none']),
            'a hook': lambda c: c.update(hooks={'createRuntime': [{'path': '/bin/false'}]}),
            'a second device': lambda c: c['linux']['netDevices'].update(zzz={}),
            'a name that is taken': lambda c: c['linux']['netDevices'].update(crl1={'name': 'lo'}),
        }
        for what, spoil in cases.items():
            with self.subTest(what):
                bundle = self.bundle_with('true', crl0='lan0')
                bundle.config['linux']['netDevices']['crl1'] = {'name': 'lan1'}
                spoil(bundle.config)
                result = self.run_there(bundle.write())
                self.assertNotEqual(0, result.code, result)
                self.assert_back(before)

    def test_errors(self):
        self.device('crl0')
        self.assert_fails(self.run_there(self.bundle_with('true', crlnone='')), 1,
                          'network device crlnone: no such device')
        self.assert_fails(self.run_there(self.bundle_with('true', crl0='lo')), 1,
                          'network device crl0: the container already has one named lo')
        for new in ('a/b', 'a b', 'x' * 16, '..', 'e%dx', 'e%s'):
            result = self.run_there(self.bundle_with('true', crl0=new))
            self.assert_fails(result, 1, '/linux/netDevices/crl0/name: ')
        self.assert_fails(self.run_there(self.bundle_with('true', crl0='x', crl1='x')), 1,
                          'another device is called "x", too')
        self.assertIn('crl0', self.links())

    def test_they_need_a_network_namespace(self):
        self.device('crl0')
        bundle = self.bundle_with('true', crl0='')
        bundle.namespaces('pid', 'ipc', 'uts', 'mount')
        self.assert_fails(self.run_there(bundle), 1, "netDevices: need a network namespace of the container's own")
        bundle.namespaces('pid', 'ipc', 'uts', 'mount', network=f'/proc/{self.host.pid}/ns/net')
        self.assert_fails(self.run_there(bundle), 1, "netDevices need a network namespace of the container's own")
        self.assertIn('crl0', self.links())

    def test_features_says_so(self):
        features = json.loads(run([*self._oci_argv(), 'features']).out)
        self.assertEqual({'enabled': True}, features['linux']['netDevices'])
