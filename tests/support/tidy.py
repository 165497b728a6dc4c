# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over every source of the release build; the checks, each with its reason, are in .clang-tidy. A
source that passed is not looked at again until it, a header of the project or the checks have changed."""
import concurrent.futures
import hashlib
import json
import os

from . import paths
from .command import run as run_command
from .count import Count, skip_whole

DEADLINE = 300  # seconds for one source


def _sources():
    with open(paths.REPO / 'build/compile_commands.json', encoding='utf-8') as f:
        entries = json.load(f)
    found = {os.path.normpath(os.path.join(e['directory'], e['file'])) for e in entries}
    ours = [s for s in found if s.startswith(f'{paths.REPO}/') and '/build' not in s[len(str(paths.REPO)):]]
    return sorted(s for s in ours if s.endswith('.cc') and '/tests/' not in s)


def _key():
    """A hash of what every verdict depends on: the checks and all headers."""
    digest = hashlib.sha256()
    headers = [h for h in paths.REPO.rglob('*.h') if 'build' not in h.relative_to(paths.REPO).parts[0]]
    for file in [paths.REPO / '.clang-tidy', *sorted(headers)]:
        digest.update(file.read_bytes() if file.exists() else b'')
    return digest.hexdigest()


def _check(source, common, cache):
    with open(source, 'rb') as f:
        mark = cache / hashlib.sha256(common.encode() + f.read()).hexdigest()
    if mark.exists():
        return source, ''
    result = run_command(['clang-tidy', '--quiet', '--warnings-as-errors=*', '-p', paths.REPO / 'build', source],
                         timeout=DEADLINE)
    if result.code == 0:
        mark.touch()
        return source, ''
    return source, result.out or str(result)


def run(filters):
    """One test per source."""
    if not (paths.REPO / '.clang-tidy').exists():
        return skip_whole('tidy', 'no .clang-tidy in the tree')
    sources = [s for s in _sources() if all(f in s for f in filters)]
    cache = paths.REPO / 'build/tidy-passed'
    cache.mkdir(exist_ok=True)
    common, failed = _key(), 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for source, text in pool.map(lambda s: _check(s, common, cache), sources):
            if text:
                failed += 1
                print(f'==== FAILED clang-tidy {os.path.relpath(source, paths.REPO)}\n{text}\n====', flush=True)
    return Count(len(sources) - failed, failed)
