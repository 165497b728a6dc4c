# SPDX-License-Identifier: Apache-2.0
"""What the tests of podman share: a machine whose /etc/containers says what `crun-lite install --for podman` wrote
there, a storage of the test's own with a busybox image `bb` in it, and an eye on what is left."""
import contextlib
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import paths, probe, process  # noqa: E402
from support.harness import HostTest, Image, Terminal, wait_until  # noqa: E402

NESTED = bool(os.environ.get('CRUN_LITE_TESTS_NESTED'))
IMAGE = 'localhost/bb:latest'

# Limits as they are: podman asks for a million files otherwise, which takes CAP_SYS_RESOURCE. Locks and events in
# files, because /dev/shm and a journal are the whole machine's.
CONTAINERS_CONF = '''\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"
netns = "none"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
image_copy_tmp_dir = "{scratch}"
[network]
network_backend = "netavark"
network_config_dir = "{scratch}/networks"
'''

# A directory where a hierarchy could be mounted, and none is, is one to podman: it makes plain directories there and
# then cannot remove them. This machine gets what is mounted, and nothing else.
MOUNTED_HIERARCHIES = '''
set -e
mkdir /run/all && mount --rbind /sys/fs/cgroup /run/all
umount -l /sys/fs/cgroup
mount -t tmpfs -o mode=0755 host-cgroup /sys/fs/cgroup
for h in /run/all/*; do
  if [ -L "$h" ]; then cp -P "$h" /sys/fs/cgroup
  elif mountpoint -q "$h"; then mkdir "/sys/fs/cgroup/${h##*/}" && mount --rbind "$h" "/sys/fs/cgroup/${h##*/}"
  fi
done
umount -l /run/all && rmdir /run/all
'''


def stray_hierarchies():
    """Whether there are such directories; on a machine with cgroup v2 alone every directory is a cgroup."""
    root = probe.CGROUP_ROOT
    return not os.path.exists(f'{root}/cgroup.controllers') and any(
        os.path.isdir(d) and not os.path.islink(d) and not os.path.ismount(d)
        for d in (os.path.join(root, n) for n in os.listdir(root)))


class PodmanTest(HostTest):
    """self.podman('ps') on a machine of its own; self.run_bb() and self.start() make containers of `bb`."""

    def setUp(self):
        super().setUp()
        if NESTED:
            self.skipTest('podman is not among the packages of the minimal root; the outer run does it')
        for program in ('podman', '/usr/bin/conmon'):
            if not shutil.which(program):
                self.fail(f'{program} is not there; ./tests/run installs it')
        self._reap_monitors()
        self.runtime_name = paths.runtime_under_test()
        self.parent = f'/crl-{self.token}'
        if stray_hierarchies():
            self.on_host('sh', '-c', MOUNTED_HIERARCHIES)
            self.host.settle()
        self.configure()
        self.addCleanup(self._end_podman)
        archive = self.image().docker_archive(self.path('bb.tar'), IMAGE)
        self.assert_ok(self.podman('load', '-q', '-i', archive))

    def image(self):
        """The image behind `bb`; a class may override it."""
        return Image()

    def configure(self):
        self.on_host('sh', '-c', 'mkdir -p /etc/containers && cat > /etc/containers/containers.conf',
                     stdin=CONTAINERS_CONF.format(scratch=self.scratch))
        if self.runtime_name == 'crun-lite':
            self.on_host(paths.CRUN_LITE, 'install', '--for', 'podman', '--default', '--write')
            return
        if self.runtime_name == 'crun' and os.path.ismount('/sys/fs/cgroup/unified'):
            self.on_host('umount', '/sys/fs/cgroup/unified')  # crun 1.8 refuses hybrid machines
            self.host.settle()
        self.on_host('sh', '-c', 'mkdir /etc/containers/containers.conf.d && cat > $0',
                     '/etc/containers/containers.conf.d/peer.conf',
                     stdin=f'[engine]\nruntime = "{self.runtime_name}"\n')

    def _reap_monitors(self):
        """As PID 1 would, at once: podman waits 20 seconds for a conmon to be gone, also for a zombie. Only those: a
        Popen object waits for every other child."""
        def reap(*_):
            for pid in process.children():
                fields = process.stat_fields(pid)
                if fields and fields[0] == 'conmon' and fields[1] == 'Z':
                    with contextlib.suppress(ChildProcessError):  # the next signal came in between
                        os.waitpid(pid, os.WNOHANG)
        self.addCleanup(signal.signal, signal.SIGCHLD, signal.signal(signal.SIGCHLD, reap))

    def on_host(self, *argv, **kwargs):
        return self.assert_ok(self.host.run(argv, **kwargs)).out

    def podman_argv(self, *args):
        # Sockets lie in some of these, and their paths have 108 characters.
        return ['podman', '--root', self.path('s'), '--runroot', self.path('r'), '--tmpdir', self.path('t'), *args]

    def podman(self, *args, **kwargs):
        kwargs.setdefault('timeout', 120)
        return self.host.run(self.podman_argv(*args), env=self.env(), **kwargs)

    def env(self):
        """No systemd, so no timers of its: health checks are run by hand."""
        return {**os.environ, 'DISABLE_HC_SYSTEMD': 'true', 'TMPDIR': self.scratch}

    def start_podman(self, *args, **popen):
        """podman in the background."""
        return self.background(self.podman_argv(*args), self.host, env=self.env(), **popen)

    def ok(self, *args, **kwargs):
        """What podman printed, without the newline at its end."""
        return self.assert_ok(self.podman(*args, **kwargs)).out.rstrip('\n')

    def run_bb(self, *command, flags=(), **kwargs):
        """podman run --rm, to its end."""
        return self.podman('run', '--rm', '--cgroup-parent', self.parent, *flags, IMAGE, *command, **kwargs)

    def look(self, script, *flags):
        """What a script says in a container of its own."""
        return self.assert_ok(self.run_bb('sh', '-c', script, flags=flags)).out

    def start(self, *command, flags=()):
        """podman run -d; gives the id."""
        return self.ok('run', '-d', '--cgroup-parent', self.parent, *flags, IMAGE, *command).splitlines()[-1]

    def inspect(self, name):
        return json.loads(self.ok('container', 'inspect', name))[0]

    def state(self, name):
        return self.inspect(name)['State']

    def wait_logs(self, name, text, timeout=20):
        wait_until(lambda: text in self.ok('logs', name), f'{name} says {text!r}', timeout=timeout)

    def cgroup_file(self, name, v1, v2):
        """The text of a control file of a container, from whichever hierarchy holds it."""
        pid = self.state(name)['Pid']
        controller, file = v1.split('/')
        lines = [line.split(':', 2) for line in Path(f'/proc/{pid}/cgroup').read_text(encoding='ascii').splitlines()]
        for _, controllers, path in lines:
            if controller in controllers.split(','):
                return Path(f'/sys/fs/cgroup/{controller}{path}/{file}').read_text(encoding='ascii').strip()
        return Path(f'/sys/fs/cgroup{lines[-1][2]}/{v2}').read_text(encoding='ascii').strip()

    def terminal(self, *args, rows=33, columns=101):
        """(Terminal, Popen) of podman on a pty."""
        terminal, slave = Terminal.pair(rows=rows, columns=columns)
        self.addCleanup(terminal.close)
        started = self.start_podman(*args, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        return terminal, started

    def _end_podman(self):
        self.podman('rm', '-f', '-a', '-t', '0')
        self.podman('pod', 'rm', '-f', '-a', '-t', '0')
        left = [f'record: {n}' for n in self.host.run(['ls', '/run/crun-lite']).out.split()
                if self.runtime_name == 'crun-lite' and n != 'net']
        left += [f'cgroup: {c}' for c in self._containers_cgroups()]
        # conmon's own cgroup and the parent that we named are podman's, which leaves them.
        wait_until(self._remove_cgroups, 'the cgroups of conmon are empty')
        self.host.run(['umount', self.path('s', 'overlay')])
        self.assertEqual([], left, 'left behind')

    def _containers_cgroups(self):
        end = time.monotonic() + 5
        while True:
            found = [os.path.join(path, name) for top in probe.cgroups(self.token)
                     for path, names, _ in os.walk(top) for name in names if name.startswith('libpod')
                     and 'conmon' not in name]
            if not found or time.monotonic() > end:
                return found
            time.sleep(0.05)

    def _remove_cgroups(self):
        for top in probe.cgroups(self.token):
            for path, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(path)
                except OSError:
                    pass
        return not probe.cgroups(self.token)
