# SPDX-License-Identifier: Apache-2.0
"""Runs inside the test machine: the kernel tests and the command-line tests that were packed with it. Prints what
they print, and at last one line for the host: `@@ {"passed": N, "failed": N, "skipped": N}`."""
import json
import os
import pathlib
import re
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parents[2]
BUILD = TESTS.parent / 'build'
DEADLINE = 240  # seconds for one program
# Emulated processors: more at once than there are only makes each one slower.
JOBS = os.cpu_count() or 1


def say(*words):
    print(*words, flush=True)


def run_kernel_tests(program, total):
    """One GoogleTest program; what failed or was skipped is shown, what passed only counted."""
    try:
        done = subprocess.run([str(program), '--gtest_color=no'], capture_output=True, text=True, errors='replace',
                              timeout=DEADLINE, cwd='/tmp', stdin=subprocess.DEVNULL, check=False)
        output, code = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired as error:
        output, code = (error.stdout or b'').decode(errors='replace'), f'no end within {DEADLINE} s'
    counts = {'passed': len(re.findall(r'^\[       OK \] ', output, re.MULTILINE)),
              'failed': len(set(re.findall(r'^\[  FAILED  \] (\w+\.\w+\S*?)(?:,| \()', output, re.MULTILINE))),
              'skipped': len(re.findall(r'^\[  SKIPPED \] \S+ \(', output, re.MULTILINE))}
    if code != 0 and not counts['failed']:
        counts['failed'] = 1  # a crash or a hang
    words = ', '.join(f'{n} {what}' for what, n in counts.items() if n)
    say(f'{"FAIL" if counts["failed"] else "ok  "} kernel/{program.name}: {words or "nothing"}')
    for name, reason in re.findall(r'^\[ RUN      \] (\S+)\n((?:(?!\[ ).*\n)*)\[  SKIPPED \]', output, re.MULTILINE):
        say(f'     skipped {name}: {" ".join(l for l in reason.splitlines() if ": Skipped" not in l)[:300]}')
    if counts['failed']:
        passed = re.compile(r'^\[ RUN      \] \S+\n(?:(?!\[ ).*\n)*\[       OK \] .*\n', re.MULTILINE)
        say(passed.sub('', output)[-6000:], f'(exit {code})')
    for what, count in counts.items():
        total[what] += count


def run_python_tests(files, plan, total):
    report = pathlib.Path('/tmp/report.json')
    filters = [word for text in plan['filter'] for word in ('--filter', text)]
    argv = [sys.executable, str(TESTS / 'support/runner.py'), '--jobs', str(JOBS), '--json', str(report), *filters,
            *files]
    code = subprocess.run(argv, env={**os.environ, 'CRUN_LITE_TEST_RUNTIME': plan['runtime']}, check=False).returncode
    try:
        for what, count in json.loads(report.read_text()).items():
            total[what] += count
    except (OSError, ValueError):
        say(f'FAIL the runner ended with {code}')
        total['failed'] += 1


def systemd_seconds():
    """Since the kernel started."""
    return float(pathlib.Path('/proc/uptime').read_text().split()[0])


def main():
    v2 = pathlib.Path('/sys/fs/cgroup/cgroup.controllers')
    cgroups = f'cgroup2 with {v2.read_text().strip()}' if v2.exists() else 'cgroup v1'
    say(f'linux {os.uname().release}, {cgroups}, {os.cpu_count()} processors')
    plan = json.loads((TESTS.parent / 'plan.json').read_text())
    total = {'passed': 0, 'failed': 0, 'skipped': 0}
    if pathlib.Path('/run/systemd/system').exists():
        say(f'systemd took {systemd_seconds():.1f} s to start the tests')
    for name in plan['kernel']:
        run_kernel_tests(BUILD / 'kernel' / name, total)
    for name in plan['programs']:
        total['passed' if subprocess.run([TESTS.parent / name], check=False).returncode == 0 else 'failed'] += 1
    if plan['python']:
        run_python_tests([str(TESTS.parent / name) for name in plan['python']], plan, total)
    say('@@ ' + json.dumps(total))


if __name__ == '__main__':
    main()
