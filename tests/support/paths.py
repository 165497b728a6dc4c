# SPDX-License-Identifier: Apache-2.0
"""Where things are: the tree, the built programs, the runtime under test. Nothing here starts anything."""
import os
import pathlib
import shutil
import sys

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('CRUN_LITE_BUILD', REPO / 'build')).resolve()
SANITIZED = 'asan' in BUILD.name  # its programs take many times the memory
CRUN_LITE = BUILD / 'crun-lite'
CRUN_LITE_IMAGE = BUILD / 'crun-lite-image'

# Debian keeps these out of an ordinary user's PATH, and `kill` in conmon's environment has no PATH at all.
os.environ['PATH'] = os.environ.get('PATH', '/usr/bin:/bin') + ':/usr/local/sbin:/usr/sbin:/sbin'

# Debian's interpreter, not whichever one a developer put first in PATH: the tests promise to need nothing else.
PYTHON = '/usr/bin/python3' if os.path.exists('/usr/bin/python3') else sys.executable


def runtime_path(name):
    """The program behind 'crun-lite', 'runc', 'crun' or a path; None when it is not on this machine."""
    if name == 'crun-lite':
        return str(CRUN_LITE) if CRUN_LITE.exists() else None
    return shutil.which(name)


def runtime_under_test():
    """CRUN_LITE_TEST_RUNTIME=runc tests/run cli: the same tests against a peer test the tests."""
    return os.environ.get('CRUN_LITE_TEST_RUNTIME', 'crun-lite')


def runtime_argv(program):
    """How to start a runtime here. crun refuses hybrid cgroups ("drop all controllers from cgroupv2"), so it is
    shown a machine without the unified hierarchy, which on such a machine has no controllers anyway."""
    unified = '/sys/fs/cgroup/unified'
    if os.path.basename(program) == 'crun' and os.path.ismount(unified):
        hide = f'umount {unified} && exec "$0" "$@"'
        return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', hide, program]
    return [program]
