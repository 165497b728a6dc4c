# SPDX-License-Identifier: Apache-2.0
"""`run IMAGE` when things go wrong at any moment: whatever is killed when, the next run finds a clean machine."""
import os
import random
import signal
import time

from run_support import STORE, RunTest

from support.harness import unittest


class Killed(RunTest):
    FLAGS = ('-p', '8080:80', '--name', 'same', '-v', '/data')

    def interrupt_after(self, seconds, number):
        process = self.start_bb('sh', '-c', 'sleep 1000', flags=['--init', *self.FLAGS])
        time.sleep(seconds)  # lint: the moment is what is tested
        process.send_signal(number)
        process.wait(timeout=20)

    def test_killed_at_any_moment(self):
        moments = random.Random(2)
        for _ in range(25):
            self.interrupt_after(moments.uniform(0, 0.15), signal.SIGKILL)
        # One run of the same name and port takes care of all of them.
        self.assert_ok(self.run_bb('true', flags=self.FLAGS))
        self.assertEqual(self.containers_left(), [])

    def test_interrupted_at_any_moment(self):
        moments = random.Random(3)
        for _ in range(10):
            self.interrupt_after(moments.uniform(0.02, 0.15), signal.SIGTERM)
            self.assertEqual(self.containers_left(), [])

    def test_many_at_once(self):
        processes = [self.start_bb('sh', '-c', f'exit {i}') for i in range(12)]
        self.assertEqual([p.wait(timeout=60) for p in processes], list(range(12)))

    def test_a_store_on_a_full_disk(self):
        used = int(self.on_host('df', '-k', '--output=used', STORE).split()[1])
        self.on_host('mount', '-i', '-o', f'remount,size={used + 4}k', 'host-store', STORE)
        result = self.run_bb('true')
        self.on_host('mount', '-i', '-o', f'remount,size={used + 65536}k', 'host-store', STORE)
        self.assert_fails(result, 125, 'No space left on device')
        self.assert_ok(self.run_bb('true'))

    def test_a_closed_output_is_no_crash(self):
        read, write = os.pipe()
        os.close(read)
        process = self.start_bb('sh', '-c', 'echo x; echo y; exit 4', stdout=write)
        os.close(write)
        self.assertIn(process.wait(timeout=10), (4, 141, 1))


if __name__ == '__main__':
    unittest.main()
