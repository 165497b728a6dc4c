# SPDX-License-Identifier: Apache-2.0
"""The README's two commands on a Debian 12 on which nothing was installed by hand: a machine that developers use
hides the missing step."""
import unittest

from support import paths
from support.minimal_root import MinimalRoot

DEADLINE = 2400


class ReadmeCommands(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.root = MinimalRoot()
        cls.addClassCleanup(cls.root.close)
        cls.logs = paths.BUILD / 'test-logs'
        cls.logs.mkdir(parents=True, exist_ok=True)

    def run_logged(self, argv, name, timeout, **env):
        log = self.logs / f'minimal-root-{name}.log'
        code, output = self.root.run(argv, log, timeout, **env)
        tail = '\n'.join(output.splitlines()[-150:])
        self.assertEqual(0, code, f'{" ".join(argv)} (whole log: {log}):\n{tail}')
        return output

    def test_1_quickstart_serves_the_page(self):
        output = self.run_logged(['./quickstart', '--once'], 'quickstart', 900)
        self.assertIn('\nHello, Docker!\n', output)
        self.assertIn('"GET / HTTP/1.1" 200', output)

    def test_2_quickstart_again_uses_what_is_there(self):
        output = self.run_logged(['./quickstart', '--once'], 'quickstart-again', 120)
        self.assertIn('\nHello, Docker!\n', output)
        self.assertIn('Packages (build quickstart): all there', output)

    def test_3_tests_run(self):
        output = self.run_logged(['./tests/run'], 'tests', 1500, CRUN_LITE_TESTS_NESTED='1')
        self.assertRegex(output.splitlines()[-1], r'^[1-9]\d* passed, 0 failed, \d+ skipped$')
