# SPDX-License-Identifier: Apache-2.0
"""Hooks: their order, what they read, and what their failure does (runtime-spec, runtime.md, Lifecycle)."""
import json
import os
import subprocess

from support.harness import RuntimeTest, process, wait_until

HOST_HOOKS = ('prestart', 'createRuntime', 'poststart', 'poststop')
ALL_HOOKS = ('prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop')


class HookTest(RuntimeTest):

    def hook(self, script, **more):
        """A hook that runs this shell script; $log is where it may write."""
        return {'path': '/bin/sh', 'args': ['sh', '-c', script],
                'env': ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', f'log={self.path("hooks.log")}'], **more}

    def log(self):
        try:
            with open(self.path('hooks.log'), encoding='utf-8') as f:
                return f.read().split()
        except FileNotFoundError:
            return []


class Order(HookTest):

    def test_all_six(self):
        if self.runtime_name == 'runc':
            self.skipTest('until 1.6 its poststart hooks do not wait for the program')
        bundle = self.bundle(['/bin/true'])
        hooks = {phase: [self.hook(f'echo {phase}1 >> $log'), self.hook(f'echo {phase}2 >> $log')]
                 for phase in HOST_HOOKS}
        # In the container's mount namespace; createContainer still sees the host's paths.
        hooks['createContainer'] = [self.hook('echo createContainer1 >> $log')]
        hooks['startContainer'] = [{'path': '/bin/sh', 'args': ['sh', '-c', 'echo startContainer >&2']}]
        bundle.config['hooks'] = hooks
        name, created = self.create(bundle.write())
        self.assert_ok(created)
        before = ['prestart1', 'prestart2', 'createRuntime1', 'createRuntime2', 'createContainer1']
        self.assertEqual(before, self.log())
        self.assert_ok(self.oci('start', name))
        self.assertEqual(before + ['poststart1', 'poststart2'], self.log())
        self.wait_status(name, 'stopped')
        self.assert_ok(self.oci('delete', name))
        self.assertEqual(before + ['poststart1', 'poststart2', 'poststop1', 'poststop2'], self.log())

    def test_state_on_standard_input(self):
        bundle = self.bundle(['/bin/sleep', '1000'])
        bundle.config['annotations'] = {'a': 'b'}
        bundle.config['hooks'] = {phase: [self.hook(f'cat > {self.path(phase)}')] for phase in HOST_HOOKS}
        name, created = self.create(bundle.write())
        self.assert_ok(created)
        pid = self.state(name)['pid']
        self.assert_ok(self.oci('start', name))
        self.assert_ok(self.oci('delete', '--force', name))
        for phase in HOST_HOOKS:
            with self.subTest(phase), open(self.path(phase), encoding='utf-8') as f:
                state = json.load(f)
                self.assertEqual((name, str(bundle.path), {'a': 'b'}),
                                 (state['id'], state['bundle'], state['annotations']))
                if phase != 'poststop':
                    self.assertEqual(pid, state['pid'])
                if self.runtime_name == 'crun-lite':
                    want = {'poststart': 'running', 'poststop': 'stopped'}.get(phase, 'created')
                    self.assertEqual(want, state['status'])

    def test_the_containers_own(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('runc 1.1 says creating')
        bundle = self.bundle()
        bundle.config['hooks'] = {
            'createContainer': [self.hook(f'cat > {self.path("asked")}; pwd >> $log; umask >> $log')],
            'startContainer': [{'path': '/bin/sh', 'args': ['sh', '-c', 'cat >&2']}]}
        name, created = self.create(bundle.write(), preexec_fn=lambda: os.umask(0o027))
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        self.assertEqual([str(bundle.rootfs), '0027'], self.log())
        with open(self.path('asked'), encoding='utf-8') as f:
            states = [f.read()]
        self.wait_status(name, 'stopped')
        states.append(self.output(name, 'err'))
        for state in map(json.loads, states):
            self.assertEqual((name, str(bundle.path), 'created', 1),
                             (state['id'], state['bundle'], state['status'], state['pid']))

    def test_many_ask_while_a_hook_runs(self):
        # The init answers nobody while its hook runs: who only looks must not queue up behind that.
        bundle = self.bundle(['/bin/sleep', '1000'])
        bundle.config['hooks'] = {'startContainer': [{'path': '/bin/sleep', 'args': ['sleep', '1000']}]}
        name, created = self.create(bundle.write())
        self.assert_ok(created)
        self.background([*self._oci_argv(), 'start', name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(40):
            state = self.assert_ok(self.oci('state', name, timeout=5)).out
            self.assertIn(json.loads(state)['status'], ['created', 'running'])  # runc says running
        self.assert_ok(self.oci('delete', '--force', name))

    def test_hook_may_ask_for_the_state(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('asks for what crun-lite promises')
        bundle = self.bundle(['/bin/sleep', '1000'])
        name = self.container()
        ask = ' '.join([*self._oci_argv(), 'state', name])
        bundle.config['hooks'] = {'poststart': [self.hook(f'{ask} > {self.path("asked")}')]}
        _, created = self.create(bundle.write(), id=name)
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        with open(self.path('asked'), encoding='utf-8') as f:
            self.assertEqual('running', json.load(f)['status'])


class Failure(HookTest):
    own_only = True

    def test_before_start(self):
        for phase in ('prestart', 'createRuntime', 'createContainer'):
            with self.subTest(phase):
                bundle = self.bundle(['/bin/sleep', '1000'])
                bundle.config['hooks'] = {phase: [self.hook('echo the reason >&2; exit 3')],
                                          'poststop': [self.hook('echo poststop >> $log')]}
                name, created = self.create(bundle.write())
                self.assert_fails(created, 1, 'crun-lite create failed', f'error running {phase} hook #0: ', '3')
                if phase != 'createContainer':
                    self.assertIn('the reason', created.err)
                self.assert_fails(self.oci('state', name), 1, 'does not exist')
                self.assertEqual([], [n for n in os.listdir(self.root) if not n.startswith('.')])
        self.assertEqual(['poststop'] * 3, self.log())

    def test_start_container(self):
        bundle = self.bundle(['/bin/touch', '/tmp/ran'])
        bundle.config['hooks'] = {'startContainer': [{'path': '/bin/false'}]}
        bundle.config['root']['readonly'] = False
        name, created = self.create(bundle.write())
        self.assert_ok(created)
        self.assert_fails(self.oci('start', name), 1, 'startContainer')
        self.wait_status(name, 'stopped')
        self.assertFalse((bundle.rootfs / 'tmp/ran').exists())

    def test_poststart(self):
        bundle = self.bundle(['/bin/sleep', '1000'])
        bundle.config['hooks'] = {'poststart': [self.hook('exit 1')]}
        name, created = self.create(bundle.write())
        self.assert_ok(created)
        self.assert_fails(self.oci('start', name), 1, 'poststart')
        self.wait_status(name, 'stopped')

    def test_poststop_is_only_a_warning(self):
        bundle = self.bundle(['/bin/true'])
        bundle.config['hooks'] = {'poststop': [self.hook('exit 1'), self.hook('echo second >> $log')]}
        name, created = self.create(bundle.write())
        self.assert_ok(created)
        self.assert_ok(self.oci('delete', name))
        self.assertEqual(['second'], self.log())

    def test_timeout_kills_the_hook(self):
        bundle = self.bundle()
        bundle.config['hooks'] = {'prestart': [self.hook('echo $$ > $log; exec sleep 1000', timeout=1)]}
        _, created = self.create(bundle.write())
        self.assert_fails(created, 1, 'did not end within 1 s')
        self.assertFalse(process.alive(int(self.log()[0])))

    def test_missing_program(self):
        bundle = self.bundle()
        bundle.config['hooks'] = {'prestart': [{'path': '/no/such/hook'}]}
        _, created = self.create(bundle.write())
        self.assert_fails(created, 1, '/no/such/hook', 'No such file or directory')

    def test_hook_that_does_not_read_and_writes_a_lot(self):
        bundle = self.bundle()
        bundle.config['annotations'] = {'big': 'x' * 300000}
        bundle.config['hooks'] = {'prestart': [self.hook('head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero')]}
        name, created = self.create(bundle.write())
        self.assert_ok(created)
        self.assert_ok(self.oci('delete', name))

    def test_nothing_of_ours_is_inherited(self):
        bundle = self.bundle()
        bundle.config['hooks'] = {'prestart': [self.hook('ls /proc/self/fd | wc -l > $log; env >> $log')]}
        _, created = self.create(bundle.write())
        self.assert_ok(created)
        wait_until(self.log, 'the hook')
        self.assertEqual('4', self.log()[0])  # 0, 1, 2 and ls's own
        self.assertEqual([], [w for w in self.log()[1:] if w.startswith(('LISTEN_', 'CRUNLITE', 'HOME='))])


class Surroundings(HookTest):
    """What a hook finds: its arguments, environment, directory and confinement."""

    def test_arguments_are_kept(self):
        bundle = self.bundle()
        # The name it is called by, which is not its path, is the applet that busybox becomes.
        bundle.config['hooks'] = {
            'prestart': [{'path': '/bin/busybox', 'args': ['echo', 'no'], 'env': []},
                         self.hook('echo "$0" "$1" >> $log')],
            'startContainer': [{'path': '/bin/busybox', 'args': ['cat', '/nosuchfile']}]}
        bundle.config['hooks']['prestart'][1]['args'] += ['a b', '']
        result = self.run_bundle(bundle.write())
        self.assertNotEqual(0, result.code)
        if self.runtime_name != 'crun':  # which shows nothing of it
            self.assertIn('/nosuchfile', result.err)
        self.assertEqual(['a', 'b'], self.log())

    def test_directory_on_the_host_is_the_bundle(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('runc and crun promise it for create only')
        bundle = self.bundle(['/bin/true'])
        bundle.config['hooks'] = {phase: [self.hook('pwd >> $log')] for phase in HOST_HOOKS}
        self.assert_ok(self.run_bundle(bundle.write()))
        self.assertEqual([str(bundle.path)] * 4, self.log())

    def test_environment_of_start_container(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc keeps what a hook prints')
        if self.runtime_name == 'crun':
            self.skipTest('gives an empty one')
        bundle = self.bundle()
        bundle.config['process']['env'] = ['ONE=two', 'PATH=/bin']
        script = {'path': '/bin/sh', 'args': ['sh', '-c', 'echo $ONE $HOME >&2']}
        bundle.config['hooks'] = {'startContainer': [script, {**script, 'env': ['ONE=own']}]}
        result = self.assert_ok(self.run_bundle(bundle.write()))
        if self.runtime_name == 'crun-lite':
            self.assertEqual('two /root\nown\n', result.err)
        else:
            self.assertIn('two', result.err)

    def test_start_container_is_under_the_filter(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc keeps what a hook prints')
        if self.runtime_name == 'crun':
            self.skipTest('its hooks are not')
        bundle = self.bundle(['/bin/mkdir', '/dev/shm/b'])
        bundle.config['linux']['seccomp'] = {
            'defaultAction': 'SCMP_ACT_ALLOW',
            'syscalls': [{'names': ['mkdir'], 'action': 'SCMP_ACT_ERRNO', 'errnoRet': 100}]}
        for no_new_privileges in (True, False):
            bundle.config['process']['noNewPrivileges'] = no_new_privileges
            bundle.config['hooks'] = {
                'startContainer': [{'path': '/bin/sh', 'args': ['sh', '-c', 'mkdir /dev/shm/a || true']}]}
            result = self.run_bundle(bundle.write())
            self.assertEqual(2, result.err.count('Network is down'), result)

    def test_a_filter_that_denies_what_starting_a_hook_takes(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('loads its filter before it starts the hook')
        bundle = self.bundle(['/bin/echo', 'ran'])
        bundle.config['linux']['seccomp'] = {
            'defaultAction': 'SCMP_ACT_ALLOW',
            'syscalls': [{'names': 'clone clone3 fork vfork pipe2 poll waitid'.split(), 'action': 'SCMP_ACT_ERRNO'}]}
        bundle.config['hooks'] = {'startContainer': [{'path': '/bin/echo', 'args': ['echo', 'hook']}]}
        self.assertEqual('hook\nran\n', self.assert_ok(self.run_bundle(bundle.write())).out)


class FailureInEachPhase(HookTest):
    """The words, how many ran, and that nothing of the container is left running."""
    own_only = True

    def failing(self, phase, how):
        """Three hooks, of which the second fails."""
        if phase == 'startContainer':
            bad = {'path': '/bin/sh', 'args': ['sh', '-c', how]}
            return [{'path': '/bin/true'}, bad, {'path': '/bin/true'}]
        return [self.hook(f'echo {phase}1 >> $log'), self.hook(how), self.hook(f'echo {phase}3 >> $log')]

    def test_run(self):
        for phase in ALL_HOOKS[:-1]:
            with self.subTest(phase):
                bundle = self.bundle(['/bin/sleep', '1000'])
                bundle.config['hooks'] = {phase: self.failing(phase, 'exit 7'),
                                          'poststop': [self.hook(f'echo stopped-{phase} >> $log')]}
                result = self.assert_fails(self.run_bundle(bundle.write()), 1,
                                           f'error running {phase} hook #1: /bin/sh', 'exit status 7')
                self.assertNotIn('No child processes', result.err)
                self.assertNotIn(f'{phase}3', self.log())
                self.assertEqual(f'stopped-{phase}', self.log()[-1])

    def test_killed(self):
        for phase in ALL_HOOKS[:-1]:
            with self.subTest(phase):
                bundle = self.bundle(['/bin/sleep', '1000'])
                bundle.config['hooks'] = {phase: self.failing(phase, 'kill -SYS $$')}
                self.assert_fails(self.run_bundle(bundle.write()), 1, f'error running {phase} hook #1: /bin/sh',
                                  'killed by signal 31 (bad system call)')

    def test_timeout(self):
        for phase in ALL_HOOKS[:-1]:
            with self.subTest(phase):
                bundle = self.bundle(['/bin/sleep', '1000'])
                bundle.config['hooks'] = {phase: [{'path': '/bin/sleep', 'args': ['sleep', '1000'], 'timeout': 1}]}
                self.assert_fails(self.run_bundle(bundle.write()), 1,
                                  f'error running {phase} hook #0: /bin/sleep: did not end within 1 s')

    def test_a_timeout_of_weeks(self):
        bundle = self.bundle(['/bin/true'])
        hook = {'path': '/bin/sleep', 'args': ['sleep', '1'], 'timeout': 4294968}  # 704 ms above 2^32
        bundle.config['hooks'] = {'createRuntime': [hook], 'startContainer': [hook]}
        self.assert_ok(self.run_bundle(bundle.write()))

    def test_poststop_keeps_its_numbers(self):
        bundle = self.bundle(['/bin/true'])
        bundle.config['hooks'] = {'poststop': self.failing('poststop', 'exit 7')}
        bundle.write()
        log = self.path('runtime.log')
        self.assert_ok(self.oci('--debug', '--log', log, 'run', '--bundle', bundle.path, self.container()))
        with open(log, encoding='utf-8') as f:
            self.assertIn('error running poststop hook #1: /bin/sh: exit status 7', f.read())
        self.assertEqual(['poststop1', 'poststop3'], self.log())
