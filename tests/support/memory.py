# SPDX-License-Identifier: Apache-2.0
"""How much memory a program takes at its peak, as the kernel counts it. Nothing here knows what the program is."""
import functools
import os
import pathlib
import subprocess

from . import paths
from .command import DEADLINE

STARTER = ('busybox', 'time', '-f', '%M')


def peak(argv, env=None, timeout=DEADLINE):
    """(exit code, peak resident KiB of the largest of its processes). Started by busybox: the size of whatever starts
    a program counts as the program's own until it has been executed, and this interpreter is larger than most."""
    done = subprocess.run([*STARTER, *map(str, argv)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, env=env, text=True, errors='replace', timeout=timeout, check=False)
    return done.returncode, int(done.stderr.split()[-1]) // _scale()


@functools.cache
def _scale():
    """busybox 1.35 takes the kernel's KiB for pages, and prints four times as much."""
    own = 'import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)'
    done = subprocess.run([*STARTER, paths.PYTHON, '-Ic', own], capture_output=True, text=True, check=True)
    return max(1, round(int(done.stderr.split()[-1]) / int(done.stdout)))


def charged(argv, cgroup, env=None, timeout=DEADLINE):
    """(exit code, bytes) that the kernel has charged at the peak to a new cgroup at this path, below the memory
    controller, with the program in it: all processes that stay there, their page tables, sockets and files."""
    cgroup = pathlib.Path(cgroup)
    cgroup.mkdir()
    try:
        enter = ['busybox', 'sh', '-c', 'echo 0 >"$0/cgroup.procs" && exec "$@"', str(cgroup)]
        code = subprocess.run([*enter, *map(str, argv)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env=env, timeout=timeout, check=False).returncode
        file = next(f for f in ('memory.peak', 'memory.max_usage_in_bytes') if (cgroup / f).exists())
        return code, int((cgroup / file).read_text())
    finally:
        os.rmdir(cgroup)


def smallest(starts, step, most, sure):
    """The smallest multiple of `step` for which starts(bytes) is true `sure` times in a row."""
    low, high = 0, most
    while high - low > step:
        middle = (low + high) // 2 // step * step
        if starts(middle):
            high = middle
        else:
            low = middle
    while not all(starts(high) for _ in range(sure)):
        high += step
    return high
