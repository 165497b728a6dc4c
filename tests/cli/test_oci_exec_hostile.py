# SPDX-License-Identifier: Apache-2.0
"""`exec` into a container that attacks whoever joins it, and what a leaky caller must not hand over."""
import hashlib
import os
import re
import signal
import subprocess
import time

from support import probe, process
from support.exec_support import RunningTest, read
from support.harness import DEADLINE, run, wait_until

# Watches every process that appears in its pid namespace until it is told to stop, and reports what it could get
# of one that is not (yet) a program of the container: a descriptor of the host's, a root or working directory
# outside, a right that the container has not got, the runtime's binary writable.
WATCHER = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned long long number_after(const char *text, const char *key) {
  const char *at = strstr(text, key);
  return at ? strtoull(at + strlen(key), 0, 16) : 0;
}

int main(int argc, char **argv) {
  struct stat root, st;
  stat("/", &root);
  unsigned long long own = strtoull(argv[1], 0, 16);
  long rounds = 0, seen = 0, traced = 0;
  setvbuf(stdout, 0, _IOLBF, 0);
  puts("watching");
  while (access("/tmp/stop", F_OK) != 0) {
    ++rounds;
    DIR *proc = opendir("/proc");
    for (struct dirent *d; (d = readdir(proc));) {
      int pid = atoi(d->d_name);
      if (pid <= 1 || pid == getpid()) continue;
      ++seen;
      char path[64], text[4096];
      snprintf(path, sizeof path, "/proc/%d/status", pid);
      int fd = open(path, O_RDONLY);
      long n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
      if (fd >= 0) close(fd);
      if (n > 0) {
        text[n] = 0;
        unsigned long long has = number_after(text, "CapPrm:\t");
        if (has & ~own) printf("PRIVILEGED %d %llx\n", pid, has & ~own);
      }
      snprintf(path, sizeof path, "/proc/%d/environ", pid);
      fd = open(path, O_RDONLY);
      n = fd < 0 ? 0 : read(fd, text, sizeof text);
      if (fd >= 0) close(fd);
      if (n > 0 && memmem(text, n, "OF_THE_CALLER", 13)) printf("ENVIRONMENT %d\n", pid);
      snprintf(path, sizeof path, "/proc/%d/root/.", pid);
      if (stat(path, &st) == 0 && (st.st_dev != root.st_dev || st.st_ino != root.st_ino)) printf("ROOT %d\n", pid);
      snprintf(path, sizeof path, "/proc/%d/exe", pid);
      fd = open(path, O_RDWR);
      if (fd >= 0) { fstat(fd, &st); if (st.st_dev != root.st_dev) printf("EXE %d\n", pid); close(fd); }
      snprintf(path, sizeof path, "/proc/%d/fd", pid);
      DIR *fds = opendir(path);
      for (struct dirent *f; fds && (f = readdir(fds));) {
        if (f->d_name[0] == '.') continue;
        char name[128], target[256];
        snprintf(name, sizeof name, "%s/%s", path, f->d_name);
        long size = readlink(name, target, sizeof target - 1);
        if (size <= 0) continue;
        target[size] = 0;
        if (atoi(f->d_name) > 2 && target[0] == '/' && strcmp(target, "/tmp") != 0 && strcmp(target, "/") != 0 &&
            strncmp(target, "/proc", 5) != 0) printf("FD %d %s\n", pid, target);
        if (strncmp(target, "anon_inode:[pidfd]", 18) == 0 || strncmp(target, "mnt:", 4) == 0 ||
            strncmp(target, "anon_inode:[signalfd]", 21) == 0) printf("FD %d %s\n", pid, target);
      }
      if (fds) closedir(fds);
      if (argc > 2 && ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
        ++traced;
        snprintf(path, sizeof path, "/proc/%d/exe", pid);
        if (stat(path, &st) == 0 && st.st_dev != root.st_dev) printf("TRACED %d\n", pid);
        ptrace(PTRACE_INTERRUPT, pid, 0, 0);
        waitpid(pid, 0, __WALL);
        ptrace(PTRACE_DETACH, pid, 0, 0);
      }
    }
    closedir(proc);
  }
  printf("rounds %ld seen %ld traced %ld\n", rounds, seen, traced);
}
"""


class HostileTest(RunningTest):
    own_only = True

    def compile(self, text, target):
        source = self.write('source.c', text)
        self.assert_ok(run(['cc', '-static', '-O1', '-o', target, source]))

    def capabilities(self, *more):
        caps = ['CAP_AUDIT_WRITE', 'CAP_KILL', *more]
        return {k: caps for k in ('bounding', 'effective', 'permitted')}

    def mask(self, caps):
        numbers = {'CAP_AUDIT_WRITE': 29, 'CAP_KILL': 5, 'CAP_SYS_PTRACE': 19, 'CAP_DAC_OVERRIDE': 1,
                   'CAP_DAC_READ_SEARCH': 2}
        return sum(1 << numbers[c] for c in caps['bounding'])


class Watched(HostileTest):
    """CVE-2016-9962: a process that joins is seen by those inside before it is one of them."""
    EXECS = int(os.environ.get('CRUN_LITE_WATCHED_EXECS', '40'))

    def watch(self, *extra, seccomp=False, new_privileges=False):
        bundle = self.bundle()
        self.compile(WATCHER, bundle.rootfs / 'bin/watch')
        caps = self.capabilities(*extra)
        bundle.config['process'].update(capabilities=caps, noNewPrivileges=not new_privileges)
        if seccomp:
            bundle.config['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [
                {'names': ['swapon'], 'action': 'SCMP_ACT_ERRNO'}]}
        bundle.config['root']['readonly'] = False
        bundle.config['mounts'] = [m for m in bundle.config['mounts'] if m['destination'] != '/tmp']
        name = self.running(bundle.write())
        words = [*self._oci_argv(), 'exec', name, '/bin/watch', f'{self.mask(caps):x}']
        if 'CAP_SYS_PTRACE' not in extra:
            words.append('trace')
        watcher = self.background(words, stdout=subprocess.PIPE)
        self.assertEqual(b'watching\n', watcher.stdout.readline())
        leaked = os.open('/etc', os.O_RDONLY)
        self.addCleanup(os.close, leaked)
        for _ in range(self.EXECS):
            self.assert_ok(self.exec(name, '/bin/true', pass_fds=[leaked], env={**os.environ, 'A': 'OF_THE_CALLER'}))
        (bundle.rootfs / 'tmp/stop').touch()
        out = watcher.stdout.read().decode()
        self.assertEqual(0, watcher.wait(timeout=DEADLINE))
        counts = re.fullmatch(r'rounds (\d+) seen (\d+) traced (\d+)\n', out)
        self.assertTrue(counts, out)  # nothing was reported
        self.assertGreater(int(counts[2]), self.EXECS // 4, out)  # and it did see them
        return counts

    def test_by_root(self):
        self.watch()

    def test_by_root_that_may_trace(self):
        self.watch('CAP_SYS_PTRACE', 'CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH')

    def test_by_root_that_may_trace_under_a_filter(self):
        # The filter of a process that may gain privileges needs one to be loaded.
        self.watch('CAP_SYS_PTRACE', 'CAP_DAC_OVERRIDE', seccomp=True, new_privileges=True)

    def test_by_root_under_a_filter(self):
        self.watch(seccomp=True)


class OwnBinary(HostileTest):
    """CVE-2019-5736: the container writes to the binary of whoever enters it."""

    def fingerprint(self):
        st = os.stat(self.runtime)
        with open(self.runtime, 'rb') as f:
            return st.st_ino, st.st_mtime_ns, st.st_size, hashlib.sha256(f.read()).hexdigest()

    def setUp(self):
        super().setUp()
        before = self.fingerprint()
        self.addCleanup(lambda: self.assertEqual(before, self.fingerprint()))

    def test_it_runs_itself(self):
        bundle = self.bundle()
        (bundle.rootfs / 'bin/attack').write_text('#!/proc/self/exe\n')
        os.chmod(bundle.rootfs / 'bin/attack', 0o755)
        name = self.running(bundle)
        self.assertNotEqual(0, self.exec(name, '/bin/attack').code)
        self.assertNotEqual(0, self.exec(name, '/proc/self/exe').code)

    def test_writer_inside(self):
        bundle = self.bundle()
        bundle.config['process']['capabilities'] = self.capabilities('CAP_SYS_PTRACE', 'CAP_DAC_OVERRIDE')
        bundle.config['root']['readonly'] = False
        name = self.running(bundle.write())
        # `true`, because a failed redirection of `:` ends the shell.
        script = ('echo ready; while [ ! -e /tmp/stop ]; do for p in /proc/[0-9]*; do [ $p != /proc/$$ ] && '
                  '{ true >> $p/exe; } 2>/dev/null && echo WROTE $p; done; done; echo done')
        writer = self.background([*self._oci_argv(), 'exec', name, 'sh', '-c', script], stdout=subprocess.PIPE)
        self.assertEqual(b'ready\n', writer.stdout.readline())
        for _ in range(30):
            self.exec(name, '/proc/self/exe')
        (bundle.rootfs / 'tmp/stop').touch()
        self.assertEqual(b'done\n', writer.stdout.read())


class Leaks(HostileTest):
    """CVE-2024-21626: descriptors of the caller's, and working directories that lead out over them."""

    def test_nothing_is_passed_on(self):
        name = self.running()
        leaked = os.open('/etc', os.O_RDONLY)
        self.addCleanup(os.close, leaked)
        for words in ([], ['--process', self.process_file(args=['ls', '/proc/self/fd'])]):
            command = [] if words else ['ls', '/proc/self/fd']
            result = self.assert_ok(self.exec(*words, name, *command, pass_fds=[leaked]))
            self.assertEqual(['0', '1', '2', '3'], result.out.split())

    def test_working_directory_outside(self):
        bundle = self.bundle()
        (bundle.rootfs / 'way-out').symlink_to('/proc/self/fd/7')
        name = self.running(bundle)
        leaked = os.open('/etc', os.O_RDONLY)
        self.addCleanup(os.close, leaked)
        os.set_inheritable(leaked, True)
        for number in range(3, 21):
            for cwd in (f'/proc/self/fd/{number}', f'/proc/self/fd/{number}/..', '/way-out'):
                for words in (['--cwd', cwd, name, 'pwd'],
                              ['--process', self.process_file(args=['pwd'], cwd=cwd), name]):
                    with self.subTest(words):
                        result = self.exec(*words, pass_fds=[leaked])
                        self.assertEqual(255, result.code, result)

    def test_into_a_cgroup_that_has_become_somebody_elses(self):
        """Without its cgroup a process would have no limits and all devices."""
        bundle = self.bundle()
        name = self.running(bundle)
        directory = next(c for c in probe.cgroups(self.token) if '/devices/' in c or 'cgroup.kill' in os.listdir(c))
        mark = os.getxattr(directory, 'trusted.crun-lite')
        os.setxattr(directory, 'trusted.crun-lite', b'somebody else')
        self.addCleanup(os.setxattr, directory, 'trusted.crun-lite', mark)
        self.assert_fails(self.exec(name, 'true'), 255, directory, "somebody else's")
        os.setxattr(directory, 'trusted.crun-lite', mark)
        self.assert_ok(self.exec(name, 'true'))

    def test_environment_of_the_caller(self):
        name = self.running()
        result = self.exec(name, 'env', env={**os.environ, 'SECRET': 'x', '_OCI_SYNCPIPE': '3'})
        self.assertNotIn('SECRET', self.assert_ok(result).out)
        self.assertNotIn('_OCI', result.out)
        self.assertNotIn('CRUNLITE', result.out)

    def test_groups_of_the_caller(self):
        name = self.running()
        result = self.exec(name, 'grep', 'Groups', '/proc/self/status', extra_groups=[4, 5, 6])
        self.assertEqual('Groups:', self.assert_ok(result).out.strip())


class FakeFiles(HostileTest):

    def test_labels_are_not_written_to_a_proc_of_the_containers(self):
        """CVE-2019-16884: what stands at /proc may be any directory; the label would not be applied."""
        bundle = self.bundle(['/bin/sleep', '1000'])
        bundle.config['mounts'] = [m for m in bundle.config['mounts'] if m['destination'] != '/proc']
        bundle.config['linux'].update(maskedPaths=[], readonlyPaths=[])
        bundle.config['root']['readonly'] = False
        files = [bundle.rootfs / 'proc' / path for path in ('self/attr/exec', 'self/attr/apparmor/exec')]
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text('untouched')
        name = self.running(bundle.write())
        for flag in ('--process-label', '--apparmor'):
            result = self.exec(flag, 'some_label', name, 'true')
            self.assert_fails(result, 255, '/attr/', '`')  # this kernel has no LSM that would take it
        self.assertEqual(['untouched'] * 2, [file.read_text() for file in files])

    def test_passwd(self):
        bundle = self.bundle()
        passwd = bundle.rootfs / 'etc/passwd'

        def fifo():
            os.mkfifo(passwd)

        def huge():
            with open(passwd, 'wb') as f:
                f.write(b'root:x:0:0:' + b'a' * (64 << 20))

        def endless():
            passwd.symlink_to('/dev/zero')

        def outside():
            passwd.symlink_to('/proc/1/root/etc/passwd')

        name = self.running(bundle)
        for make in (fifo, huge, endless, outside):
            with self.subTest(make.__name__):
                passwd.unlink()
                make()
                start = time.monotonic()
                self.assert_ok(self.exec(name, 'true', timeout=10))
                self.assertLess(time.monotonic() - start, 8)

    def test_terminal_of_the_containers(self):
        """CVE-2025-52565: the multiplexer, or the terminal's name, may be something else."""
        bundle = self.bundle(['/bin/sleep', '1000'])
        bundle.config['mounts'] = [m for m in bundle.config['mounts'] if m['destination'] != '/dev/pts']
        (bundle.rootfs / 'dev').mkdir(exist_ok=True)
        bundle.write()
        name = self.running(bundle)
        victim = self.write('victim', 'untouched')
        pid = self.state(name)['pid']
        self.assert_ok(run(['nsenter', '-m', '-t', str(pid), '/bin/mkdir', '-p', '/dev/pts']))
        self.assert_ok(run(['nsenter', '-m', '-t', str(pid), '/bin/cp', '/bin/busybox', '/dev/pts/ptmx']))
        self.assertEqual(255, self.exec('--tty', name, 'true').code)
        self.assertEqual('untouched', read(victim))


class Races(HostileTest):
    """Whatever happens to the container or to exec itself: an answer, and nothing stays."""
    ROUNDS = int(os.environ.get('CRUN_LITE_EXEC_RACES', '15'))

    def test_the_container_ends_meanwhile(self):
        for i in range(self.ROUNDS):
            name = self.running(self.bundle(['/bin/sleep', '1000']))
            started = self.background([*self._oci_argv(), 'exec', name, 'sleep', '1000'], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE)
            time.sleep(0.002 * (i % 25))
            if i % 2:
                os.kill(self.state(name)['pid'], signal.SIGKILL)
            self.delete_by_force(name)
            self.assertIn(started.wait(timeout=DEADLINE), (137, 255), started.stderr.read())
            self.assertEqual([], probe.cgroups(self.token))

    def test_exec_is_killed(self):
        """SIGKILL at any moment: the half-made process is gone, and the container is as before."""
        name = self.running(self.bundle(['/bin/sleep', '1000']))
        for i in range(self.ROUNDS * 2):
            started = subprocess.Popen([*self._oci_argv(), 'exec', name, 'sleep', '2000'], stdin=subprocess.DEVNULL)
            time.sleep(0.0008 * i)
            started.kill()
            started.wait()
            wait_until(lambda: self.inside(name) == 1, f'the end of the process of round {i}')

    def inside(self, name):
        process.reap_orphans()
        return self.oci('ps', '--format', 'json', name).out.count(',') + 1


class KilledAtEveryCall(HostileTest):
    """exec with one of its system calls replaced by SIGKILL, at many points."""
    POINTS = int(os.environ.get('CRUN_LITE_SWEEP', '40'))

    def setUp(self):
        super().setUp()
        if not os.access('/usr/bin/strace', os.X_OK):
            self.skipTest('strace is not installed')

    def strace(self, options, *words):
        return subprocess.run(['strace', '-o', self.path('trace'), *options, *self._oci_argv(), *map(str, words)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env=process.NO_LEAK_CHECK, timeout=DEADLINE, check=False).returncode

    def test_detached(self):
        name = self.running(self.bundle(['/bin/sleep', '1000']))
        pid_file = self.path('pid')
        words = ['exec', '--detach', '--pid-file', pid_file, name, 'sleep', '2000']
        self.assertEqual(0, self.strace([], *words))
        calls = [m[1] for m in map(re.compile(r'(\w+)\(').match, read(self.path('trace')).splitlines()) if m]
        os.kill(int(read(pid_file)), signal.SIGKILL)
        os.unlink(pid_file)
        wait_until(lambda: self.inside(name) == 1, 'the end of the first one')
        numbered = [(call, calls[:i + 1].count(call)) for i, call in enumerate(calls)]
        for call, n in numbered[::max(1, len(numbered) // self.POINTS)]:
            with self.subTest(call=call, n=n):
                self.strace(['-e', f'inject={call}:signal=SIGKILL:when={n}'], *words)
                if os.path.exists(pid_file):
                    # From here on it may run: whoever reads the file finds it, or it is gone.
                    try:
                        os.kill(int(read(pid_file)), signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                    os.unlink(pid_file)
                wait_until(lambda: self.inside(name) == 1, f'the end of what was made until {call} {n}')
        self.assertEqual('running', self.state(name)['status'])

    def inside(self, name):
        process.reap_orphans()
        return self.oci('ps', '--format', 'json', name).out.count(',') + 1
