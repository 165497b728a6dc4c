# SPDX-License-Identifier: Apache-2.0
"""The container's process as its config.json describes it, whatever state the caller is in, and what it cannot reach
because of that."""
import fcntl
import os
import pty
import resource
import signal
import stat
import subprocess
import termios

from support.harness import DEADLINE, RuntimeTest, run

INJECT = """
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
int main(void) {
  char letter = 'x', selection = 2;
  for (int fd = 0; fd < 3; ++fd) {
    puts(ioctl(fd, TIOCSTI, &letter) == -1 ? "refused" : "done");
    puts(ioctl(fd, TIOCLINUX, &selection) == -1 ? "refused" : "done");
  }
}
"""


class NoPivot(RuntimeTest):

    def test_the_hosts_procfs_is_not_left_below(self):
        # The kernel lets a nested user namespace mount a procfs without the masks as long as one is visible
        # anywhere in its mount namespace.
        for options in ([], ['--no-pivot']):
            with self.subTest(options):
                bundle = self.bundle().sh('/bin/busybox unshare -U -r -m -p -f mount -t proc proc /tmp')
                bundle.config['process']['user'] = {'uid': 1000, 'gid': 1000}
                bundle.write()
                result = self.run_bundle(bundle, *options)
                self.assertNotEqual(0, result.code, result)
                self.assertIn('permission denied', result.err)

    def test_in_a_user_namespace_they_are_covered(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('runc wants idmaps of its own there')
        bundle = self.bundle().sh('echo inside')
        bundle.config['linux'].update(maskedPaths=[], readonlyPaths=[], resources={})
        bundle.config['mounts'] = [{'destination': '/proc', 'type': 'bind', 'source': '/proc', 'options': ['rbind']}]
        bundle.write()
        # Mounts that come from a more privileged namespace cannot be taken off; one is a file.
        script = 'mount --bind /proc/uptime /proc/uptime; mount --bind /proc/bus /proc/bus; exec unshare -U -r -m "$@"'
        result = run(['unshare', '-m', '--propagation', 'private', 'sh', '-c', script, 'sh', *self._oci_argv(),
                      '--cgroup-manager', 'disabled', 'run', '--no-pivot', '--bundle', bundle.path, self.container()])
        self.assertEqual((0, 'inside\n'), (result.code, result.out), result)


class Unsaid(RuntimeTest):
    """What config.json leaves out."""

    def test_no_capabilities_are_none(self):
        for user in (0, 1000):
            bundle = self.bundle(['/bin/grep', '^Cap', '/proc/self/status'])
            del bundle.config['process']['capabilities']
            bundle.config['process']['user'] = {'uid': user, 'gid': user}
            result = self.assert_ok(self.run_bundle(bundle.write()))
            self.assertEqual({'0' * 16}, set(result.out.split()[1::2]), result)

    def test_umask_is_not_the_callers(self):
        # dockerd and buildkitd have 0.
        for umask in (0, 0o077):
            result = self.run_bundle(self.bundle().sh('umask'), preexec_fn=lambda u=umask: os.umask(u))
            self.assertEqual('0022\n', result.out, result)
        bundle = self.bundle().sh('umask')
        bundle.config['process']['user']['umask'] = 0o027
        self.assertEqual('0027\n', self.run_bundle(bundle.write()).out)


class OddCaller(RuntimeTest):
    """The same process comes out whatever state the caller is in. (runc 1.1 hands its signal mask on.)"""
    own_only = True

    LOOK = ('exec > /seen 2>&1; grep -E "^(Uid|Gid|Groups|SigBlk|SigIgn|SigCgt|Cap|NoNewPrivs|Seccomp)" '
            '/proc/self/status; umask; pwd; ulimit -n; ulimit -Hn; env; ls /proc/self/fd; '
            'cut -d " " -f 6 /proc/self/stat; echo end')

    def seen(self, prepare=None, script='exec "$@"'):
        bundle = self.bundle().sh(self.LOOK)
        bundle.config['root']['readonly'] = False
        bundle.config['process']['user']['additionalGids'] = [44]
        bundle.write()
        argv = ['sh', '-c', script, 'sh', *self._oci_argv(), 'run', '--bundle', bundle.path, self.container()]
        result = run(argv, preexec_fn=prepare)
        self.assertEqual(0, result.code, result)
        return (bundle.rootfs / 'seen').read_text()

    def test_every_kind(self):
        def ignored_and_blocked():
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1):
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, set(range(1, 65)) - {32, 33})

        def no_directory():
            os.mkdir(self.path('gone'))
            os.chdir(self.path('gone'))
            os.rmdir(self.path('gone'))

        cases = {
            'groups': {'prepare': lambda: os.setgroups([4, 24, 27])},
            'signals': {'prepare': ignored_and_blocked},
            'umask 0': {'prepare': lambda: os.umask(0)},
            'umask 0777': {'prepare': lambda: os.umask(0o777)},
            'few descriptors': {'prepare': lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 1024))},
            'small stack': {'prepare': lambda: resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, 1 << 20))},
            'deleted working directory': {'prepare': no_directory},
            'environment': {'script': 'A=B LD_PRELOAD=/none LISTEN_FDS=3 LISTEN_PID=1 NOTIFY_SOCKET= exec "$@"'},
            'descriptors': {'script': 'exec 5</etc 8</proc 9</; exec "$@"'},
            'closed 0': {'script': 'exec "$@" <&-'},
            'closed 0, 1 and 2': {'script': 'exec "$@" <&- >&- 2>&-'},
        }
        normal = self.seen()
        self.assertTrue(normal.endswith('end\n'), normal)
        for what, odd in cases.items():
            with self.subTest(what):
                self.assertEqual(normal, self.seen(**odd))

    def test_records_are_private_whatever_the_umask(self):
        name, created = self.create(self.bundle(['/bin/sleep', '1000']), preexec_fn=lambda: os.umask(0))
        self.assert_ok(created)
        self.assertEqual(0o700, os.stat(self.path('state', name)).st_mode & 0o777)
        for entry in os.scandir(self.path('state', name)):
            mode = entry.stat(follow_symlinks=False).st_mode
            self.assertTrue(stat.S_ISLNK(mode) or mode & 0o077 == 0, (entry.name, oct(mode)))


class Terminal(RuntimeTest):

    def test_input_cannot_be_pushed_into_the_callers_terminal(self):
        # TIOCSTI (CVE-2017-5226): only the session that a terminal belongs to may, and CAP_SYS_ADMIN.
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        bundle = self.bundle(['/inject'])
        source = self.write('inject.c', INJECT)
        self.assert_ok(run(['cc', '-static', '-o', bundle.rootfs / 'inject', source]))
        argv = [*self._oci_argv(), 'run', '--bundle', bundle.path, self.container()]

        def own_terminal():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        started = subprocess.Popen([str(a) for a in argv], stdin=slave, stdout=slave, stderr=slave,
                                   preexec_fn=own_terminal)
        self.addCleanup(self._end, started)
        self.assertEqual(0, started.wait(timeout=DEADLINE))
        os.set_blocking(slave, False)
        self.addCleanup(os.close, slave)
        settings = termios.tcgetattr(slave)
        settings[3] &= ~termios.ICANON
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        with self.assertRaises(BlockingIOError):
            self.fail(f'input from inside: {os.read(slave, 100)}')
        self.assertEqual('refused\r\n' * 6, os.read(master, 1000).decode())


class Tmpfs(RuntimeTest):

    def test_keeps_the_mode_of_what_it_hides(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 leaves it to the kernel, which makes all of them 1777')
        bundle = self.bundle(['/bin/stat', '-c', '%a', '/root', '/home', '/tmp', '/given', '/made'])
        bundle.config['root']['readonly'] = False
        for path, mode in {'root': 0o700, 'home': 0o755, 'tmp': 0o1777, 'given': 0o700}.items():
            os.makedirs(bundle.rootfs / path, exist_ok=True)
            os.chmod(bundle.rootfs / path, mode)
        bundle.config['mounts'] += [
            {'destination': f'/{name}', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['nosuid', *more]}
            for name, more in {'root': [], 'home': ['size=64k'], 'tmp': [], 'given': ['mode=711'], 'made': []}.items()]
        out = self.assert_ok(self.run_bundle(bundle.write())).out.split()
        self.assertEqual(['700', '755', '1777'], out[:3])
        if self.runtime_name != 'runc':  # 1.1 does not even let mode= change it
            self.assertEqual('711', out[3])
        self.assertEqual('1777', out[4])


class Environment(RuntimeTest):

    def test_the_last_of_one_name_counts(self):
        # getenv(3) would give the first.
        bundle = self.bundle(['/bin/env'])
        bundle.config['process']['env'] = ['A=1', 'B=x=y', 'A=2', 'PATH=/nowhere', 'PATH=/bin', 'HOME=', 'AB=3', 'A=4']
        out = self.assert_ok(self.run_bundle(bundle.write())).out.split()
        self.assertEqual(['A=4', 'AB=3', 'B=x=y', 'PATH=/bin'], sorted(e for e in out if not e.startswith('HOME')))
        if self.runtime_name != 'crun':
            self.assertIn('HOME=/root', out)
