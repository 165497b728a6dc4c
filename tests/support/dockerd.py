# SPDX-License-Identifier: Apache-2.0
"""containerd and dockerd of Debian's packages, started by the test on a machine of its own (network and mount
namespaces), ended by pid, and looked at afterwards for what they or the runtime left behind."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile

from . import paths, probe, process
from .command import run, wait_until
from .host import Host

DOCKER, DOCKERD, CONTAINERD, CTR = '/usr/bin/docker', '/usr/sbin/dockerd', '/usr/bin/containerd', '/usr/bin/ctr'
CONTAINERD_SOCKET = '/run/containerd/containerd.sock'
SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

# Mounts that dockerd makes for itself and leaves: of its directory (when it was killed before), of its own network.
DAEMONS_OWN = ('/data/docker', '/run/docker/netns/default')


def missing_packages():
    """Why these tests cannot run here, or ''. Only the outermost ./tests/run installs the packages."""
    gone = [p for p in (DOCKER, DOCKERD, CONTAINERD, CTR) if not os.path.exists(p)]
    if not gone:
        return ''
    if os.environ.get('CRUN_LITE_TESTS_NESTED'):
        return 'this is the run inside the minimal root; the outer run does it'
    raise AssertionError(f'not installed: {", ".join(gone)}; ./tests/run installs docker.io and containerd')


class Machine:
    """A Host with a scratch directory and daemons in it. Everything that carries `token` must be gone at the end."""

    def __init__(self, token=''):
        process.become_subreaper()
        self.token = token or 't' + os.urandom(5).hex()
        self.scratch = tempfile.mkdtemp(prefix=f'crl.{self.token}.x', suffix='x')
        os.chmod(self.scratch, 0o755)
        self.host = Host(self.scratch)
        self.runtime_name = paths.runtime_under_test()
        self.runtime = paths.runtime_path(self.runtime_name)
        if self.runtime_name == 'crun' and os.path.ismount('/sys/fs/cgroup/unified'):
            # crun refuses hybrid cgroups; paths.runtime_argv says more.
            self.host.run(['umount', '/sys/fs/cgroup/unified'], check=True)
        # In memory, seen from this machine only: daemons sync every step to disk, and removing an image's files from
        # one takes longer than all tests together.
        os.mkdir(self.path('data'))
        self.host.run(['mount', '-t', 'tmpfs', '-o', 'mode=0711', 'host-data', self.path('data')], check=True)
        self.host.settle()
        self.started = []
        self.switched_off = False

    def path(self, *parts):
        return os.path.join(self.scratch, *parts)

    def start(self, name, argv, ready, **env):
        """Starts a daemon with its output in a file; waits until ready() or fails with what it said."""
        log = self.path(f'{name}.log')
        with open(log, 'ab') as out:
            daemon = self.host.popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd='/',
                                     env={'PATH': SYSTEM_PATH, **env})
        self.started.append((name, daemon))

        def up():
            if daemon.poll() is not None:
                raise AssertionError(f'{name} ended with {daemon.returncode}:\n{self.log(name)}')
            return ready()
        try:
            wait_until(up, f'{name} answers', timeout=60)
        except AssertionError as error:
            raise AssertionError(f'{error}\n{self.log(name)}') from None
        return daemon

    def log(self, name, lines=40):
        """The end of what a daemon has written."""
        with open(self.path(f'{name}.log'), encoding='utf-8', errors='replace') as f:
            return '\n'.join(f.read().splitlines()[-lines:])

    def write(self, path, text):
        """A file on this machine, whose /etc is its own."""
        self.host.run(['sh', '-c', 'mkdir -p "$(dirname "$0")" && cat >"$0"', path], stdin=text, check=True)

    def start_containerd(self, config=''):
        """With a configuration of this machine's, or a minimal one without the CRI plugin."""
        if not config:
            config = '/etc/containerd/minimal.toml'
            self.write(config, 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        argv = [CONTAINERD, '--config', config, '--root', self.path('data/containerd'), '--state', '/run/containerd',
                '--address', CONTAINERD_SOCKET]
        return self.start('containerd', argv,
                          lambda: self.host.run([CTR, '-a', CONTAINERD_SOCKET, 'version'], timeout=10).code == 0)

    def end(self, daemon, timeout=30):
        """SIGTERM, then SIGKILL, to this daemon and nobody else."""
        if daemon.poll() is None:
            daemon.terminate()
        try:
            return daemon.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait(timeout=10)
            return 'did not end'

    def end_all(self):
        """Ends the daemons, the last one started first. Returns those that had to be killed."""
        problems = []
        for name, daemon in reversed(self.started):
            if self.end(daemon) == 'did not end':
                problems.append(f'{name} did not end on SIGTERM:\n{self.log(name)}')
        self.started = []
        return problems

    def processes(self):
        """Pids of everything in this machine's mount namespace, and of all in cgroups that carry the token."""
        own = os.readlink(f'/proc/{self.host.pid}/ns/mnt')
        found = set()
        for pid in process.descendants():
            with contextlib.suppress(OSError):
                if pid != self.host.pid and os.readlink(f'/proc/{pid}/ns/mnt') == own:
                    found.add(pid)
        for top in probe.cgroups(self.token):
            for directory, _, _ in os.walk(top):
                with contextlib.suppress(OSError), open(f'{directory}/cgroup.procs', encoding='ascii') as f:
                    found.update(map(int, f.read().split()))
        return found

    def kill_all(self):
        """SIGKILL, by pid, to everything that runs on this machine."""
        for _ in range(3):
            for pid in self.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.reap_orphans()
        for _, daemon in self.started:
            daemon.wait(timeout=10)
        self.started = []

    def switch_off(self):
        """Pulls the plug. What a real machine's kernel would forget is removed from the one that it shares with us."""
        self.kill_all()
        self.switched_off = True
        wait_until(lambda: not self.processes(), 'everything on the machine has ended')
        probe.remove_cgroups(probe.cgroups(self.token), keep=process.descendants())

    def leftovers(self, keep=()):
        """What is still there after the daemons have ended, as messages; removes it."""
        found = [f'process: {p}' for p in process.end_leftovers(keep=[self.host.pid, *keep])]
        found += [f'mount: {m}' for m in probe.mounts(self.token)]
        if not self.switched_off:
            found += [m for m in self.host.changes() if m.startswith('mount: new') and not m.endswith(DAEMONS_OWN)]
        held = [c for c in probe.cgroups(self.token)]
        found += [f'cgroup: {d}' for c in held for d in self._deep(c)]
        probe.remove_cgroups(held, keep=[self.host.pid, *keep])
        return found

    @staticmethod
    def _deep(top):
        """The cgroups of containers below `top`. The parent itself is what a daemon was told to use, and BuildKit's one
        below that; who made them for the first container need not remove them."""
        return [where for where, names, _ in os.walk(top) if not names and where not in (top, f'{top}/buildkit')]

    def close(self):
        self.host.close()
        shutil.rmtree(self.scratch, ignore_errors=True)


class Dockerd(Machine):
    """`engine.docker('run', …)` against a dockerd whose default runtime is the one under test."""

    def __init__(self, *options, token='', host_first=None, hostname='', configured=True):
        super().__init__(token)
        self.options = list(options)
        self.hostname = hostname
        self.configured = configured
        try:
            if host_first:
                host_first(self.host)
            self._prepare_cli()
            self.containerd = self.start_containerd()
            self.daemon = None
            self.start_docker()
        except BaseException:
            self.kill_all()
            self.leftovers()
            self.close()
            raise

    def _prepare_cli(self):
        # BuildKit inside dockerd 20.10 starts whatever is called runc; default-runtime is not asked.
        os.mkdir(self.path('bin'))
        os.symlink(self.runtime, self.path('bin', 'runc'))
        os.mkdir(self.path('cli'))
        config = {'runtimes': {self.runtime_name: {'path': self.runtime}} if self.runtime_name != 'runc' else {},
                  'default-runtime': self.runtime_name}
        if not self.configured:
            config = {}
        elif self.runtime_name == 'crun-lite':
            config = json.loads(run([self.runtime, 'install', '--for', 'docker', '--default'], check=True).out)
        with open(self.path('daemon.json'), 'w', encoding='ascii') as f:
            json.dump(config, f)
        self.env = {'PATH': SYSTEM_PATH, 'HOME': self.path('cli'), 'DOCKER_CONFIG': self.path('cli'),
                    'DOCKER_HOST': 'unix:///run/docker.sock', 'TERM': 'xterm', 'DOCKER_BUILDKIT': '0'}

    def argv(self):
        named = ['unshare', '--uts', 'sh', '-c', 'hostname "$0" && exec "$@"', self.hostname] if self.hostname else []
        return [*named, DOCKERD, '--host=unix:///run/docker.sock', f'--data-root={self.path("data/docker")}',
                '--exec-root=/run/docker', '--pidfile=/run/docker.pid', f'--containerd={CONTAINERD_SOCKET}',
                f'--cgroup-parent=/crl-{self.token}', '--iptables=true', '--oom-score-adjust=0',
                f'--config-file={self.path("daemon.json")}', *self.options]

    def start_docker(self):
        path = f'{self.path("bin")}:{SYSTEM_PATH}'
        self.daemon = self.start('dockerd', self.argv(), lambda: self.docker('version', timeout=20).code == 0,
                                 PATH=path)

    def docker(self, *args, env=None, **kwargs):
        """`docker args…` of Debian's package, to its end."""
        return self.host.run([DOCKER, *args], env={**self.env, **(env or {})}, **kwargs)

    def inspect(self, name, what='.'):
        """A field of `docker inspect`, decoded."""
        answer = self.docker('inspect', '--format', f'{{{{json {what}}}}}', name)
        if answer.code != 0:
            raise AssertionError(str(answer))
        return json.loads(answer.out)

    def runtime_state(self):
        """Containers that the runtime still knows, in any of its state roots on this machine."""
        roots = ('/run/docker/runtime-runc/moby', '/run/crun-lite', '/run/runc', '/run/crun')
        listing = self.host.run(['sh', '-c', f'cd / && for d in {" ".join(roots)}; do [ ! -d $d ] || '
                                 'find $d -mindepth 1 -maxdepth 1 ! -name ".*" ! -name net; done'])
        return listing.out.split()

    def links(self):
        """Network links that are neither the machine's own nor a bridge of the daemon's."""
        links = json.loads(self.host.run(['ip', '-j', '-d', 'link'], check=True).out)
        return [link['ifname'] for link in links
                if link['ifname'] not in ('lo', 'lan0') and link.get('linkinfo', {}).get('info_kind') != 'bridge']

    def stop(self):
        """Removes all containers and ends the daemons; returns what is left of them, as messages."""
        names = self.docker('ps', '-aq').out.split()
        removed = self.docker('rm', '-f', '-v', *names, timeout=120) if names else None
        problems = [str(removed)] if removed and removed.code else []
        problems += [f'link: {name}' for name in self.links()]
        problems += [f'state: {name}' for name in self.runtime_state()]
        return problems + self.end_all()

    def finish(self):
        """stop(), and fails when anything is left."""
        finish([self])


def finish(machines, stop=Dockerd.stop, keep=()):
    """Stops machines that belong together, removes them, and fails when anything of theirs is left. `keep` are pids of
    the test's own."""
    holders, problems = [*keep, *(m.host.pid for m in machines)], []
    try:
        for machine in machines:
            problems += stop(machine)
        for machine in machines:
            problems += machine.leftovers(keep=holders)
    finally:
        for machine in machines:
            machine.kill_all()
        for machine in machines:
            machine.close()
    if problems:
        raise AssertionError('left behind:\n' + '\n'.join(problems))
