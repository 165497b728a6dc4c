# SPDX-License-Identifier: Apache-2.0
"""What a newcomer who knows docker is told: each mistake answered with what, where, why and what to do."""
import os

from run_support import RunTest

from support.harness import Image, paths, unittest


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
        for command, text in (('pull', 'crun-lite load -i'), ('build', 'buildah'), ('logs', 'foreground'),
                              ('rm', 'foreground'), ('stop', 'foreground'), ('images', 'not in this version')):
            result = self.assert_fails(self.cli(command, 'x'), 1, f'crun-lite: "{command}" is not in this version',
                                       text)
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

    def test_an_image_without_a_name(self):
        image = Image()
        result = self.assert_ok(self.cli('load', '-i', image.oci_archive(self.path('app.tar'))))
        self.assertEqual(result.out, f'Loaded image ID: {image.id}\n')
        self.assertIn(f'crun-lite run {image.id[7:19]}\n', result.err)
        self.assertEqual(self.assert_ok(self.run_bb('echo', 'hi', image=image.id[7:19])).out, 'hi\n')

    def test_an_archive_for_another_platform(self):
        path = Image().docker_archive(self.path('app.tar'), 'app:1')
        self.assert_fails(self.cli('load', '--platform', 'linux/arm64', '-i', path), 1,
                          'no image for linux/arm64 in the archive; it has linux/amd64')


class Flags(RunTest):
    def refused(self, flags, *texts, **options):
        result = self.assert_fails(self.run_bb('true', flags=flags, **options), 125, *texts)
        self.assertEqual(result.err.count('crun-lite run: '), 1, result)
        return result

    def test_an_image_that_is_not_there_is_one_error(self):
        result = self.refused([], "crun-lite run: Unable to find image 'bbb:latest' locally\n",
                              'did you mean bb? Otherwise `crun-lite load -i FILE` brings', image='bbb')
        self.assertEqual(len(result.err.splitlines()), 2, result)

    def test_flags_that_are_not_there(self):
        self.refused(['--hostnam=x'], 'unknown flag: --hostnam=x', 'Did you mean --hostname?')
        self.refused(['--mount', 'type=bind,src=/tmp,dst=/x'], 'flag --mount of docker is not in this version')
        self.refused(['--restart=always'], 'flag --restart of docker is not in this version')

    def test_values_name_their_flag(self):
        self.refused(['-p', 'abc'], 'invalid argument "abc" for "-p, --publish" flag: invalid containerPort: abc',
                     '8080:80')
        self.refused(['--oom-score-adj', '2000'],
                     'crun-lite run: --oom-score-adj: Value 2000 not in range -1000 to 1000')
        self.refused(['--cpuset-cpus', 'x'],
                     'invalid argument "x" for "--cpuset-cpus" flag: expected a list like 0-2,4')
        self.refused(['--sysctl', 'kernel.panic=1'], '--sysctl: sysctl "kernel.panic" is not in a separate')

    def test_options_that_a_tmpfs_does_not_know(self):
        self.refused(['--tmpfs', '/t:size=bad'], 'mount tmpfs on /t (options size=bad): Invalid argument')

    def test_a_directory_without_devices(self):
        self.refused(['--device', self.scratch], 'no device nodes in that directory')

    def test_a_flag_with_an_empty_value(self):
        # In a script: --hostname=$UNSET. It must not swallow the image.
        result = self.run_bb('echo', '--x=', 'end', flags=['--hostname=', '--entrypoint=', '-e', 'A='])
        self.assertEqual(self.assert_ok(result).out, '--x= end\n')

    def test_two_dashes_end_the_flags(self):
        self.assertEqual(self.assert_ok(self.run_bb('echo', '--', 'x', flags=['--'])).out, '-- x\n')

    def test_one_port_twice(self):
        self.refused(['-p', '127.0.0.1:5897:80', '-p', '127.0.0.1:5897:81'], 'this container is to have the port twice')

    def test_bytes_that_json_cannot_hold(self):
        self.refused(['-e', 'A=\udcff'], r'not UTF-8: "A=\xff"')
        self.refused(['-e', 'FROM_CALLER'], env={**os.environ, 'FROM_CALLER': '\udcff'})
        self.refused(['--env-file', self.write('env', b'A=\xff\n')], 'not UTF-8')

    def test_a_program_for_an_env_file(self):
        result = self.refused(['--env-file', self.write('program', bytes(5000))], ':1: invalid environment variable')
        self.assertLess(len(result.err), 2000)

    def test_without_root(self):
        for args in (['run', 'bb'], ['load', '-i', '/dev/null']):
            result = self.host.run(['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups',
                                    str(paths.CRUN_LITE), *args])
            self.assertIn('Permission denied', result.err)
            self.assertIn('crun-lite needs root: try it with sudo', result.err)


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
