# SPDX-License-Identifier: Apache-2.0
"""SCMP_ACT_NOTIFY with a real agent (config-linux.md, Seccomp: listenerPath, The Container Process State)."""
import errno
import json
import os
import platform

from support.agent import ARCH_X86_64, MKDIR, Agent
from support.exec_support import RunningTest, pid_in
from support.harness import RuntimeTest, unittest, wait_until

PLAIN = {'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']}
LISTENER_FLAG = 8  # SECCOMP_FILTER_FLAG_NEW_LISTENER


def rename_directories(call, state):
    """mkdir makes the directory with the metadata at its name's end, as root, whatever the caller may."""
    if (call.nr, call.arch) != (MKDIR, ARCH_X86_64):
        return None
    os.mkdir(f'/proc/{call.pid}/root{call.text(0)}-{state["metadata"]}')
    return 0


@unittest.skipUnless(platform.machine() == 'x86_64', 'the agent knows x86-64\'s structures')
class NotifyTest(RuntimeTest):

    def setUp(self):
        super().setUp()
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 of Debian 12 is built with a libseccomp that it does not ask for a listener')

    def agent(self, answer=rename_directories, path=None):
        agent = Agent(path or self.path('agent.sock'), answer)
        self.addCleanup(agent.stop)
        return agent

    def notifying(self, script, *names, **more):
        """A bundle whose program's calls of these names are notified."""
        bundle = self.bundle().sh(script)
        bundle.config['linux']['seccomp'] = {
            **PLAIN, 'listenerPath': self.path('agent.sock'), 'listenerMetadata': 'bar',
            'syscalls': [{'names': list(names or ['mkdir']), 'action': 'SCMP_ACT_NOTIFY'}], **more}
        return bundle


class Listener(NotifyTest):

    def test_the_agent_acts_for_the_container(self):
        agent = self.agent()
        for new_privileges in (True, False):
            bundle = self.notifying('mkdir /dev/shm/foo && ls /dev/shm')
            bundle.config['process'].update(noNewPrivileges=new_privileges, user={'uid': 1000, 'gid': 1000})
            result = self.assert_ok(self.run_bundle(bundle.write()))
            self.assertEqual('foo-bar\n', result.out)
        self.assertEqual(2, len(agent.states))

    def test_the_state(self):
        agent = self.agent()
        bundle = self.notifying('sleep 1000')
        bundle.config['annotations'] = {'a': 'b'}
        name, created = self.create(bundle.write())
        self.assert_ok(created)
        wait_until(lambda: agent.states, 'the state')
        state, = agent.states
        pid = self.state(name)['pid']
        version = '1.0.2-dev' if self.runtime_name == 'runc' else '1.0.2'  # runc's own
        self.assertEqual({'ociVersion': version, 'fds': ['seccompFd'], 'pid': pid, 'metadata': 'bar'},
                         {k: v for k, v in state.items() if k != 'state'})
        inner = state['state']
        self.assertEqual((name, 'creating', pid, str(bundle.path), 'b'),
                         tuple(inner[k] for k in ('id', 'status', 'pid', 'bundle')) + (inner['annotations']['a'],))
        wait_until(lambda: agent.messages, 'the end of the connection')
        self.assertEqual([(1, b'')], agent.messages)  # one descriptor, one state, and the connection is closed

    def test_an_error_of_the_agent_is_the_calls(self):
        self.agent(lambda call, state: errno.ENOMEDIUM)
        result = self.run_bundle(self.notifying('mkdir /dev/shm/foo').write())
        self.assertIn('No medium found', result.err)

    def test_without_the_agent_a_call_does_not_exist(self):
        agent = self.agent()
        name, created = self.create(self.notifying('mkdir /dev/shm/foo').write())
        self.assert_ok(created)
        wait_until(lambda: agent.states, 'the listener')
        agent.close_listeners()
        self.assert_ok(self.oci('start', name))
        self.wait_status(name, 'stopped')
        self.assertIn('Function not implemented', self.output(name, 'err'))

    def test_calls_that_the_start_itself_needs(self):
        self.agent(lambda call, state: None)
        names = ['execve', 'openat', 'open', 'read', 'close', 'fcntl', 'sendmsg', 'recvmsg', 'accept4', 'prctl']
        for new_privileges in (True, False):
            bundle = self.notifying('echo ran', *names)
            bundle.config['process']['noNewPrivileges'] = new_privileges
            self.assertEqual('ran\n', self.assert_ok(self.run_bundle(bundle.write())).out)

    def test_what_the_profile_denies_beside_it(self):
        # An allow list without sendmsg: what hands the listener over comes before that holds.
        if self.runtime_name != 'crun-lite':
            self.skipTest('runc needs more calls after its filter is loaded')
        self.agent()
        allowed = ('execve exit_group brk arch_prctl set_tid_address set_robust_list rseq prlimit64 readlink getrandom '
                   'mprotect mmap munmap write getuid geteuid getgid getegid getpid getppid uname rt_sigaction stat '
                   'umask chmod')
        bundle = self.notifying('')
        bundle.config['process']['args'] = ['/bin/mkdir', '/dev/shm/foo']
        bundle.config['linux']['seccomp'].update(defaultAction='SCMP_ACT_ERRNO')
        bundle.config['linux']['seccomp']['syscalls'].append({'names': allowed.split(), 'action': 'SCMP_ACT_ALLOW'})
        self.assert_ok(self.run_bundle(bundle.write()))

    def test_with_flags(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc 1.1 knows none of them')
        self.agent()
        flags = ['SECCOMP_FILTER_FLAG_' + f for f in ('WAIT_KILLABLE_RECV', 'TSYNC', 'LOG', 'SPEC_ALLOW')]
        result = self.assert_ok(self.run_bundle(self.notifying('mkdir /dev/shm/a; ls /dev/shm', flags=flags).write()))
        self.assertEqual('a-bar\n', result.out)

    def test_on_some_arguments_only(self):
        agent = self.agent(lambda call, state: errno.ENOMEDIUM)
        bundle = self.notifying('cd /dev/shm; touch a; chmod 700 a; chmod 755 a', 'chmod', 'fchmodat')
        bundle.config['linux']['seccomp']['syscalls'] = [
            {'names': ['chmod'], 'action': 'SCMP_ACT_NOTIFY',
             'args': [{'index': 1, 'value': 0o700, 'op': 'SCMP_CMP_EQ'}]},
            {'names': ['fchmodat'], 'action': 'SCMP_ACT_NOTIFY',
             'args': [{'index': 2, 'value': 0o700, 'op': 'SCMP_CMP_EQ'}]}]
        result = self.run_bundle(bundle.write())
        self.assertEqual((1, 1), (result.err.count('No medium found'), len(agent.calls)), result)

    def test_hooks_of_the_container_are_under_the_filter(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc keeps what a hook prints')
        agent = self.agent()
        bundle = self.notifying('true')
        bundle.config['hooks'] = {'startContainer': [{
            'path': '/bin/sh', 'args': ['sh', '-c', 'mkdir /dev/shm/a; ls /dev/shm /proc/self/fd >&2']}]}
        result = self.assert_ok(self.run_bundle(bundle.write()))
        self.assertIn('a-bar', result.err)
        self.assertEqual(4, len(result.err.split('fd:')[1].split()), result)  # 0, 1, 2 and ls's own
        self.assertEqual(1, len(agent.calls))

    def test_the_program_gets_no_descriptor_of_it(self):
        self.agent()
        result = self.assert_ok(self.run_bundle(self.notifying('ls /proc/self/fd').write()))
        self.assertEqual(4, len(result.out.split()), result)

    def test_abstract_name(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('runc takes it, too')
        name = '@' + self.token
        self.agent(path=name)
        result = self.assert_ok(self.run_bundle(
            self.notifying('mkdir /dev/shm/a; ls /dev/shm', listenerPath=name).write()))
        self.assertEqual('a-bar\n', result.out)

    def test_receiver_annotation(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('crun\'s annotation')
        agent = self.agent()
        bundle = self.notifying('mkdir /dev/shm/a; ls /dev/shm')
        del bundle.config['linux']['seccomp']['listenerPath']
        bundle.config['annotations'] = {'run.oci.seccomp.receiver': self.path('agent.sock')}
        self.assertEqual('a-bar\n', self.assert_ok(self.run_bundle(bundle.write())).out)
        self.assertEqual(1, len(agent.states))


class Exec(NotifyTest, RunningTest):
    """A further process has a filter of its own, and its agent a listener for it."""

    def notified(self, **process):
        """A running container whose process has these members."""
        bundle = self.notifying('sleep 1000')
        bundle.config['process'].update(process)
        return self.running(bundle.write())

    def test_the_agent_acts_for_it(self):
        agent = self.agent()
        more = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_SYS_PTRACE']  # a container that may trace those who join it
        for process in ({}, {'noNewPrivileges': False}, {'noNewPrivileges': False, 'capabilities': {
                k: more for k in ('bounding', 'effective', 'permitted')}}):
            with self.subTest(process):
                name = self.notified(**process)
                wait_until(lambda: agent.states, 'the state of the init')
                agent.states.clear()
                result = self.assert_ok(self.exec(name, 'sh', '-c', 'mkdir /dev/shm/foo && ls /dev/shm'))
                self.assertEqual('foo-bar\n', result.out)
                self.assertEqual(1, len(agent.states))
                agent.states.clear()

    def test_the_state(self):
        agent = self.agent()
        name = self.notified()
        wait_until(lambda: agent.states, 'the state of the init')
        done, _ = self.exec_detached('--pid-file', self.path('pid'), name, 'sleep', '1000')
        self.assert_ok(done)
        wait_until(lambda: len(agent.states) == 2, 'the state of the exec')
        state, pid, init = agent.states[1], pid_in(self.path('pid')), self.state(name)['pid']
        self.assertNotEqual(init, pid)
        self.assertEqual((pid, ['seccompFd'], 'bar'), tuple(state[k] for k in ('pid', 'fds', 'metadata')))
        self.assertEqual((name, 'running', init), tuple(state['state'][k] for k in ('id', 'status', 'pid')))
        wait_until(lambda: len(agent.messages) == 2, 'the end of both connections')
        self.assertEqual([(1, b'')] * 2, agent.messages)

    def test_the_agent_has_gone(self):
        agent = self.agent()
        name = self.notified()
        agent.stop()
        result = self.exec(name, 'true')
        self.assertNotEqual(0, result.code, result)
        if self.runtime_name == 'crun-lite':
            self.assert_fails(result, 255, 'failed to connect with seccomp agent')
        self.assertEqual('running', self.state(name)['status'])


class Refused(NotifyTest):

    def assert_refused(self, bundle, *texts):
        self.assert_fails(self.run_bundle(bundle.write()), 1, *texts)

    def test_for_write(self):
        self.agent()
        self.assert_refused(self.notifying('true', 'write'), 'SCMP_ACT_NOTIFY cannot be used for the write syscall')

    def test_as_the_default(self):
        self.agent()
        self.assert_refused(self.notifying('true', defaultAction='SCMP_ACT_NOTIFY'),
                            'SCMP_ACT_NOTIFY cannot be used as default action')

    def test_without_a_listener_path(self):
        bundle = self.notifying('true', listenerPath='', listenerMetadata='')
        self.assert_refused(bundle, 'listener')

    def test_metadata_without_a_path(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('runc 1.1 does not mind')
        bundle = self.bundle()
        bundle.config['linux']['seccomp'] = {**PLAIN, 'listenerMetadata': 'x'}
        self.assert_refused(bundle, '/linux/seccomp/listenerMetadata: must not be set without listenerPath')

    def test_nobody_listens(self):
        for path in (self.path('nothing'), '@' + self.token, self.write('file', '')):
            with self.subTest(path):
                bundle = self.notifying('true', listenerPath=path)
                self.assert_refused(bundle, *(['failed to connect with seccomp agent']
                                              if self.runtime_name == 'crun-lite' else []))

    def test_the_path_is_ignored_when_nothing_is_notified(self):
        bundle = self.bundle().sh('mkdir /dev/shm/a')
        bundle.config['linux']['seccomp'] = {**PLAIN, 'listenerPath': self.path('nothing'), 'listenerMetadata': 'x'}
        self.assert_ok(self.run_bundle(bundle.write()))

    def test_an_agent_that_hangs_up(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('asks for crun-lite\'s words')
        agent = self.agent()
        agent.stop()  # the socket's file is still there
        self.assert_refused(self.notifying('true'), 'failed to connect with seccomp agent', 'Connection refused')


class Log(NotifyTest):
    own_only = True

    def test_the_flags(self):
        self.agent()
        bundle = self.notifying('true', flags=['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV']).write()
        log = self.path('log')
        self.assert_ok(self.oci('--debug', '--log', log, '--log-format', 'json', 'run', '--bundle', bundle.path,
                                self.container()))
        with open(log, encoding='utf-8') as f:
            messages = [json.loads(line)['msg'] for line in f]
        self.assertIn(f'seccomp filter flags: {32 | LISTENER_FLAG}', messages)
