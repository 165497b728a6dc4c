# SPDX-License-Identifier: Apache-2.0
"""What ./tests/run runs, stage after stage, and the count at its end. A stage is a row of STAGES: a name, what it
is, and a function that returns how many passed, failed and were skipped."""
import argparse
import collections
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import gtest, machine, paths, pytests  # noqa: E402  (the path above comes first)
from support.count import Count, skip_whole  # noqa: E402
from support.paths import REPO  # noqa: E402

NESTED = bool(os.environ.get('CRUN_LITE_TESTS_NESTED'))
Stage = collections.namedtuple('Stage', 'name what run quick build nested', defaults=('', True))


def build(directory, *options):
    """Configures and builds through the functions that ./quickstart uses, so that both know one way."""
    say(f'Building {directory}/ {" ".join(options)}'.rstrip())
    start = time.monotonic()
    script = 'set -euo pipefail; . scripts/lib.sh; build "$@"'
    subprocess.run(['bash', '-c', script, 'bash', directory, '-Dtests=true', *options], cwd=REPO, check=True)
    print(f'  built in {time.monotonic() - start:.0f} s', flush=True)


def say(text):
    print(f'==> {text}', flush=True)


def build_release():
    build('build')


def build_sanitized():
    # Unoptimised and with line numbers only: a third of the compile time of -O1 -g (5 s against 16 s a file).
    build('build-asan', '-Db_sanitize=address,undefined', '-Dbuildtype=debug', '-Doptimization=0', '-Dcpp_args=-g1')


def guide_image():
    """The guide's image as an archive, for the stages that serve it."""
    build_release()
    say('Building the guide\'s image with buildah over crun-lite (scripts/guide-image)')
    subprocess.run(['scripts/guide-image'], cwd=REPO, check=True)


def run_sanitized(filters):
    total = gtest.run('build-asan', 'unit', filters)
    total += gtest.run('build-asan', 'kernel', filters) + pytests.run('kernel', filters, build='build-asan')
    return total + pytests.run('cli', filters, build='build-asan')


def run_tidy(filters):
    """The program's own sources; the tests' would take longer than all of them together."""
    folders = sorted({f'{f.relative_to(REPO).parts[0]}/' for f in REPO.glob('[a-z]*/**/*.cc')
                      if f.relative_to(REPO).parts[0] not in ('tests', 'build', 'build-asan')})
    return pytests.run_program([paths.PYTHON, str(REPO / 'tests/lint/tidy.py'), *folders], 'tidy', filters)


def run_vm(filters):
    script = REPO / 'tests/vm/run'
    if not script.exists():
        return skip_whole('vm', 'tests/vm/run is not in the tree')
    return pytests.run_program([str(script)], 'vm', filters)


STAGES = [
    Stage('lint', 'layers, forbidden calls, sizes, words, shellcheck, clang-format',
          lambda f: pytests.run('lint', f), True, build_release),
    Stage('unit', 'parts on their own, release build', lambda f: gtest.run('build', 'unit', f), True, build_release),
    Stage('kernel', 'parts against this kernel, as root, release build',
          lambda f: gtest.run('build', 'kernel', f) + pytests.run('kernel', f), False, build_release),
    Stage('cli', 'the real programs, in parallel', lambda f: pytests.run('cli', f), True, build_release),
    Stage('callers', 'buildah, podman, dockerd, Swarm, containerd over crun-lite; one bundle under it, runc and crun',
          lambda f: pytests.run('callers', f), False, guide_image),
    Stage('asan', 'unit, kernel and cli again with AddressSanitizer and UBSan', run_sanitized, False, build_sanitized,
          False),
    Stage('tidy', 'clang-tidy', run_tidy, False, build_release, False),
    Stage('page', 'the guide\'s page in headless Chromium', lambda f: pytests.run('page', f), False, guide_image,
          False),
    Stage('vm', 'machines with cgroup v2 only, in QEMU: a small one, and one with systemd', run_vm, False,
          build_release, False),
    Stage('root', 'the README\'s two commands inside a minimal Debian 12', lambda f: pytests.run('root', f), False,
          build_release, False),
]


def choose(words, quick):
    """(stages, filters) out of the command line."""
    names = [s.name for s in STAGES]
    wanted = [w for w in words if w in names]
    filters = [w for w in words if w not in names]
    chosen = [s for s in STAGES if s.name in wanted] if wanted else [s for s in STAGES if s.quick or not quick]
    return chosen, filters


def list_tests(stages, filters):
    for stage in stages:
        print(f'{stage.name}: {stage.what}')
        for name in pytests.names(stage.name, filters) + gtest.names('build', stage.name, filters):
            print(f'    {name}')


def scratch():
    """A directory of this run's own for whatever its tests make, short because sockets lie in it (108 characters)."""
    directory = tempfile.TemporaryDirectory(prefix='crl-x', suffix='x', dir='/tmp')
    os.chmod(directory.name, 0o755)
    tempfile.tempdir = os.environ['TMPDIR'] = directory.name
    return directory


def run_stages(stages, filters):
    total, built, before = Count(), set(), machine.snapshot()
    for stage in stages:
        if NESTED and not stage.nested:
            total += skip_whole(stage.name, 'this is the run inside the minimal root; the outer run does it')
            continue
        try:
            if stage.build not in built:
                stage.build()
                built.add(stage.build)
            say(f'{stage.name}: {stage.what}')
            start = time.monotonic()
            count = stage.run(filters)
            print(f'  {stage.name}: {count} in {time.monotonic() - start:.0f} s', flush=True)
        except (subprocess.SubprocessError, OSError) as error:
            print(f'==== FAILED {stage.name}: {error}\n====', flush=True)
            count = Count(failed=1)
        total += count
    return total + machine.compare(before)


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('words', nargs='*')
    options = parser.parse_args()
    stages, filters = choose(options.words, options.quick)
    if options.list:
        list_tests(stages, filters)
        return 0
    with scratch():
        total = run_stages(stages, filters)
    if total.nothing():
        print('no test has that name')
        total = Count(failed=1)
    print(total, flush=True)
    return 1 if total.failed else 0


if __name__ == '__main__':
    sys.exit(main())
