# SPDX-License-Identifier: Apache-2.0
"""Who is measured, and how each is started. Every contender gets the same bundle, and a cgroup of its own below the
same parent; bench/floor gets the same as arguments, because it parses nothing."""
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys

REPO = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / 'tests'))
from support.bundle import Bundle  # noqa: E402  (the path above comes first)

CGROUP = pathlib.Path('/sys/fs/cgroup')
PARENT = 'crl-bench'
ENVIRONMENT = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'}


def enter_private_mounts():
    """Once more, in a mount namespace of our own without the v2 mount of a hybrid machine: it has no controllers, and
    crun refuses to work beside it."""
    if os.environ.get('CRUN_LITE_BENCH_PRIVATE'):
        unified = '/sys/fs/cgroup/unified'
        if os.path.ismount(unified):
            subprocess.run(['umount', unified], check=True)
        return
    os.environ['CRUN_LITE_BENCH_PRIVATE'] = '1'
    os.execvp('unshare', ['unshare', '--mount', '--propagation', 'private', sys.executable, *sys.argv])


def _v1_hierarchies():
    return [] if (CGROUP / 'cgroup.controllers').exists() else sorted(d for d in CGROUP.iterdir() if d.is_mount())


class CgroupParent:
    """The directory in every hierarchy below which all contenders make theirs."""

    def __init__(self):
        self.v1 = _v1_hierarchies()
        self.v2 = [] if self.v1 else [CGROUP]

    def __enter__(self):
        for top in self.v1 + self.v2:
            (top / PARENT).mkdir(exist_ok=True)
            for name in ('cpuset.cpus', 'cpuset.mems'):  # v1: empty in a new one, and then it takes no process
                if top in self.v1 and (top / name).exists():
                    (top / PARENT / name).write_text((top / name).read_text())
        for top in self.v2:
            wanted = ' '.join(f'+{c}' for c in ('cpu', 'cpuset', 'memory', 'pids', 'io'))
            for directory in (top, top / PARENT):
                (directory / 'cgroup.subtree_control').write_text(wanted)
        return self

    def __exit__(self, *_):
        for top in self.v1 + self.v2:
            for inner in (top / PARENT).iterdir():
                if inner.is_dir():
                    inner.rmdir()
            (top / PARENT).rmdir()

    def arguments(self, name):
        """For bench/floor."""
        found = [word for top in self.v1 for word in ('--cgroup', str(top / PARENT / name))]
        return found + [word for top in self.v2 for word in ('--v2', str(top / PARENT / name))]


def execute(argv, output):
    """Runs a program to its end by posix_spawn, the cheapest way to start one from here."""
    actions = [(os.POSIX_SPAWN_OPEN, 0, '/dev/null', os.O_RDONLY, 0),
               (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
               (os.POSIX_SPAWN_OPEN, 2, output + '.err', os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)]
    pid = os.posix_spawn(argv[0], argv, ENVIRONMENT, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise RuntimeError(f'{" ".join(argv)}: exit {os.waitstatus_to_exitcode(status)}\n'
                           + pathlib.Path(output + '.err').read_text(errors='replace'))


def reap(pid):
    """Waits for a container's first process; we are its subreaper. Its pidfd says when, without polling."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with os.fdopen(pidfd):
        select.select([pidfd], [], [])
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass


class Runtime:
    """An OCI runtime by its command line."""

    def __init__(self, name, program, scratch):
        self.name, self.program = name, program
        self.root, self.output = str(scratch / f'{name}.state'), str(scratch / f'{name}.out')
        self.bundles = {}
        self.scratch = scratch
        self._count = 0

    def prepare(self, profile, seccomp, _program):
        """One bundle per profile ('plain', 'seccomp')."""
        bundle = Bundle(self.scratch / f'{self.name}.{profile}', ['/bin/true'], cgroup=f'/{PARENT}/{self.name}')
        if seccomp:
            bundle.config['linux']['seccomp'] = seccomp
        bundle.write()
        self.bundles[profile] = str(bundle.path)

    def _id(self):
        self._count += 1
        return f'bench-{self.name}-{self._count}'

    def _oci(self, *args):
        execute([self.program, '--root', self.root, *args], self.output)

    def run(self, profile):
        self._oci('run', '--bundle', self.bundles[profile], self._id())

    def lifecycle(self, profile):
        """create, start, wait for the end, delete: what conmon or a shim does."""
        name, pid_file = self._id(), self.output + '.pid'
        self._oci('create', '--bundle', self.bundles[profile], '--pid-file', pid_file, name)
        self._oci('start', name)
        with open(pid_file, encoding='ascii') as f:
            reap(int(f.read()))
        self._oci('delete', name)


class Floor:
    """bench/floor with the same root, cgroups and filter."""

    name = 'floor'

    def __init__(self, program, scratch, parent):
        self.program, self.scratch, self.parent = program, scratch, parent
        self.output = str(scratch / 'floor.out')
        self.state = str(scratch / 'floor.state')
        self.arguments = {}

    def prepare(self, profile, seccomp, program):
        bundle = Bundle(self.scratch / f'floor.{profile}')
        self.arguments[profile] = ['--rootfs', str(bundle.rootfs), *self.parent.arguments('floor'),
                                   *(['--filter', str(program)] if seccomp else [])]

    def run(self, profile):
        execute([self.program, 'run', *self.arguments[profile]], self.output)

    def lifecycle(self, profile):
        execute([self.program, 'create', '--state', self.state, *self.arguments[profile]], self.output)
        execute([self.program, 'start', '--state', self.state], self.output + '.start')
        with open(self.output, encoding='ascii') as f:
            reap(int(f.read()))
        execute([self.program, 'delete', '--state', self.state, *self.parent.arguments('floor')], self.output)


def contenders(build, scratch, parent, wanted):
    """Those that are on this machine, floor first."""
    found = [Floor(str(build / 'bench/floor'), scratch, parent)]
    for name in wanted:
        program = str(build / 'crun-lite') if name == 'crun-lite' else shutil.which(name)
        if program and os.path.exists(program):
            found.append(Runtime(name, program, scratch))
        else:
            print(f'{name}: not on this machine, left out', file=sys.stderr)
    return found


def machine():
    """What the figures were measured on, for the report."""
    cpu = next((line.split(':', 1)[1].strip() for line in open('/proc/cpuinfo', encoding='utf-8', errors='replace')
                if line.startswith('model name')), 'unknown')
    kind = f'v1, {len(_v1_hierarchies())} hierarchies' if _v1_hierarchies() else 'v2'
    return {'kernel': '.'.join(os.uname().release.split('.')[:2]), 'cpu': cpu, 'cpus': os.cpu_count(), 'cgroup': kind}


def versions(found):
    return {c.name: os.popen(f'{json.dumps(c.program)} --version 2>/dev/null').readline().strip()
            for c in found if c.name != 'floor'}
