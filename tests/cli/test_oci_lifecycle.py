# SPDX-License-Identifier: Apache-2.0
"""create, start, state, kill, delete, run, list: states, words, exit codes and files as callers rely on them."""
import json
import os
import re
import signal
import subprocess

from support.harness import RuntimeTest, process, wait_until


class States(RuntimeTest):

    def test_created_running_stopped(self):
        bundle = self.bundle(['/bin/sleep', '1000'])
        name, created = self.create(bundle)
        self.assert_ok(created)
        state = self.state(name)
        self.assertEqual(('created', name), (state['status'], state['id']))
        self.assertEqual(str(bundle.path), state['bundle'])
        if self.runtime_name == 'crun-lite':  # the others answer with the version that they implement
            self.assertEqual(bundle.config['ociVersion'], state['ociVersion'])
        self.assert_ok(self.oci('start', name))
        self.assertEqual('running', self.state(name)['status'])
        self.assert_ok(self.oci('kill', name, 'KILL'))
        self.wait_status(name, 'stopped')
        self.assertEqual(0, self.state(name)['pid'])
        self.assert_ok(self.oci('delete', name))

    def test_state_answers_on_stdout_only(self):
        bundle = self.bundle()
        bundle.config['annotations'] = {'org.example.key': 'value'}
        name, _ = self.create(bundle.write())
        answer = self.assert_ok(self.oci('state', name))
        self.assertEqual('', answer.err)
        state = json.loads(answer.out)
        self.assertEqual({'org.example.key': 'value'}, state['annotations'])
        self.assertIn(state['rootfs'], [str(bundle.rootfs), 'rootfs'])  # crun: as in config.json
        self.assertRegex(state['created'], r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$')

    def test_config_is_read_once(self):
        bundle = self.bundle().sh('echo first')
        name, created = self.create(bundle)
        self.assert_ok(created)
        bundle.sh('echo second')
        self.assert_ok(self.oci('start', name))
        self.wait_status(name, 'stopped')
        self.assertEqual('first\n', self.output(name))

    def test_pid_file_has_no_newline(self):
        pid_file = self.path('pid')
        name, created = self.create(self.bundle(['/bin/sleep', '1000']), '--pid-file', pid_file)
        self.assert_ok(created)
        with open(pid_file, 'rb') as f:
            self.assertEqual(str(self.state(name)['pid']).encode(), f.read())
        self.assertEqual(['pid'], [n for n in os.listdir(self.scratch) if 'pid' in n])

    def test_init_becomes_the_child_of_the_callers_subreaper(self):
        name, created = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(created)
        self.assertEqual(os.getpid(), process.stat_fields(self.state(name)['pid'])[2])

    def test_delete_of_a_created_container_kills_it(self):
        name, created = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(created)
        pid = self.state(name)['pid']
        self.assert_ok(self.oci('delete', name))
        process.reap_orphans()
        self.assertFalse(process.alive(pid))
        self.assert_fails(self.oci('state', name), 1)

    def test_delete_right_after_the_end(self):
        name, created = self.create(self.bundle(['/bin/true']))
        self.assert_ok(created)
        pid = self.state(name)['pid']
        self.assert_ok(self.oci('start', name))
        os.waitpid(pid, 0)
        self.assert_ok(self.oci('delete', name))


class Words(RuntimeTest):
    """What callers look for in error messages."""

    def test_unknown_container(self):
        for command in (['state'], ['start'], ['kill'], ['delete']):
            with self.subTest(command):
                words = [] if self.runtime_name == 'crun' else ['does not exist']
                self.assert_fails(self.oci(*command, self.name()), 1, *words)

    def test_delete_force_of_an_unknown_container_is_fine(self):
        self.assert_ok(self.oci('delete', '--force', self.name()))
        self.assert_ok(self.oci('delete', '-f', self.name()))

    def test_id_that_is_taken(self):
        bundle = self.bundle(['/bin/sleep', '1000'])
        name, created = self.create(bundle)
        self.assert_ok(created)
        pid = self.state(name)['pid']
        _, again = self.create(self.bundle(), id=name)
        self.assert_fails(again, 1, 'exist')
        if self.runtime_name == 'crun-lite':
            self.assertIn('container with given ID already exists', again.err)
        self.assertEqual(pid, self.state(name)['pid'])

    def test_start_twice(self):
        name, _ = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(self.oci('start', name))
        again = self.oci('start', name)
        self.assertEqual(1, again.code)
        if self.runtime_name != 'crun':
            self.assertIn('cannot start an already running container', again.err)

    def test_after_a_failed_start_it_is_stopped(self):
        """Not a moment later: containerd deletes what could not be started at once, and only what has stopped."""
        if self.runtime_name != 'crun-lite':
            self.skipTest('the peers report what the kernel cannot execute as the end of a started container')
        bundle = self.bundle(['/bin/no-format'])
        target = os.path.join(bundle.path, 'rootfs/bin/no-format')
        with open(target, 'w', encoding='ascii') as f:
            f.write('neither a script nor a program\n')
        os.chmod(target, 0o755)
        name, created = self.create(bundle.write())
        self.assert_ok(created)
        pid = self.state(name)['pid']
        self.assert_fails(self.oci('start', name), 1, 'exec format error')
        self.assertFalse(process.alive(pid), process.describe(pid))
        self.assert_ok(self.oci('delete', name))

    def test_start_after_the_end(self):
        name, _ = self.create(self.bundle(['/bin/true']))
        self.assert_ok(self.oci('start', name))
        self.wait_status(name, 'stopped')
        again = self.oci('start', name)
        self.assertEqual(1, again.code)
        if self.runtime_name != 'crun':
            self.assertIn('cannot start a container that has stopped', again.err)

    def test_delete_of_a_running_container(self):
        name, _ = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(self.oci('start', name))
        refused = self.oci('delete', name)
        self.assertEqual(1, refused.code)
        if self.runtime_name == 'crun-lite':
            self.assertIn(f'cannot delete container {name} that is not stopped: running', refused.err)
        self.assertEqual('running', self.state(name)['status'])
        self.assert_ok(self.oci('delete', '--force', name))
        self.assert_fails(self.oci('state', name), 1)

    def test_kill_after_the_end(self):
        name, _ = self.create(self.bundle(['/bin/true']))
        self.assert_ok(self.oci('start', name))
        self.wait_status(name, 'stopped')
        refused = self.oci('kill', name, 'KILL')
        self.assertEqual(1, refused.code)
        if self.runtime_name != 'crun':
            self.assertIn('container not running', refused.err)


class OwnWords(RuntimeTest):
    own_only = True

    def test_ids(self):
        for bad in ('', '.', '..', '.a', 'a/b', '../a', 'a b', 'ä', 'x' * 256):
            with self.subTest(bad):
                self.assert_fails(self.oci('state', bad), 1)
                result = self.oci('create', '--bundle', self.bundle().path, bad)
                self.assertEqual(1, result.code, result)
        self.assertEqual([], os.listdir(self.root))

    def test_unknown_verb_and_flag(self):
        self.assert_fails(self.oci('creat'), 1, 'unknown command "creat"', 'did you mean create')
        self.assert_fails(self.oci('create', '--bundel', 'x', 'y'), 1, '--bundel', 'crun-lite create --help')
        self.assert_fails(self.oci('start'), 1, 'container-id')

    def test_systemd_cgroup_is_refused_in_words(self):
        result = self.oci('--systemd-cgroup', 'create', '--bundle', self.bundle().path, self.container())
        self.assert_fails(result, 1, 'systemd')
        self.assertEqual([], [n for n in os.listdir(self.root) if not n.startswith('.')])

    def test_help(self):
        for command in ([], ['create'], ['run'], ['kill']):
            result = self.assert_ok(self.oci(*command, '--help'))
            self.assertIn('Usage', result.out)
            self.assertEqual('', result.err)

    def test_version(self):
        lines = self.assert_ok(self.oci('--version')).out.splitlines()
        self.assertRegex(lines[0], r'^crun-lite version \d+\.\d+\.\d+$')
        self.assertRegex(lines[1], r'^commit: \S+$')
        self.assertEqual('spec: 1.3.0', lines[2])

    def test_root_must_not_be_slash(self):
        self.assert_fails(self.oci('--root', '/', 'list'), 1, '--root')


class Kill(RuntimeTest):

    def trap(self, *signals):
        """A running container that prints the names of these signals when they come, and ends by TERM."""
        traps = ''.join(f'trap "echo {s}" {s}; ' for s in signals)
        name, created = self.create(self.bundle().sh(
            f'{traps} trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done'))
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        self.wait_output(name, 'ready\n')
        return name

    def wait_output(self, name, text):
        wait_until(lambda: text in self.output(name), f'{text!r} from {name}')

    def test_default_is_term(self):
        name = self.trap()
        self.assert_ok(self.oci('kill', name))
        self.wait_status(name, 'stopped')

    def test_names_and_numbers(self):
        name = self.trap('USR1', 'USR2', 'HUP')
        self.assert_ok(self.oci('kill', name, 'SIGUSR1'))
        self.wait_output(name, 'USR1')
        self.assert_ok(self.oci('kill', name, 'USR2'))
        self.wait_output(name, 'USR2')
        self.assert_ok(self.oci('kill', name, str(int(signal.SIGHUP))))
        self.wait_output(name, 'HUP')
        if self.runtime_name != 'crun':
            self.assertEqual(1, self.oci('kill', name, 'NOSUCH').code)

    def test_all(self):
        name = self.trap()
        self.assert_ok(self.oci('kill', '--all', name, 'KILL'))
        self.wait_status(name, 'stopped')

    def test_created_container_can_be_killed(self):
        name, created = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(created)
        self.assert_ok(self.oci('kill', name, 'KILL'))
        self.wait_status(name, 'stopped')


class Run(RuntimeTest):

    def test_exit_codes(self):
        for script, code in (('exit 0', 0), ('exit 42', 42), ('kill -KILL $$', 137), ('kill -TERM $$', 143)):
            with self.subTest(script):
                bundle = self.bundle().sh(script)
                if code > 128:  # the init of a pid namespace cannot be killed by itself
                    bundle.namespaces('network', 'ipc', 'uts', 'mount')
                self.assertEqual(code, self.run_bundle(bundle).code)

    def test_stdin_reaches_the_program(self):
        self.assertEqual('hello', self.run_bundle(self.bundle(['/bin/cat']), stdin='hello').out)

    def test_container_is_gone_afterwards(self):
        self.assert_ok(self.run_bundle(self.bundle()))
        self.assertEqual([], [n for n in os.listdir(self.root) if not n.startswith('.')])

    def test_keep(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 has no --keep')
        name = self.container()
        self.assert_ok(self.oci('run', '--keep', '--bundle', self.bundle().path, name))
        self.assertEqual('stopped', self.state(name)['status'])
        self.assert_ok(self.oci('delete', name))

    def test_detached(self):
        name = self.container()
        pid_file = self.path('pid')
        bundle = self.bundle(['/bin/sleep', '1000'])
        started = self.background([*self._oci_argv(), 'run', '--detach', '--pid-file', pid_file,
                                   '--bundle', bundle.path, name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(0, started.wait(timeout=10))
        self.assertEqual('running', self.state(name)['status'])
        with open(pid_file, encoding='ascii') as f:
            self.assertEqual(self.state(name)['pid'], int(f.read()))

    def test_signals_are_forwarded(self):
        name = self.container()
        bundle = self.bundle().sh('trap "echo got; exit 3" TERM; echo ready; while :; do sleep 0.05; done')
        started = self.background(self._oci_argv() + ['run', '--bundle', str(bundle.path), name], stdout=-1)
        self.assertEqual(b'ready\n', started.stdout.readline())
        started.send_signal(signal.SIGTERM)
        self.assertEqual((b'got\n', 3), (started.stdout.read(), started.wait(timeout=10)))

    def test_working_directory_is_the_default_bundle(self):
        bundle = self.bundle().sh('echo here')
        result = self.oci('run', self.container(), cwd=bundle.path)
        self.assertEqual((0, 'here\n'), (result.code, result.out), result)

    def test_missing_program(self):
        result = self.run_bundle(self.bundle(['nosuch']))
        self.assertNotEqual(0, result.code)
        if self.runtime_name != 'crun':
            self.assertIn('exec: "nosuch": executable file not found in $PATH', result.err.replace('\\"', '"'))
        self.assertEqual([], [n for n in os.listdir(self.root) if not n.startswith('.')])


class List(RuntimeTest):

    def test_table_json_and_ids(self):
        name, created = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(created)
        table = self.assert_ok(self.oci('list')).out.splitlines()
        if self.runtime_name != 'crun':
            self.assertEqual(['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'], table[0].split())
        self.assertEqual([name, str(self.state(name)['pid']), 'created'], table[1].split()[:3])
        self.assertEqual(name + '\n', self.assert_ok(self.oci('list', '-q')).out)
        listed = json.loads(self.assert_ok(self.oci('list', '--format', 'json')).out)
        self.assertEqual([(name, 'created')], [(c['id'], c['status']) for c in listed])


class Spec(RuntimeTest):

    def test_writes_a_config_that_runs(self):
        bundle = self.bundle()
        os.unlink(bundle.path / 'config.json')
        self.assert_ok(self.oci('spec', cwd=bundle.path))
        with open(bundle.path / 'config.json', encoding='utf-8') as f:
            config = json.load(f)
        self.assertEqual(['sh'], config['process']['args'])
        v1 = os.path.isdir('/sys/fs/cgroup/memory')
        self.assertEqual(0 if v1 else 1, [n['type'] for n in config['linux']['namespaces']].count('cgroup'))
        config['process'].update(terminal=False, args=['echo', 'fine'])
        config['linux']['cgroupsPath'] = f'/{self.name()}'
        bundle.config = config
        bundle.write()
        result = self.run_bundle(bundle)
        self.assertEqual((0, 'fine\n'), (result.code, result.out), result)

    def test_does_not_overwrite(self):
        bundle = self.bundle()
        before = (bundle.path / 'config.json').read_bytes()
        result = self.oci('spec', '--bundle', bundle.path)
        self.assert_fails(result, 1, 'exists')
        self.assertEqual(before, (bundle.path / 'config.json').read_bytes())

    def test_rootless(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun writes no mappings')
        bundle = self.bundle()
        os.unlink(bundle.path / 'config.json')
        self.assert_ok(self.oci('spec', '--rootless', '-b', bundle.path))
        with open(bundle.path / 'config.json', encoding='utf-8') as f:
            config = json.load(f)
        self.assertIn('user', [n['type'] for n in config['linux']['namespaces']])
        self.assertTrue(re.search(r'"hostID": ?0', json.dumps(config['linux']['uidMappings'])))
