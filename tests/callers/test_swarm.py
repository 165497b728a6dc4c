# SPDX-License-Identifier: Apache-2.0
"""Past one machine: three dockerd with crun-lite as their default runtime make a swarm, which runs the guide's app
six times behind one port, and goes on doing so when one of the three dies. The nodes are network namespaces on one
Ethernet segment. The stack is examples/swarm/stack.yml as it is."""
import collections
import concurrent.futures

from support import paths
from support.dockerd import Dockerd, finish, missing_packages
from support.harness import Host, ScratchTest, wait_until

DEADLINE = 240
GUIDE_IMAGE = paths.BUILD / 'quickstart/python-docker.tar'
STACK = paths.REPO / 'examples/swarm/stack.yml'
NAMES = ('ada', 'bob', 'cyd')


class Swarm(ScratchTest):

    def setUp(self):
        super().setUp()
        reason = missing_packages()
        if reason:
            self.skipTest(reason)
        self.lan = Host(self.scratch)
        self.addCleanup(self.lan.close)
        self.lan.run(['ip', 'link', 'add', 'br0', 'type', 'bridge'], check=True)
        self.lan.run(['ip', 'addr', 'add', '192.0.2.254/24', 'dev', 'br0'], check=True)
        self.lan.run(['ip', 'link', 'set', 'br0', 'up'], check=True)
        self.nodes = []
        self.addCleanup(self.finish)
        with concurrent.futures.ThreadPoolExecutor(len(NAMES)) as pool:
            list(pool.map(self.node, range(len(NAMES))))
        self.nodes.sort(key=lambda node: node.address)

    def node(self, number):
        """A dockerd with the guide's image, on the segment as 192.0.2.<number + 1>."""
        node = Dockerd(host_first=lambda host: self.plug(host, number), hostname=NAMES[number])
        node.address = f'192.0.2.{number + 1}'
        self.nodes.append(node)
        loaded = node.docker('load', '-q', '-i', GUIDE_IMAGE, timeout=120)
        if loaded.code != 0:
            self.fail(f'{loaded}\n{node.log("dockerd")}')

    def plug(self, host, number):
        cable = ['ip', 'link', 'add', f'lan{number}', 'type', 'veth', 'peer', 'name', 'lan0', 'netns', str(host.pid)]
        self.lan.run(cable, check=True)
        self.lan.run(['ip', 'link', 'set', f'lan{number}', 'master', 'br0', 'up'], check=True)
        host.run(['ip', 'addr', 'add', f'192.0.2.{number + 1}/24', 'dev', 'lan0'], check=True)
        host.run(['ip', 'link', 'set', 'lan0', 'up'], check=True)

    def finish(self):
        finish(self.nodes, self.leave, keep=[self.lan.pid])

    def leave(self, node):
        if not node.started:
            return []  # its plug was pulled
        left = node.docker('swarm', 'leave', '--force', timeout=60)
        return ([str(left)] if left.code else []) + node.stop()

    def ok(self, node, *args, **kwargs):
        return self.assert_ok(node.docker(*args, **kwargs)).out

    def running(self, service):
        """{node: number of running replicas}, as the first node's manager knows it."""
        rows = self.nodes[0].docker('service', 'ps', service, '--filter', 'desired-state=running', '--format',
                                    '{{.Node}} {{.CurrentState}}').out.splitlines()
        return collections.Counter(r.split()[0] for r in rows if ' Running ' in f'{r} ')

    def wait_running(self, service, total, nodes, timeout):
        def spread():
            found = self.running(service)
            return sum(found.values()) == total and set(found) == nodes
        try:
            wait_until(spread, f'{total} replicas of {service} on {sorted(nodes)}', timeout=timeout)
        except AssertionError as error:
            self.fail(f'{error}\n{self.nodes[0].docker("service", "ps", "--no-trunc", service).out}')

    def page(self, node):
        return self.lan.run(['curl', '-s', '--max-time', '8', f'http://{node.address}:8000/']).out

    def make_swarm(self):
        first = self.nodes[0]
        self.ok(first, 'swarm', 'init', '--advertise-addr', first.address, '--dispatcher-heartbeat', '2s', timeout=60)
        token = self.ok(first, 'swarm', 'join-token', '-q', 'manager').strip()
        for node in self.nodes[1:]:
            self.ok(node, 'swarm', 'join', '--advertise-addr', node.address, '--token', token, f'{first.address}:2377',
                    timeout=60)
        hostnames = self.ok(first, 'node', 'ls', '--format', '{{.ID}} {{.ManagerStatus}}').splitlines()
        self.assertEqual(3, len(hostnames), hostnames)

    def test_a_node_dies(self):
        self.make_swarm()
        self.ok(self.nodes[0], 'stack', 'deploy', '--resolve-image', 'never', '-c', STACK, 'hello', timeout=60)
        names = set(NAMES)
        self.wait_running('hello_app', 6, names, timeout=90)
        self.wait_running('hello_front', 3, names, timeout=60)
        for node in self.nodes:
            wait_until(lambda node=node: self.page(node) == 'Hello, Docker!', f'the page through {node.address}',
                       timeout=30)
            containers = self.ok(node, 'ps', '-q').split()
            runtimes = {node.inspect(c, '.HostConfig.Runtime') for c in containers}
            self.assertEqual({node.runtime_name}, runtimes)

        self.pull_the_plug(self.nodes[2])
        self.wait_running('hello_app', 6, names - {NAMES[2]}, timeout=90)
        for node in self.nodes[:2]:
            wait_until(lambda node=node: self.page(node) == 'Hello, Docker!', f'the page through {node.address}',
                       timeout=30)
            self.assertEqual(['Hello, Docker!'] * 20, [self.page(node) for _ in range(20)])

    def pull_the_plug(self, node):
        self.lan.run(['ip', 'link', 'set', f'lan{self.nodes.index(node)}', 'down'], check=True)
        node.switch_off()
