# SPDX-License-Identifier: Apache-2.0
"""pause and resume: nothing runs in between, the words, and how a paused container is killed and deleted."""
import os
import pathlib

from support.harness import RuntimeTest, process, wait_until


class Pause(RuntimeTest):

    def counting(self):
        """A running container that writes a line about every 10 ms; returns its id and its output file."""
        name, created = self.create(
            self.bundle().sh('while :; do echo x; usleep 10000 2>/dev/null || sleep 0.01; done'))
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        output = pathlib.Path(self.path(name + '.out'))
        wait_until(lambda: output.stat().st_size > 4, 'it counts')
        return name, output

    def test_nothing_runs_while_paused(self):
        name, output = self.counting()
        self.assert_ok(self.oci('pause', name))
        before = output.stat().st_size
        self.assertEqual('paused', self.state(name)['status'])
        self.assertNotEqual(0, self.state(name)['pid'])
        os.sched_yield()
        wait_until(lambda: True, 'some time', interval=0.2)
        self.assertEqual(before, output.stat().st_size)
        self.assert_ok(self.oci('resume', name))
        self.assertEqual('running', self.state(name)['status'])
        wait_until(lambda: output.stat().st_size > before, 'it counts again')

    def test_list_says_paused(self):
        name, _ = self.counting()
        self.assert_ok(self.oci('pause', name))
        self.assertIn('paused', self.assert_ok(self.oci('list')).out)

    def test_again_and_again(self):
        name, output = self.counting()
        for _ in range(20):
            self.assert_ok(self.oci('pause', name))
            self.assert_ok(self.oci('resume', name))
        before = output.stat().st_size
        wait_until(lambda: output.stat().st_size > before, 'it still counts')

    def test_a_container_that_forks_all_the_time(self):
        name, created = self.create(self.bundle().sh('while :; do /bin/true & wait; done'))
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        for _ in range(5):
            self.assert_ok(self.oci('pause', name))
            self.assertEqual('paused', self.state(name)['status'])
            self.assert_ok(self.oci('resume', name))

    def test_a_created_container_can_be_paused(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 wants it started')
        name, created = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(created)
        self.assert_ok(self.oci('pause', name))
        self.assertEqual('paused', self.state(name)['status'])
        self.assert_ok(self.oci('resume', name))
        self.assertEqual('created', self.state(name)['status'])
        self.assert_ok(self.oci('start', name))
        self.assertEqual('running', self.state(name)['status'])

    def test_kill_ends_a_paused_container(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8.1 leaves the signal pending until resume')
        name, _ = self.counting()
        self.assert_ok(self.oci('pause', name))
        self.assert_ok(self.oci('kill', name, 'KILL'))
        self.wait_status(name, 'stopped')
        self.assert_ok(self.oci('delete', name))

    def test_a_milder_signal_waits(self):
        name, created = self.create(self.bundle().sh('trap "echo term; exit 0" TERM; echo ready; while :; do sleep '
                                                     '0.05; done'))
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        wait_until(lambda: 'ready' in self.output(name), 'it has set its trap')
        self.assert_ok(self.oci('pause', name))
        self.assert_ok(self.oci('kill', name, 'TERM'))
        self.assertEqual('paused', self.state(name)['status'])
        self.assert_ok(self.oci('resume', name))
        wait_until(lambda: 'term' in self.output(name), 'the signal has come')

    def test_delete_force_of_a_paused_container(self):
        name, _ = self.counting()
        pid = self.state(name)['pid']
        self.assert_ok(self.oci('pause', name))
        refused = self.oci('delete', name)
        self.assertEqual(1, refused.code)
        if self.runtime_name == 'crun-lite':
            self.assertIn(f'cannot delete container {name} that is not stopped: paused', refused.err)
        self.assert_ok(self.oci('delete', '--force', name))
        process.reap_orphans()
        self.assertFalse(process.alive(pid))


class Words(RuntimeTest):

    def test_unknown(self):
        for verb in ('pause', 'resume'):
            words = [] if self.runtime_name == 'crun' else ['does not exist']
            self.assert_fails(self.oci(verb, self.name()), 1, *words)

    def test_stopped(self):
        name, _ = self.create(self.bundle(['/bin/true']))
        self.assert_ok(self.oci('start', name))
        self.wait_status(name, 'stopped')
        for verb in ('pause', 'resume'):
            self.assertEqual(1, self.oci(verb, name).code)
        if self.runtime_name == 'crun-lite':
            self.assert_fails(self.oci('pause', name), 1, 'container not running')

    def test_states(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8.1 pauses twice and resumes what runs without a word')
        name, _ = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(self.oci('start', name))
        self.assert_fails(self.oci('resume', name), 1, 'not paused')
        self.assert_ok(self.oci('pause', name))
        self.assert_fails(self.oci('pause', name), 1, 'not running')
        self.assertEqual(1, self.oci('start', name).code)
