# SPDX-License-Identifier: Apache-2.0
"""Runs the Python tests of one folder below tests/ through runner.py, and programs that count for themselves."""
import json
import os
import re
import subprocess

from . import paths
from .count import Count
from .gtest import SANITIZER_ENV

RUNNER = paths.REPO / 'tests/support/runner.py'


def files(folder):
    return sorted(str(f) for f in (paths.REPO / 'tests' / folder).glob('test_*.py'))


def _filter_args(filters):
    return [word for text in filters for word in ('--filter', text)]


def names(folder, filters):
    """path:Class.test of every test in a folder."""
    if not files(folder):
        return []
    argv = [paths.PYTHON, RUNNER, '--list', *_filter_args(filters), *files(folder)]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()


def run(folder, filters, build='build', jobs=None):
    """The folder's tests against the programs of a build directory."""
    if not files(folder):
        return Count()
    report = paths.REPO / build / 'test-logs' / f'{folder}.json'
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    env = {**os.environ, 'CRUN_LITE_BUILD': str(paths.REPO / build)}
    if build != 'build':
        env.update(SANITIZER_ENV)
    argv = [paths.PYTHON, str(RUNNER), '--json', str(report), *(['--jobs', str(jobs)] if jobs else []),
            *_filter_args(filters), *files(folder)]
    code = subprocess.run(argv, env=env, check=False).returncode
    try:
        return Count(**json.loads(report.read_text(encoding='ascii')))
    except (OSError, ValueError):
        print(f'==== FAILED the runner of tests/{folder} ended with {code}\n====', flush=True)
        return Count(failed=1)


def run_program(argv, name, filters):
    """A program whose last line is `N passed, N failed, N skipped`."""
    if filters:
        return Count()
    started = subprocess.Popen(argv, cwd=paths.REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    last = ''
    for line in started.stdout:
        last = line.strip() or last
        print('  ' + line.rstrip(), flush=True)
    code = started.wait()
    counted = re.fullmatch(r'(\d+) passed, (\d+) failed, (\d+) skipped', last)
    count = Count(*map(int, counted.groups())) if counted else Count()
    if not counted or (code != 0 and not count.failed):
        print(f'==== FAILED {name} ended with {code}, last line {last!r}\n====', flush=True)
        count += Count(failed=1)
    return count
