# SPDX-License-Identifier: Apache-2.0
"""Runs unittest files in parallel: one process per test class, N at a time. Prints one line per class and the
whole output of what failed; writes {passed, failed, skipped} as JSON for tests/run to add up.

    runner.py [--jobs N] [--filter TEXT]… [--list] [--json FILE] FILE…
"""
import argparse
import ast
import concurrent.futures
import importlib.util
import io
import json
import os
import pathlib
import signal
import sys
import time
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from support import paths, process  # noqa: E402  (the path above comes first)
from support.command import CommandTimeout, run  # noqa: E402

CLASS_DEADLINE = 600  # seconds for one class, unless its module says DEADLINE = N


def classes_of(file):
    """(class name, deadline) of every test class in a file, read without importing it."""
    tree = ast.parse(pathlib.Path(file).read_text(encoding='utf-8'), file)
    deadline = CLASS_DEADLINE
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == 'DEADLINE':
            deadline = ast.literal_eval(node.value)
    return [(node.name, deadline) for node in tree.body if isinstance(node, ast.ClassDef)
            and any(isinstance(f, ast.FunctionDef) and f.name.startswith('test') for f in node.body)]


class _Record(unittest.TextTestResult):
    """Keeps one (name, verdict, text) per test: a failing subtest or cleanup makes its test fail once."""

    def __init__(self, *args):
        super().__init__(*args)
        self.verdicts = {}

    def _note(self, test, verdict, text=''):
        name = test.id().split(' ')[0] if not hasattr(test, 'test_case') else test.test_case.id()
        old = self.verdicts.get(name, ('passed', ''))
        worse = verdict == 'failed' or old[0] == 'passed'
        self.verdicts[name] = (verdict if worse else old[0], old[1] + text)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._note(test, 'passed')

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._note(test, 'failed', self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self._note(test, 'failed', self.errors[-1][1])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._note(test, 'skipped', reason)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(test, 'failed', f'{subtest}\n' + self._exc_info_to_string(err, test))

    def addExpectedFailure(self, test, err):
        self.addError(test, (AssertionError, AssertionError('expectedFailure hides bugs; skip with a reason'), None))

    def addUnexpectedSuccess(self, test):
        self.addError(test, (AssertionError, AssertionError('unexpected success'), None))


def worker(file, class_name, filters):
    """Runs one class in this process and prints its verdicts as JSON on the last line."""
    spec = importlib.util.spec_from_file_location(pathlib.Path(file).stem, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(pathlib.Path(file).parent))
    spec.loader.exec_module(module)
    process.become_subreaper()
    # A script's `tests/run &` ignores SIGINT, and what starts out ignored crun-lite does not pass on.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    suite = unittest.TestSuite(
        t for t in unittest.defaultTestLoader.loadTestsFromTestCase(getattr(module, class_name))
        if selected(f'{file}:{class_name}.{t._testMethodName}', filters))
    out = io.StringIO()
    result = unittest.TextTestRunner(stream=out, verbosity=2, resultclass=_Record).run(suite)
    left = process.end_leftovers(grace=1.0)
    if left:
        result.verdicts[f'{class_name}: processes left'] = ('failed', '\n'.join(left))
    print(json.dumps(result.verdicts))
    return 0


def selected(name, filters):
    """Every filter word must stand in 'path:Class.test'."""
    relative = name.replace(str(TESTS.parent) + '/', '')
    return all(f in relative for f in filters)


def methods_of(file, class_name):
    tree = ast.parse(pathlib.Path(file).read_text(encoding='utf-8'), file)
    return [f.name for node in tree.body if isinstance(node, ast.ClassDef) and node.name == class_name
            for f in node.body if isinstance(f, ast.FunctionDef) and f.name.startswith('test')]


def run_class(file, class_name, deadline, filters):
    """Starts the worker; returns (verdicts, seconds). A worker that dies or hangs is one failed test."""
    argv = [paths.PYTHON, __file__, '--worker', file, class_name, *filters]
    start = time.monotonic()
    try:
        result = run(argv, timeout=deadline)
        if result.code != 0:
            raise AssertionError(str(result))
        verdicts = json.loads(result.out.rstrip('\n').rsplit('\n', 1)[-1])
    except (CommandTimeout, AssertionError, ValueError) as error:
        verdicts = {f'{class_name}: the whole class': ('failed', str(error))}
    return verdicts, time.monotonic() - start


def report(file, class_name, verdicts, seconds):
    """One line per class, one per skip, everything per failure."""
    counts = {v: sum(1 for x, _ in verdicts.values() if x == v) for v in ('passed', 'failed', 'skipped')}
    relative = os.path.relpath(file, TESTS.parent)
    words = ', '.join(f'{n} {v}' for v, n in counts.items() if n)
    print(f'  {"FAIL" if counts["failed"] else "ok  "} {relative} {class_name}: {words} ({seconds:.1f} s)')
    for name, (verdict, text) in verdicts.items():
        if verdict == 'failed':
            print(f'\n==== FAILED {relative} {name}\n{text.rstrip()}\n====\n')
        elif verdict == 'skipped':
            print(f'       skipped {name.rsplit(".", 1)[-1]}: {text}')
    sys.stdout.flush()
    return counts


def main():
    if len(sys.argv) > 3 and sys.argv[1] == '--worker':
        return worker(sys.argv[2], sys.argv[3], sys.argv[4:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--jobs', type=int, default=2 * (os.cpu_count() or 1))  # the tests mostly wait
    parser.add_argument('--filter', action='append', default=[])
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--json')
    parser.add_argument('files', nargs='+')
    options = parser.parse_args()

    work = []
    for file in sorted(os.path.abspath(f) for f in options.files):
        for name, deadline in classes_of(file):
            chosen = [m for m in methods_of(file, name) if selected(f'{file}:{name}.{m}', options.filter)]
            if chosen:
                work.append((file, name, deadline))
                if options.list:
                    print('\n'.join(f'{os.path.relpath(file, TESTS.parent)}:{name}.{m}' for m in chosen))
    if options.list:
        return 0

    total = {'passed': 0, 'failed': 0, 'skipped': 0}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(run_class, f, c, d, options.filter): (f, c) for f, c, d in work}
        for done in concurrent.futures.as_completed(running):
            for verdict, count in report(*running[done], *done.result()).items():
                total[verdict] += count
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(total), encoding='ascii')
    print(', '.join(f'{total[v]} {v}' for v in total))
    return 1 if total['failed'] else 0


if __name__ == '__main__':
    sys.exit(main())
