# SPDX-License-Identifier: Apache-2.0
"""net/ against this kernel: containers on a machine of the test's own, a neighbour on a cable. Each test leaves
that machine's links, addresses, routes, mounts and firewall as they were; HostTest looks."""
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import paths  # noqa: E402  (the path above comes first)
from support.harness import HostTest, kill_group, unittest, wait_until  # noqa: E402

DRIVER = paths.BUILD / 'tests/kernel/net-driver'
HERE, HERE6 = '192.0.2.1', '2001:db8::1'
THERE, THERE6 = '192.0.2.2', '2001:db8::2'

# Tells each client its own address. Arguments: protocol address port
SERVER = r'''
import socket, sys
protocol, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ':' in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM if protocol == 'tcp' else socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if family == socket.AF_INET6:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
s.bind((address, port))
if protocol == 'tcp':
    s.listen(64)
print('ready', flush=True)
while True:
    if protocol == 'tcp':
        c, peer = s.accept()
        c.sendall(peer[0].encode())
        c.close()
    else:
        data, peer = s.recvfrom(2000)
        s.sendto(peer[0].encode(), peer)
'''
# Prints what the server said, or the error's name. Arguments: protocol address port [source address]
CLIENT = r'''
import socket, sys
protocol, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ':' in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM if protocol == 'tcp' else socket.SOCK_DGRAM)
s.settimeout(1.0)
try:
    if len(sys.argv) > 4:
        s.bind((sys.argv[4], 0))
    s.connect((address, port))
    if protocol == 'udp':
        s.send(b'hello')
    print(s.recv(100).decode() or 'end')
except OSError as error:
    print(type(error).__name__)
'''
# Everything that means "no answer": a drop shows as a timeout, a machine that has no route says so.
NO_ANSWER = ('timeout', 'TimeoutError', 'OSError')


class NetTest(HostTest):
    """attach(), serve(), ask() on self.host, and a neighbour on a cable when a test wants one."""

    def attach(self, *args, name='web', env=None):
        """Connects a container; its JSON with 'end', which detaches it and returns the driver's exit code."""
        driver = self.background([DRIVER, '/run/crun-lite/net', 'attach', name, *args], host=self.host,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        line = driver.stdout.readline()
        if not line.startswith('{'):
            driver.wait(timeout=10)
            return line.rstrip('\n')

        def end():
            driver.stdin.close()
            return driver.wait(timeout=20)
        self.addCleanup(end)
        return {**json.loads(line), 'end': end, 'driver': driver}

    def driver(self, *args):
        return self.host.run([DRIVER, '/run/crun-lite/net', *args])

    def inside(self, container, *argv):
        return ['nsenter', f'--net={container["netns"]}', '--', *argv]

    def serve(self, container, protocol, address, port):
        argv = [paths.PYTHON, '-c', SERVER, protocol, address, str(port)]
        server = self.background(self.inside(container, *argv) if container else argv, host=self.host,
                                 stdout=subprocess.PIPE, text=True)
        self.assertEqual('ready\n', server.stdout.readline())
        return server

    def serve_all(self, container, port=5000):
        for protocol in ('tcp', 'udp'):
            for address in ('0.0.0.0', '::'):
                self.serve(container, protocol, address, port)

    def ask(self, machine, protocol, address, port, *source, container=None):
        argv = [paths.PYTHON, '-c', CLIENT, protocol, address, str(port), *source]
        return machine.run(self.inside(container, *argv) if container else argv).out.strip()

    def neighbour(self):
        other = self.machine()
        self.host.connect(f'{HERE}/24', other, f'{THERE}/24')
        for machine, address in ((self.host, HERE6), (other, THERE6)):
            machine.run(['ip', 'addr', 'add', f'{address}/64', 'dev', 'lan0', 'nodad'], check=True)
        self.host.settle()
        return other


class Published(NetTest):
    def test_from_the_host_itself(self):
        web = self.attach('-p', '5000:5000', '-p', '5000:5000/udp')
        self.serve_all(web)
        gateway, gateway6 = web['gateways']
        for protocol in ('tcp', 'udp'):
            self.assertEqual(gateway, self.ask(self.host, protocol, '127.0.0.1', 5000), protocol)
            self.assertEqual(gateway, self.ask(self.host, protocol, '127.8.0.9', 5000), protocol)
            self.assertEqual(gateway6, self.ask(self.host, protocol, '::1', 5000), protocol)
            self.assertEqual(gateway, self.ask(self.host, protocol, gateway, 5000), protocol)

    def test_localhost_by_ipv6_reaches_a_program_that_has_only_ipv4(self):
        web = self.attach('-p', '5000:5000', '-p', '5000:5000/udp')
        self.serve(web, 'tcp', '0.0.0.0', 5000)
        self.serve(web, 'udp', '0.0.0.0', 5000)
        for protocol in ('tcp', 'udp'):
            self.assertEqual(web['gateways'][0], self.ask(self.host, protocol, '::1', 5000), protocol)

    def test_from_a_neighbour_whose_address_is_kept(self):
        other = self.neighbour()
        web = self.attach('-p', '5000:5000', '-p', '5000:5000/udp')
        self.serve_all(web)
        for protocol in ('tcp', 'udp'):
            self.assertEqual(THERE, self.ask(other, protocol, HERE, 5000), protocol)
            self.assertEqual(THERE6, self.ask(other, protocol, HERE6, 5000), protocol)

    def test_on_one_address_only(self):
        other = self.neighbour()
        self.host.run(['ip', 'addr', 'add', '192.0.2.9/24', 'dev', 'lan0'], check=True)
        self.host.settle()
        web = self.attach('-p', f'{HERE}:5000:5000', '-p', f'[{HERE6}]:5001:5000', '-p', '127.0.0.1:5002:5000')
        self.serve_all(web)
        self.assertEqual(THERE, self.ask(other, 'tcp', HERE, 5000))
        self.assertEqual(THERE6, self.ask(other, 'tcp', HERE6, 5001))
        self.assertEqual('ConnectionRefusedError', self.ask(other, 'tcp', '192.0.2.9', 5000))
        self.assertEqual('ConnectionRefusedError', self.ask(other, 'tcp', HERE, 5002))
        self.assertEqual(web['gateways'][0], self.ask(self.host, 'tcp', '127.0.0.1', 5002))
        self.assertEqual('ConnectionRefusedError', self.ask(self.host, 'tcp', '127.0.0.1', 5000))

    def test_from_containers_through_the_host(self):
        web = self.attach('-p', '5000:5000')
        self.serve(web, 'tcp', '0.0.0.0', 5000)
        client = self.attach(name='client')
        self.serve(web, 'tcp', '::', 5000)
        # Whether the kernel shows bridged frames to the firewall differs from machine to machine.
        for filtered in ('0', '1'):
            self.host.run(['sh', '-c', f'for f in ip ip6; do s=/proc/sys/net/bridge/bridge-nf-call-${{f}}tables; '
                           f'[ ! -e $s ] || echo {filtered} > $s; done'], check=True)
            for gateway, address, own in zip(web['gateways'], web['addresses'], client['addresses']):
                for asking in (web, client):
                    self.assertEqual(gateway, self.ask(self.host, 'tcp', gateway, 5000, container=asking))
                # By its own address, as members of one network.
                self.assertEqual(own, self.ask(self.host, 'tcp', address, 5000, container=client))

    def test_a_range_and_a_port_of_our_choice(self):
        web = self.attach('-p', '8000-8002:80-82', '-p', '9000')
        self.assertIn('0.0.0.0:8000-8002->80-82/tcp', web['ports'])
        self.assertRegex(web['ports'],
                         r'0\.0\.0\.0:(3276[89]|327[7-9]\d|32[89]\d\d|3[3-9]\d{3}|[45]\d{4}|60\d{3})->9000')

    def test_two_thousand_ports(self):
        argv = ['sh', '-c', 'ulimit -n 5000 || exit 77; exec "$@"', 'sh', DRIVER, '/run/crun-lite/net', 'time', '1',
                '-p', '10000-11999:10000-11999']
        result = self.host.run(argv)
        if result.code == 77:
            self.skipTest('this machine does not let a process have 5000 descriptors')
        self.assertIn('attach median', self.assert_ok(result).out)

    def test_large_transfer_by_ipv6_loopback(self):
        web = self.attach('-p', '5000:5000')
        size = 20_000_000
        code = ('import socket\ns = socket.create_server(("0.0.0.0", 5000))\nprint("ready", flush=True)\n'
                f'c, _ = s.accept()\nc.sendall(b"x" * {size})\nc.shutdown(1)\nprint(len(c.recv(100)), flush=True)\n')
        server = self.background(self.inside(web, paths.PYTHON, '-c', code), host=self.host, stdout=subprocess.PIPE,
                                 text=True)
        server.stdout.readline()
        client = ('import socket\nc = socket.create_connection(("::1", 5000))\nn = 0\n'
                  'while d := c.recv(65536): n += len(d)\nc.sendall(b"bye")\nc.close()\nprint(n)\n')
        self.assertEqual(f'{size}\n', self.host.run([paths.PYTHON, '-c', client]).out)
        self.assertEqual('3\n', server.stdout.readline())

    def test_clients_that_kept_sending_datagrams_find_the_new_container(self):
        # Source port fixed, so that it is one connection to the kernel, from before the port is published.
        code = ('import socket, time\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(("0.0.0.0", 4242))\n'
                's.settimeout(0.05)\nfor i in range(200):\n    try:\n'
                f'        s.sendto(b"x", ("{HERE}", 5000))\n        print(s.recv(100).decode(), flush=True)\n'
                '    except OSError:\n        time.sleep(0.05)\n')
        other = self.neighbour()
        keep = self.attach(name='keep')  # the firewall, and with it connection tracking, is there from the start
        client = self.background([paths.PYTHON, '-c', code], host=other, stdout=subprocess.PIPE, text=True)
        for name in ('one', 'two'):
            web = self.attach('-p', '5000:5000/udp', name=name)
            server = self.serve(web, 'udp', '0.0.0.0', 5000)
            self.assertEqual(f'{THERE}\n', client.stdout.readline(), name)
            server.kill()
            server.wait()
            self.assertEqual(0, web['end']())
            client.kill() if name == 'two' else None
        self.assertEqual(0, keep['end']())


class Isolation(NetTest):
    def test_loopback_ports_are_not_reached_by_a_neighbour(self):
        other = self.neighbour()
        web = self.attach('-p', '127.0.0.1:5000:5000', '-p', '127.0.0.1:5000:5000/udp', '-p', '[::1]:5001:5000',
                          '-p', '5003:5000')
        self.serve_all(web)
        # The neighbour routes our loopback to us and takes its own out of the way.
        other.run(['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet'], check=True)
        other.run(['ip', 'rule', 'add', 'pref', '1', 'to', '127.0.0.0/8', 'lookup', '99'], check=True)
        other.run(['ip', 'route', 'add', '127.0.0.0/8', 'via', HERE, 'dev', 'lan0', 'table', '99'], check=True)
        other.run(['ip', 'rule', 'del', 'pref', '0'], check=True)
        other.run(['ip', 'rule', 'add', 'pref', '100', 'lookup', 'local'], check=True)
        # The attack works but for our rules.
        self.host.run(['nft', 'flush', 'chain', 'inet', 'crun-lite', 'raw_prerouting'], check=True)
        self.assertEqual(THERE, self.ask(other, 'tcp', '127.0.0.1', 5000, THERE))
        self.assert_ok(self.driver('repair'))
        for protocol in ('tcp', 'udp'):
            for port in (5000, 5003):
                self.assertIn(self.ask(other, protocol, '127.0.0.1', port, THERE), NO_ANSWER, (protocol, port))
        other.run(['ip', '-6', 'addr', 'del', '::1/128', 'dev', 'lo'], check=True)
        other.run(['ip', '-6', 'route', 'add', '::1/128', 'via', HERE6, 'dev', 'lan0'], check=True)
        for port in (5001, 5003):
            self.assertIn(self.ask(other, 'tcp', '::1', port, THERE6), NO_ANSWER, port)
        # Nor while somebody has flushed the rules, nor after our repair.
        self.host.run(['nft', 'flush', 'ruleset'], check=True)
        self.assertIn(self.ask(other, 'tcp', '127.0.0.1', 5000, THERE), NO_ANSWER)
        self.assert_ok(self.driver('repair'))
        self.assertIn(self.ask(other, 'tcp', '127.0.0.1', 5000, THERE), NO_ANSWER)

    def test_container_addresses_are_not_reached_by_a_neighbour(self):
        other = self.neighbour()
        web = self.attach('-p', '5001:5000')
        self.serve_all(web)
        address, address6 = web['addresses']
        other.run(['ip', 'route', 'add', '10.219.0.0/16', 'via', HERE], check=True)
        other.run(['ip', '-6', 'route', 'add', 'fd63:7275:6e6c::/64', 'via', HERE6], check=True)
        # The attack works but for our rules.
        self.host.run(['nft', 'flush chain inet crun-lite raw_prerouting; flush chain inet crun-lite forward'],
                      check=True)
        self.assertEqual(THERE, self.ask(other, 'tcp', address, 5000))
        self.assertEqual(THERE6, self.ask(other, 'tcp', address6, 5000))
        self.assert_ok(self.driver('repair'))
        for protocol in ('tcp', 'udp'):
            self.assertIn(self.ask(other, protocol, address, 5000), NO_ANSWER, protocol)
            self.assertIn(self.ask(other, protocol, address6, 5000), NO_ANSWER, protocol)
        self.assertNotEqual(0, other.run(['ping', '-c1', '-W1', address]).code)
        self.assertEqual(web['gateways'][0], self.ask(self.host, 'tcp', address, 5000))

    def test_containers_reach_out_with_the_hosts_address(self):
        other = self.neighbour()
        web = self.attach()
        for protocol in ('tcp', 'udp'):
            for address, own in ((THERE, HERE), (THERE6, HERE6)):
                argv = [paths.PYTHON, '-c', SERVER, protocol, address, '7000']
                server = self.background(argv, host=other, stdout=subprocess.PIPE, text=True)
                server.stdout.readline()
                self.assertEqual(own, self.ask(self.host, protocol, address, 7000, container=web), (protocol, address))

    def test_the_host_does_not_become_a_router(self):
        other, third = self.neighbour(), self.machine()
        self.host.connect('198.51.100.1/24', third, '198.51.100.2/24', name='lan1')
        other.run(['ip', 'route', 'add', '198.51.100.0/24', 'via', HERE], check=True)
        third.run(['ip', 'route', 'add', '192.0.2.0/24', 'via', '198.51.100.1'], check=True)
        self.attach()
        self.assertEqual('1\n', self.host.run(['cat', '/proc/sys/net/ipv4/ip_forward']).out)
        argv = [paths.PYTHON, '-c', SERVER, 'tcp', '198.51.100.2', '7000']
        server = self.background(argv, host=third, stdout=subprocess.PIPE, text=True)
        server.stdout.readline()
        self.assertIn(self.ask(other, 'tcp', '198.51.100.2', 7000), NO_ANSWER)

    def test_without_ipv6_there_is_none(self):
        web = self.attach('-4', '-p', '5000:5000')
        self.assertEqual(1, len(web['addresses']))
        self.serve(web, 'tcp', '0.0.0.0', 5000)
        found = self.host.run(self.inside(web, 'ip', '-6', '-o', 'addr')).out
        self.assertEqual(['::1/128'], [line.split()[3] for line in found.splitlines()])
        self.assertEqual(web['gateways'][0], self.ask(self.host, 'tcp', '::1', 5000))

    def test_router_advertisements_of_a_container_change_nothing(self):
        web = self.attach()
        before = self.host.run(['ip', '-6', 'route']).out
        code = ('import socket, struct\ns = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)\n'
                's.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)\n'
                's.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0), ("ff02::1%eth0", 0, 0, 2))\n')
        wait_until(lambda: 'tentative' not in self.host.run(self.inside(web, 'ip', '-6', 'addr')).out, 5)
        self.host.run(self.inside(web, paths.PYTHON, '-c', code), check=True)
        self.assertEqual(before, self.host.run(['ip', '-6', 'route']).out)
        self.assertEqual('0\n', self.host.run(['cat', '/proc/sys/net/ipv6/conf/crl0/accept_ra']).out)


class Failures(NetTest):
    def test_a_port_of_another_container(self):
        self.attach('-p', '5000:5000')
        message = self.attach('-p', '6000:6000', '-p', '5000:80', name='second')
        self.assertEqual('Bind for 0.0.0.0:5000 failed: port is already allocated: container web has it', message)
        # All or nothing: the first of its ports is free again, and so is its name.
        self.assertIn('0.0.0.0:6000->6000/tcp', self.attach('-p', '6000:6000', name='second')['ports'])

    def test_a_port_of_a_program_of_the_host(self):
        server = self.serve(None, 'tcp', '127.0.0.1', 5000)
        message = self.attach('-p', '5000:5000')
        self.assertRegex(message, r'^Bind for 0\.0\.0\.0:5000 failed: address already in use: python3\S* '
                                  rf'\(pid {server.pid}\) has it$')
        self.assertIn('the host has no address 203.0.113.1'.replace('the', 'this'),
                      self.attach('-p', '203.0.113.1:5000:5000'))

    def test_no_address_left(self):
        env = {**os.environ, 'NET_SUBNET4': '10.219.0.0/30'}
        self.attach(env=env)
        self.assertEqual('no free address in 10.219.0.0/30: all 1 are in use',
                         self.attach('-p', '5000:5000', name='second', env=env))
        self.assertIsInstance(self.attach('-p', '5000:5000', '-4', name='web2', env=env), str)

    def test_subnets_of_the_host_are_left_alone(self):
        self.neighbour()
        self.host.run(['ip', 'route', 'add', '10.219.7.0/24', 'via', THERE], check=True)
        self.host.settle()
        self.assertTrue(self.attach()['addresses'][0].startswith('10.221.'))

    def test_a_foreign_bridge_of_our_name(self):
        self.host.run(['ip', 'link', 'add', 'crl0', 'type', 'bridge'], check=True)
        self.host.settle()
        self.assertEqual("there is an interface crl0 that is not crun-lite's", self.attach())

    def test_the_bridge_of_another_state_directory(self):
        self.attach()
        argv = [DRIVER, '/run/crun-lite/other', 'attach', 'web2']
        self.assertEqual("there is an interface crl0 that is not crun-lite's (crun-lite /run/crun-lite/net)\n",
                         self.host.run(argv).out)

    def test_twice_the_same_id(self):
        self.attach()
        self.assertEqual('container web has a network already', self.attach())

    def test_twenty_racers_for_one_port(self):
        started = [self.background([DRIVER, '/run/crun-lite/net', 'attach', f'racer{i}', '-p', '5000:5000'],
                                   host=self.host, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                   for i in range(20)]
        lines = [s.stdout.readline() for s in started]
        self.assertEqual(1, sum(line.startswith('{') for line in lines), lines)
        self.assertEqual(19, sum('failed: port is already allocated' in line for line in lines), lines)
        for s in started:
            s.stdin.close()
            s.wait(timeout=20)

    def test_twenty_at_once(self):
        started = [self.background([DRIVER, '/run/crun-lite/net', 'attach', f'c{i}', '-p', f'{5000 + i}:5000'],
                                   host=self.host, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                   for i in range(20)]
        lines = [s.stdout.readline() for s in started]
        self.assertTrue(all(line.startswith('{') for line in lines), lines)
        self.assertEqual(20, len({json.loads(line)['addresses'][0] for line in lines}))
        for s in started:
            s.stdin.close()
        self.assertEqual([0] * 20, [s.wait(timeout=20) for s in started])


class Warnings(NetTest):
    def test_a_firewall_that_drops_forwarded_packets(self):
        other = self.neighbour()
        self.host.run(['nft', 'add table ip filter; add chain ip filter FORWARD '
                       '{ type filter hook forward priority 0; policy drop; }'], check=True)
        self.host.settle()
        web = self.attach('-p', '5000:5000')
        self.serve(web, 'tcp', '0.0.0.0', 5000)
        [warning] = web['warnings']
        self.assertIn("the firewall's chain ip filter FORWARD drops what it does not know", warning)
        self.assertIn(self.ask(other, 'tcp', HERE, 5000), NO_ANSWER)
        # The way out that the warning shows is one.
        self.host.run(['sh', '-c', warning.split('let it through: ')[1]], check=True)
        self.assertEqual(THERE, self.ask(other, 'tcp', HERE, 5000))
        self.host.run(['nft', 'flush chain ip filter FORWARD'], check=True)


class Recovery(NetTest):
    def kill(self, container):
        driver = container['driver']
        driver.kill()
        driver.wait()

    def test_detach_from_the_record_alone(self):
        self.kill(self.attach('-p', '5000:5000', '-p', '5000:5000/udp'))
        self.assert_ok(self.driver('detach', 'web'))
        self.assert_ok(self.driver('detach', 'web'))

    def test_an_unreadable_record(self):
        self.kill(self.attach('-p', '5000:5000'))
        self.host.run(['sh', '-c', 'echo rubbish > /run/crun-lite/net/records/web.json'], check=True)
        self.assertIn('5000->5000', self.attach('-p', '5000:5000', name='second')['ports'])
        self.assert_ok(self.driver('detach', 'web'))
        self.assertEqual('second\n', self.host.run(['ls', '/run/crun-lite/net/netns']).out)

    def test_killed_at_any_moment(self):
        for milliseconds in range(1, 26):
            driver = self.background([DRIVER, '/run/crun-lite/net', 'attach', 'web', '-p', '5000:5000'],
                                     host=self.host, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            time.sleep(milliseconds / 1000)
            kill_group(driver.pid)
            driver.wait()
            self.assert_ok(self.driver('detach', 'web'))
            if milliseconds % 5 == 0:
                self.assertEqual([], self.host.changes(), f'after {milliseconds} ms')

    def test_the_dead_are_collected_by_the_next(self):
        self.kill(self.attach('-p', '5000:5000'))
        self.attach('-p', '5000:5000', name='second')

    def test_a_container_that_outlives_its_owner_keeps_its_network(self):
        web = self.attach('-p', '5000:5000')
        self.serve(web, 'tcp', '0.0.0.0', 5000)
        self.kill(web)
        other = self.attach(name='second')
        self.assertEqual(web['gateways'][0], self.ask(self.host, 'tcp', '127.0.0.1', 5000))
        self.assertEqual(0, other['end']())
        self.assert_ok(self.driver('detach', 'web'))

    def test_repair_after_somebody_flushed_the_firewall(self):
        other = self.neighbour()
        web = self.attach('-p', '5000:5000', '-p', '127.0.0.1:5001:5000')
        self.serve(web, 'tcp', '0.0.0.0', 5000)
        rules = self.host.run(['nft', 'list', 'ruleset']).out
        self.host.run(['nft', 'flush', 'ruleset'], check=True)
        # Until the repair the reserved sockets carry it: still served, though not with the client's address.
        self.assertEqual(web['gateways'][0], self.ask(other, 'tcp', HERE, 5000))
        self.assert_ok(self.driver('repair'))
        self.assertEqual(rules, self.host.run(['nft', 'list', 'ruleset']).out)
        self.assertEqual(THERE, self.ask(other, 'tcp', HERE, 5000))
        self.assertEqual('ConnectionRefusedError', self.ask(other, 'tcp', HERE, 5001))

    def test_the_next_container_repairs_too(self):
        web = self.attach('-p', '5000:5000')
        self.serve(web, 'tcp', '0.0.0.0', 5000)
        self.host.run(['ip', 'link', 'del', 'crl0'], check=True)
        self.attach(name='second')
        self.assertEqual(web['gateways'][0], self.ask(self.host, 'tcp', '127.0.0.1', 5000))

    def test_other_tables_and_settings_are_as_they_were(self):
        self.host.run(['nft', 'add table inet theirs; add chain inet theirs c '
                       '{ type filter hook forward priority 0; }; add rule inet theirs c counter accept'], check=True)
        self.neighbour()
        self.host.run(['sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/lan0/accept_ra; '
                       'echo 1 > /proc/sys/net/ipv4/conf/lan0/forwarding'], check=True)
        settings = ['sh', '-c', 'cd /proc/sys/net; grep . ipv4/ip_forward ipv4/conf/*/forwarding '
                    'ipv4/conf/*/route_localnet ipv6/conf/*/forwarding ipv6/conf/*/accept_ra']
        self.host.settle()
        before = self.host.run(settings).out
        web = self.attach('-p', '5000:5000')
        self.assertIn('ipv6/conf/lan0/accept_ra:2', self.host.run(settings).out)
        self.assertIn('table inet theirs', self.host.run(['nft', 'list', 'ruleset']).out)
        self.assertEqual(0, web['end']())
        self.assertEqual(before, self.host.run(settings).out)


if __name__ == '__main__':
    unittest.main()
