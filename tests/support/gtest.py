# SPDX-License-Identifier: Apache-2.0
"""Runs the GoogleTest programs of a build directory and counts what their own JSON reports say."""
import concurrent.futures
import json
import os
import pathlib
import re

from . import paths
from .command import CommandTimeout, run as run_command
from .count import Count

DEADLINE = 600  # seconds for one program
SANITIZER_ENV = {
    'ASAN_OPTIONS': 'detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1',
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
}


def programs(build, kind):
    """The test programs below tests/<kind>, as meson lists them: [(name, path)]."""
    directory = paths.REPO / build
    if not (directory / 'build.ninja').exists():
        return []
    listing = json.loads(run_command(['meson', 'introspect', '--tests', directory], check=True).out)
    found = {t['name']: t['cmd'][0] for t in listing if f'/tests/{kind}/' in t['cmd'][0]}
    return sorted(found.items())


def _tests_of(program):
    """Suite.Name of every test in a program."""
    names, suite = [], ''
    for line in run_command([program, '--gtest_list_tests']).out.splitlines():
        line = line.split('#')[0].rstrip()
        if line and not line.startswith(' '):
            suite = line if line.endswith('.') else ''
        elif line and suite:
            names.append(suite + line.strip())
    return names


def names(build, kind, filters):
    return [f'{name}:{test}' for name, program in programs(build, kind) if os.path.exists(program)
            for test in _tests_of(program) if all(f in f'tests/{kind}/{name}:{test}' for f in filters)]


def _chosen(kind, name, program, filters):
    if not filters:
        return None
    return [t for t in _tests_of(program) if all(f in f'tests/{kind}/{name}:{t}' for f in filters)]


def _count(report):
    """(Count, [(test, reason)] of skips) out of a GoogleTest JSON report."""
    passed = failed = 0
    skips = []
    for suite in report['testsuites']:
        for test in suite['testsuite']:
            if test.get('failures'):
                failed += 1
            elif test.get('result') == 'SKIPPED' or test.get('skipped'):
                reason = ' '.join(s.get('message', '') for s in test.get('skipped', []) if isinstance(s, dict))
                skips.append((f'{suite["name"]}.{test["name"]}', reason))
            elif test.get('status') == 'RUN':
                passed += 1
    return Count(passed, failed, len(skips)), skips


def _skip_reasons(output):
    """{test: text} from the lines between [ RUN ] and [ SKIPPED ], for GoogleTest reports that carry no reason."""
    reasons = {}
    for name, text in re.findall(r'\[ RUN      \] (\S+)\n(.*?)\[  SKIPPED \]', output, re.DOTALL):
        lines = [line for line in text.splitlines() if line and ': Skipped' not in line]
        reasons[name] = ' '.join(lines)
    return reasons


def _run_program(build, kind, name, program, filters):
    chosen = _chosen(kind, name, program, filters)
    if chosen == []:
        return Count(), ''
    logs = pathlib.Path(paths.REPO / build / 'test-logs')
    logs.mkdir(exist_ok=True)
    report = logs / f'{kind}-{name}.json'
    report.unlink(missing_ok=True)
    argv = [program, f'--gtest_output=json:{report}', *([f'--gtest_filter={":".join(chosen)}'] if chosen else [])]
    try:
        result = run_command(argv, timeout=DEADLINE, env={**os.environ, **SANITIZER_ENV}, cwd=paths.REPO / build)
        output, code = result.out + result.err, result.code
    except CommandTimeout as error:
        output, code = str(error), 'timeout'
    (logs / f'{kind}-{name}.log').write_text(output, encoding='utf-8')
    try:
        count, skips = _count(json.loads(report.read_text(encoding='utf-8')))
    except (OSError, ValueError):
        count, skips = Count(), []
    if code != 0 and not count.failed:  # a crash or a leak report after the last test
        count += Count(failed=1)
    text = f'  {"FAIL" if count.failed else "ok  "} {build} {kind}/{name}: {count}'
    reasons = _skip_reasons(output)
    text += ''.join(f'\n       skipped {test}: {reasons.get(test) or reason or "no reason given"}' for test,
                    reason in skips)
    if count.failed:
        text += f'\n==== FAILED {build} {kind}/{name} (exit {code})\n{_failures_only(output)}\n===='
    return count, text


def _failures_only(output):
    """Drops the lines of tests that passed."""
    kept, block = [], []
    for line in output.splitlines():
        if line.startswith('[ RUN      ]'):
            block = [line]
        elif line.startswith('[       OK ]'):
            block = []
        elif block:
            block.append(line)
            if line.startswith('[  FAILED  ]'):
                kept += block
                block = []
        elif not line.startswith('[---'):
            kept.append(line)
    return '\n'.join((kept + block)[-200:])


def run(build, kind, filters):
    """Every program of a kind, two at a time."""
    total = Count()
    with concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as pool:
        jobs = [pool.submit(_run_program, build, kind, n, p, filters) for n, p in programs(build, kind)]
        for job in concurrent.futures.as_completed(jobs):
            count, text = job.result()
            total += count
            if text:
                print(text, flush=True)
    return total
