# SPDX-License-Identifier: Apache-2.0
"""linux.seccomp (config-linux.md, Seccomp): what the calls of a process in the container really give."""
import base64
import errno
import platform
import signal
import struct

from support.harness import RuntimeTest, run, unittest

# Each argument is "number:argument:argument…"; prints the errno that the call gives, 0 when it worked.
PROBE = """
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    long a[7] = {0};
    char* at = argv[i];
    for (int k = 0; k < 7 && *at; ++k, at += *at == ':') a[k] = strtol(at, &at, 0);
    errno = 0;
    printf("%d\\n", syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]) == -1 ? errno : 0);
    fflush(stdout);
  }
}
"""
GETPGRP, GETPID, SYSLOG, FSOPEN = 111, 39, 103, 430  # the first two: no arguments, and runc does without
ARCHES = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']


@unittest.skipUnless(platform.machine() == 'x86_64', 'the numbers are x86-64\'s')
class SeccompTest(RuntimeTest):

    def probe(self, seccomp, *calls, **process):
        """The container runs these calls under the profile; its Result, and the errnos."""
        bundle = self.bundle(['/probe', *[str(c) for c in calls]])
        bundle.config['linux']['seccomp'] = seccomp
        bundle.config['process'].update(process)
        bundle.config['process']['rlimits'] = [{'type': 'RLIMIT_CORE', 'hard': 0, 'soft': 0}]
        self.assert_ok(run(['cc', '-static', '-o', bundle.rootfs / 'probe', self.write('probe.c', PROBE)]))
        result = self.run_bundle(bundle.write())
        return result, [int(n) for n in result.out.split()]

    def deny(self, *names, **rule):
        """All is allowed but these."""
        return {'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ARCHES,
                'syscalls': [{'names': list(names), 'action': 'SCMP_ACT_ERRNO', **rule}]}

    def assert_refused(self, seccomp, *texts):
        bundle = self.bundle()
        bundle.config['linux']['seccomp'] = seccomp
        self.assert_fails(self.run_bundle(bundle.write()), 1, *texts)


class Actions(SeccompTest):

    def test_errno(self):
        for new_privileges in (True, False):
            for rule, want in (({}, errno.EPERM), ({'errnoRet': errno.ENETDOWN}, errno.ENETDOWN)):
                result, got = self.probe(self.deny('getpgrp', **rule), GETPGRP, GETPID, noNewPrivileges=new_privileges)
                self.assertEqual([want, 0], got, result)

    def test_that_end_the_process(self):
        for action, code in (('SCMP_ACT_KILL', signal.SIGSYS), ('SCMP_ACT_KILL_THREAD', signal.SIGSYS),
                             ('SCMP_ACT_KILL_PROCESS', signal.SIGSYS), ('SCMP_ACT_TRAP', signal.SIGSYS)):
            with self.subTest(action):
                result, got = self.probe(self.deny('getpgrp', action=action), GETPID, GETPGRP, GETPID)
                self.assertEqual((128 + code, [0]), (result.code, got), result)

    def test_log_lets_through_and_trace_without_a_tracer_does_not_exist(self):
        result, got = self.probe(self.deny('getpgrp', action='SCMP_ACT_LOG'), GETPGRP)
        self.assertEqual([0], got, result)
        result, got = self.probe(self.deny('getpgrp', action='SCMP_ACT_TRACE', errnoRet=7), GETPGRP)
        self.assertEqual([errno.ENOSYS], got, result)

    def test_an_errno_where_there_can_be_none_is_refused(self):
        if self.runtime_name == 'runc':
            self.skipTest('ignores it, where config-linux.md says that a runtime must fail')
        self.assert_refused(self.deny('getpgrp', action='SCMP_ACT_KILL', errnoRet=1), 'errno')
        self.assert_refused({'defaultAction': 'SCMP_ACT_ALLOW', 'defaultErrnoRet': 1}, 'errno')

    def test_default_errno(self):
        if self.runtime_name == 'runc':
            self.skipTest('an allow list has to name what the Go runtime calls, too')
        # The highest call of the profile is above the denied one: no ENOSYS for that.
        seccomp = {'defaultAction': 'SCMP_ACT_ERRNO', 'defaultErrnoRet': errno.ENXIO, 'architectures': ARCHES,
                   'syscalls': [{'names': self.allowed(), 'action': 'SCMP_ACT_ALLOW'}]}
        result, got = self.probe(seccomp, GETPGRP, SYSLOG)
        self.assertEqual([0, errno.ENXIO], got, result)

    @staticmethod
    def allowed(*more):
        """What the probe, the start and other runtimes' own steps need, and openat2, which is 437."""
        return ('execve exit_group exit brk arch_prctl set_tid_address set_robust_list rseq prlimit64 readlink '
                'readlinkat getrandom mprotect mmap munmap write writev fstat newfstatat getpgrp getpid uname read '
                'close futex rt_sigreturn rt_sigaction rt_sigprocmask sigaltstack nanosleep epoll_pwait epoll_ctl '
                'fcntl openat open openat2 tgkill gettid sched_yield clone madvise prctl capget capset setuid setgid '
                'setgroups chdir getcwd lseek pread64 sendmsg recvmsg recvfrom sendto dup3 dup2 access faccessat '
                'faccessat2 stat lstat getdents64 pipe2 eventfd2 epoll_create1 fchdir statx umask').split() + list(more)

    def test_enosys_for_what_is_newer_than_the_profile(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('crun gives the default action; runc needs a longer list, for the Go runtime')
        # openat2 is 437: mount_setattr (442) is newer, fsopen (430) was known and left out, 1000 is nothing.
        seccomp = {'defaultAction': 'SCMP_ACT_ERRNO', 'architectures': ARCHES,
                   'syscalls': [{'names': self.allowed(), 'action': 'SCMP_ACT_ALLOW'}]}
        result, got = self.probe(seccomp, FSOPEN, 442, 1000)
        self.assertEqual([errno.EPERM, errno.ENOSYS, errno.ENOSYS], got, result)
        seccomp['syscalls'].append({'names': ['mount_setattr'], 'action': 'SCMP_ACT_ERRNO', 'errnoRet': errno.EXDEV})
        result, got = self.probe(seccomp, FSOPEN, 442, 1000)
        self.assertEqual([errno.EPERM, errno.EXDEV, errno.ENOSYS], got, result)


class Rules(SeccompTest):

    def test_arguments(self):
        value = 0x1234
        for op, matches in (('NE', (1, 0, 1)), ('LT', (1, 0, 0)), ('LE', (1, 1, 0)), ('EQ', (0, 1, 0)),
                            ('GE', (0, 1, 1)), ('GT', (0, 0, 1))):
            with self.subTest(op):
                args = [{'index': 1, 'value': value, 'op': f'SCMP_CMP_{op}'}]
                calls = [f'{GETPGRP}:0:{value + n}' for n in (-1, 0, 1)]
                result, got = self.probe(self.deny('getpgrp', args=args), *calls)
                self.assertEqual([errno.EPERM if m else 0 for m in matches], got, result)

    def test_masked_argument(self):
        args = [{'index': 0, 'value': 0xf0, 'valueTwo': 0x20, 'op': 'SCMP_CMP_MASKED_EQ'}]
        result, got = self.probe(self.deny('getpgrp', args=args), f'{GETPGRP}:0x12f', f'{GETPGRP}:0x13f')
        self.assertEqual([errno.EPERM, 0], got, result)

    def test_several_arguments(self):
        both = [{'index': 0, 'value': 1, 'op': 'SCMP_CMP_EQ'}, {'index': 1, 'value': 2, 'op': 'SCMP_CMP_EQ'}]
        result, got = self.probe(self.deny('getpgrp', args=both), f'{GETPGRP}:1:2', f'{GETPGRP}:1:3')
        self.assertEqual([errno.EPERM, 0], got, result)
        # On one argument: any of them, as runc has it.
        either = [{**both[0]}, {**both[0], 'value': 5}]
        result, got = self.probe(self.deny('getpgrp', args=either), f'{GETPGRP}:1', f'{GETPGRP}:5', f'{GETPGRP}:2')
        self.assertEqual([errno.EPERM, errno.EPERM, 0], got, result)

    def test_unknown_calls_are_skipped(self):
        seccomp = self.deny('no_such_call', 'getpgrp')
        result, got = self.probe(seccomp, GETPGRP)
        self.assertEqual([errno.EPERM], got, result)

    def test_unknown_calls_fail_when_asked(self):
        if self.runtime_name == 'runc':
            self.skipTest('crun\'s annotation')
        for value, ok in (('1', False), ('0', True)):
            bundle = self.bundle()
            bundle.config['linux']['seccomp'] = self.deny('no_such_call')
            bundle.config['annotations'] = {'run.oci.seccomp_fail_unknown_syscall': value}
            result = self.run_bundle(bundle.write())
            if ok:
                self.assert_ok(result)
            else:
                self.assert_fails(result, 1, 'no_such_call')

    def test_a_rule_that_says_what_is_the_default_anyway(self):
        seccomp = self.deny('getpgrp')
        seccomp['syscalls'].append({'names': ['getpid'], 'action': 'SCMP_ACT_ALLOW'})
        result, got = self.probe(seccomp, GETPGRP, GETPID)
        self.assertEqual([errno.EPERM, 0], got, result)

    def test_a_rule_given_twice(self):
        seccomp = self.deny('getpgrp')
        seccomp['syscalls'] *= 2
        result, got = self.probe(seccomp, GETPGRP, GETPID)
        self.assertEqual([errno.EPERM, 0], got, result)

    def test_what_nobody_knows_is_refused(self):
        for change, text in (({'defaultAction': 'SCMP_ACT_NOPE'}, 'SCMP_ACT_NOPE'),
                             ({'architectures': ['SCMP_ARCH_Z80']}, 'SCMP_ARCH_Z80'),
                             ({'flags': ['SECCOMP_FILTER_FLAG_NOPE']}, 'SECCOMP_FILTER_FLAG_NOPE')):
            if self.runtime_name != 'crun-lite':
                text = 'seccomp'  # they do not all say which
            with self.subTest(text):
                self.assert_refused({**self.deny('getpgrp'), **change}, text)


class Flags(SeccompTest):

    def test_all(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc 1.1 takes no flags')
        for flag in ('TSYNC', 'LOG', 'SPEC_ALLOW', 'WAIT_KILLABLE_RECV'):
            if flag == 'WAIT_KILLABLE_RECV' and self.runtime_name != 'crun-lite':
                continue  # newer than the peers of Debian 12
            with self.subTest(flag):
                seccomp = {**self.deny('getpgrp'), 'flags': ['SECCOMP_FILTER_FLAG_' + flag]}
                result, got = self.probe(seccomp, GETPGRP)
                self.assertEqual([errno.EPERM], got, result)

    def test_the_debug_log_has_the_numbers(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('newer than the runc of Debian 12')
        for flags, number in ((None, 4), ([], 0), (['LOG'], 2), (['LOG', 'SPEC_ALLOW', 'TSYNC'], 6)):
            bundle = self.bundle()
            seccomp = self.deny('getpgrp')
            if flags is not None:
                seccomp['flags'] = ['SECCOMP_FILTER_FLAG_' + f for f in flags]
            bundle.config['linux']['seccomp'] = seccomp
            bundle.write()
            log = self.path(f'log{number}')
            self.assert_ok(self.oci('--debug', '--log', log, 'run', '--bundle', bundle.path, self.container()))
            with open(log, encoding='utf-8') as f:
                self.assertIn(f'"seccomp filter flags: {number}"', f.read())


class RawProgram(SeccompTest):
    """run.oci.seccomp_bpf_data"""

    def test_it_stands_in_for_the_profile(self):
        if self.runtime_name == 'runc':
            self.skipTest('crun\'s annotation')
        load, equal = (0x20, 0, 0, 0), (0x15, 0, 1, GETPGRP)
        deny, allow = (6, 0, 0, 0x50000 | 42), (6, 0, 0, 0x7fff0000)
        program = b''.join(struct.pack('=HBBI', *i) for i in (load, equal, deny, allow))
        bundle = self.bundle(['/probe', str(GETPGRP), str(GETPID)])
        bundle.config['linux']['seccomp'] = self.deny('getpid')
        bundle.config['annotations'] = {'run.oci.seccomp_bpf_data': base64.b64encode(program).decode()}
        self.assert_ok(run(['cc', '-static', '-o', bundle.rootfs / 'probe', self.write('probe.c', PROBE)]))
        result = self.run_bundle(bundle.write())
        self.assertEqual(['42', '0'], result.out.split(), result)

    def test_rubbish_is_refused(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('asks for crun-lite\'s words')
        for data, text in (('!!!', 'is not base64'), (base64.b64encode(b'12345').decode(), 'are not a program'),
                           (base64.b64encode(b'\0' * 8).decode(), 'Invalid argument')):
            bundle = self.bundle()
            bundle.config['annotations'] = {'run.oci.seccomp_bpf_data': data}
            name, created = self.create(bundle.write())
            if created.code == 0:  # only the kernel knows, and it is asked at the start
                created = self.oci('start', name)
            self.assert_fails(created, 1, text)
