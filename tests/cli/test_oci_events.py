# SPDX-License-Identifier: Apache-2.0
"""events: one JSON document per line, with runc's keys; lack of memory as an event of its own; the end."""
import json
import os
import subprocess
import time

from support.cgroups import MEBIBYTE, ON_V2, CgroupTest
from support.harness import process, wait_until


class EventsTest(CgroupTest):

    def setUp(self):
        super().setUp()
        if self.runtime_name == 'crun':
            self.skipTest('crun has no events')

    def stats(self, name):
        """The data of `events --stats`, and its envelope checked."""
        answer = self.assert_ok(self.oci('events', '--stats', name))
        self.assertEqual('', answer.err)
        self.assertEqual(1, len(answer.out.splitlines()))
        event = json.loads(answer.out)
        self.assertEqual(('stats', name), (event['type'], event['id']))
        return event['data']


class Stats(EventsTest):

    def test_every_section_is_there(self):
        data = self.stats(self.limited(start=True))
        self.assertLessEqual({'cpu', 'cpuset', 'memory', 'pids', 'blkio', 'hugetlb', 'intel_rdt', 'network_interfaces'},
                             set(data))
        self.assertLessEqual({'usage', 'throttling'}, set(data['cpu']))

    def test_numbers(self):
        name = self.limited({'memory': {'limit': 64 * MEBIBYTE}, 'pids': {'limit': 33}, 'cpu': {'cpus': '0'}},
                            args=('/bin/sh', '-c',
                                  'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; sleep 1000'),
                            start=True)
        wait_until(lambda: 'done' in self.output(name), 'it has computed something')
        data = self.stats(name)
        self.assertEqual(33, data['pids']['limit'])
        self.assertGreaterEqual(data['pids']['current'], 1)
        self.assertEqual(64 * MEBIBYTE, data['memory']['usage']['limit'])
        self.assertGreater(data['memory']['usage']['usage'], 0)
        self.assertGreater(len(data['memory']['raw']), 5)
        self.assertGreater(data['cpu']['usage']['total'], 1_000_000)
        self.assertEqual([0], data['cpuset']['cpus'])

    def test_of_a_created_container(self):
        self.assertIn('memory', self.stats(self.limited()))

    def test_network(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('runc names only the interfaces that it has made')
        data = self.stats(self.limited(start=True))
        self.assertEqual([], data['network_interfaces'], 'a loopback alone')

    def test_pressure_where_the_kernel_counts_it(self):
        name = self.limited(start=True)
        data = self.stats(name)
        if not ON_V2:
            self.skipTest('cgroup v1 has no pressure files')
        if 'psi' not in data['cpu']:
            self.skipTest('this kernel counts no pressure, or the runtime prints none')
        self.assertLessEqual({'avg10', 'avg60', 'avg300', 'total'}, set(data['cpu']['psi']['some']))


class Stream(EventsTest):

    def watch(self, name, *flags):
        """`events` in the background, writing to a file; returns (process, a function that gives its events)."""
        output = open(self.path(name + '.events'), 'wb')
        self.addCleanup(output.close)
        started = self.background([*self._oci_argv(), 'events', *flags, name], stdout=output, stderr=subprocess.STDOUT)

        def events():
            with open(self.path(name + '.events'), encoding='utf-8') as f:
                return [json.loads(line) for line in f.read().splitlines()]
        return started, events

    def test_a_line_at_every_interval_until_the_end(self):
        name = self.limited(start=True)
        started, events = self.watch(name, '--interval', '100ms')
        wait_until(lambda: len(events()) >= 3, 'three lines')
        self.assertEqual({'stats'}, {e['type'] for e in events()})
        self.assertIsNone(started.poll())
        self.assert_ok(self.oci('kill', name, 'KILL'))
        self.ends(started)

    def ends(self, started):
        if self.runtime_name == 'runc':
            return  # 1.1 may go on

        def ended():
            process.reap_orphans()
            return started.poll() is not None
        wait_until(ended, 'events has ended')
        if self.runtime_name == 'crun-lite':
            self.assertEqual(0, started.returncode)

    def test_the_end_comes_before_a_long_interval(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('runc looks at the next interval')
        name = self.limited(start=True)
        started, events = self.watch(name, '--interval', '1h')
        time.sleep(0.2)
        self.assert_ok(self.oci('kill', name, 'KILL'))
        self.ends(started)
        self.assertEqual([], events())

    def test_lack_of_memory_is_an_event(self):
        name = self.hungry()
        started, events = self.watch(name, '--interval', '1h')
        time.sleep(0.5)
        with open(self.fifo, 'w', encoding='ascii') as go:
            go.write('go\n')
        wait_until(lambda: 'dd 137' in self.output(name), 'dd was killed')
        wait_until(events, 'an event')
        self.assertEqual([('oom', name)], [(e['type'], e['id']) for e in events()][:1])
        self.assert_ok(self.oci('kill', name, 'KILL'))
        self.ends(started)

    def hungry(self):
        """A container that waits for a line and then starts something too large for its memory."""
        bundle = self.bundle().sh('read -r line </fifo; (dd if=/dev/zero of=/dev/null bs=100M count=1); echo "dd $?"; '
                                  'sleep 1000')
        self.fifo = bundle.rootfs / 'fifo'
        os.mkfifo(self.fifo)
        bundle.config['linux']['resources']['memory'] = {'limit': 16 * MEBIBYTE, 'swap': 16 * MEBIBYTE}
        name, created = self.create(bundle.write())
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        return name


class Words(EventsTest):

    own_only = True

    def test_words(self):
        self.assert_fails(self.oci('events', self.name()), 1, 'container does not exist')
        name = self.limited(args=('/bin/true',), start=True)
        self.wait_status(name, 'stopped')
        self.assert_fails(self.oci('events', '--stats', name), 1, 'container not running')

    def test_intervals(self):
        name = self.limited()
        for bad in ('0s', '5', 'soon', '-1s'):
            with self.subTest(bad):
                self.assert_fails(self.oci('events', f'--interval={bad}', name), 1, '--interval')
