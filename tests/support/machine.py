# SPDX-License-Identifier: Apache-2.0
"""The whole machine before and after a run of the suite: nothing that is ours may have been added to it. The
tests watch themselves one by one; this catches what slips through between them."""
import os
import stat
import tempfile
import time

from .count import Count
from .probe import CGROUP_ROOT, mounts

OURS = ('crl', 'crun-lite', 'crun_lite')

# What every container shares with the host: who owns one of these decides who may change its mode.
NODES = [f'/dev/{n}' for n in ('null', 'zero', 'full', 'random', 'urandom', 'tty', 'ptmx', 'fuse', 'kmsg')]

STAY = {'file: /run/crun-lite', 'file: /run/crun-lite/net', 'file: /run/crun-lite/.seccomp'}


def _ours(names):
    return {n for n in names if any(word in n for word in OURS)}


def _listed(directory):
    try:
        return [f'{directory}/{n}' for n in os.listdir(directory)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def nodes(paths):
    """'/dev/null crw-rw-rw- 0:0' of each device node that there is."""
    found = [(path, os.stat(path)) for path in paths if os.path.exists(path)]
    return {f'{path} {stat.filemode(at.st_mode)} {at.st_uid}:{at.st_gid}' for path, at in found}


def snapshot():
    """Mounts, links, cgroups and files in /run that carry our names, the tests' own directory for scratch, and
    whose the device nodes are."""
    cgroups = [path for path, _, _ in os.walk(CGROUP_ROOT)]
    files = [f for d in ('/run', '/run/netns', '/run/crun-lite', '/dev/shm') for f in _listed(d)]
    return {
        'mount': _ours(' '.join(line.split()[3:5]) for line in mounts()),
        'link': _ours(os.listdir('/sys/class/net')),
        'cgroup': _ours(cgroups),
        'node': nodes(NODES),
        'file': _ours(files) | set(_listed('/run/crun-lite')) | set(_listed(tempfile.gettempdir())),
    }


def compare(before, patience=10.0):
    """One test: passed when all that is new has gone within `patience` seconds (other runs may be ending)."""
    end = time.monotonic() + patience
    while True:
        now = snapshot()
        new = [f'{kind}: {n}' for kind, names in now.items() for n in sorted(names - before[kind])]
        # The state root, its cache and its locks stay, like /run/lock: the next container uses them again.
        new = [n for n in new if n not in STAY]
        if not new:
            print('  the machine is as it was before the tests', flush=True)
            return Count(passed=1)
        if time.monotonic() > end:
            print('==== FAILED the machine is not as it was before the tests\n' + '\n'.join(new) + '\n====', flush=True)
            return Count(failed=1)
        time.sleep(0.5)
