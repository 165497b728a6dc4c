# SPDX-License-Identifier: Apache-2.0
"""What a newcomer who knows docker is told: each mistake answered with what, where, why and what to do."""
import os

from run_support import RunTest

from support.harness import unittest


class Commands(RunTest):
    def test_help_names_every_command(self):
        text = self.assert_ok(self.cli('--help')).out
        for line in ('run IMAGE', 'load', 'create', 'start', 'state', 'kill', 'delete', 'list', 'spec', 'features'):
            self.assertRegex(text, rf'(?m)^  {line} ')

    def test_help_and_version_are_words_too(self):
        self.assertIn('Usage: crun-lite run', self.assert_ok(self.cli('help', 'run')).out)
        self.assertIn('Usage: crun-lite load', self.assert_ok(self.cli('help', 'load')).out)
        self.assertEqual(self.assert_ok(self.cli('version')).out, self.assert_ok(self.cli('--version')).out)
        self.assert_fails(self.cli('help', 'nosuch'), 1, 'unknown command "nosuch"')

    def test_commands_of_docker_that_are_not_there(self):
        for command, text in (('pull', 'crun-lite load -i'), ('build', 'buildah'), ('exec', 'not in this version'),
                              ('ps', 'crun-lite list'), ('logs', 'foreground'), ('rm', 'foreground'),
                              ('stop', 'foreground'), ('images', 'not in this version')):
            result = self.assert_fails(self.cli(command, 'x'), 1, f'crun-lite: "{command}" is not in this version', text)
            self.assertNotIn('did you mean', result.err)
        self.assert_fails(self.cli('lod'), 1, 'crun-lite: unknown command "lod" (did you mean load?)')

    def test_a_flag_in_front_is_no_command(self):
        self.assert_fails(self.cli('--nope', 'list'), 1, 'unknown flag: --nope')

    def test_run_has_one_usage_line(self):
        text = self.assert_ok(self.cli('run', '--help')).out
        self.assertEqual(text.count('Usage:'), 1, text)
        self.assertNotIn('INT:INT', text)

    def test_a_file_for_load_needs_its_flag(self):
        self.assert_fails(self.cli('load', 'app.tar'), 1, 'crun-lite load -i app.tar')


class Configuration(RunTest):
    def config(self, text):
        return {**os.environ, 'CRUN_LITE_CONFIG': self.write('c.yaml', text)}

    def test_each_problem_has_a_line(self):
        result = self.run_bb('true', env=self.config('runn: {}\nlimits: {memory: x}\n'))
        self.assert_fails(result, 125)
        self.assertEqual(len(result.err.splitlines()), 2, result)

    def test_a_state_root_that_cannot_be(self):
        env = self.config('state: {root: /dev/null/state}\n')
        self.assert_fails(self.run_bb('true', env=env), 125, '/dev/null/state: Not a directory')
        self.assertEqual(self.containers_left(), [])
        self.assertEqual(self.assert_ok(self.run_bb('true')).err, '')


if __name__ == '__main__':
    unittest.main()
