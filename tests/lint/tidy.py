#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy (.clang-tidy) over our own translation units, in parallel, and remembers in the user's cache what was
clean, for every clone: a unit is looked at again only when it, a header of ours that it includes, its compile command,
the checks or clang-tidy change.

    tidy.py [--jobs N] [PATH-PREFIX]…        e.g. tidy.py base rootfs/plan.cc

Prints `file:line:column: what [check]` for each finding and counts the units: N passed, N failed, 0 skipped.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from lint_support import ROOT

_INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
_FINDING = re.compile(r"^(\S+?)(:\d+:\d+): (?:error|warning): (.*)$", re.MULTILINE)
_DEADLINE = 300  # seconds for one unit


@lru_cache(maxsize=None)
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _with_headers(source: Path) -> list[Path]:
    """The file and every header of ours that it reaches, in a fixed order."""
    seen, todo = {source}, [source]
    while todo:
        for name in _INCLUDE.findall(_text(todo.pop())):
            header = ROOT / name
            if header.is_file() and header not in seen:
                seen.add(header)
                todo.append(header)
    return sorted(seen)


def _command(entry: dict) -> list[str]:
    return shlex.split(entry["command"]) if "command" in entry else entry["arguments"]


class Tidy:
    """One run: the program, the compile commands and the marks of what was clean."""

    def __init__(self, program: str, build: Path):
        self.program, self.build = program, build
        self.marks = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crun-lite/tidy"
        self.marks.mkdir(parents=True, exist_ok=True)
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        self.base_key = version + _text(ROOT / ".clang-tidy")

    def units(self, prefixes: list[str]) -> dict[Path, list[str]]:
        """Source -> compile command, once each, for the sources below ROOT that were asked for."""
        found = {}
        for entry in json.loads((self.build / "compile_commands.json").read_text()):
            source = Path(os.path.normpath(Path(entry["directory"], entry["file"])))
            if not source.is_relative_to(ROOT) or source.is_relative_to(self.build) or not source.exists():
                continue
            if str(source.relative_to(ROOT)).startswith(tuple(prefixes) or ""):
                found.setdefault(source, _command(entry))
        return dict(sorted(found.items()))

    def mark_of(self, source: Path, command: list[str]) -> Path:
        digest = hashlib.sha256(self.base_key.encode())
        for part in [*command, *(str(p.relative_to(ROOT)) + "\0" + _text(p) for p in _with_headers(source))]:
            digest.update(part.encode() + b"\0")
        return self.marks / digest.hexdigest()

    def look_at(self, source: Path, command: list[str]) -> list[str]:
        mark = self.mark_of(source, command)
        if mark.exists():
            return []
        # GCC's own warnings are on in the build; clang's opinion of its flags is of no interest.
        argv = [self.program, "--quiet", "-p", str(self.build), "--extra-arg=-Wno-everything",
                "--extra-arg=-Qunused-arguments", str(source)]
        try:
            result = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=_DEADLINE, check=False)
        except subprocess.TimeoutExpired:
            return [f"{source.relative_to(ROOT)}:1:1: clang-tidy did not end within {_DEADLINE} s"]
        found = [self._line(*match) for match in _FINDING.findall(result.stdout)]
        if result.returncode == 0 and not found:
            mark.touch()
        elif not found:
            found = [f"{source.relative_to(ROOT)}:1:1: clang-tidy failed: {result.stderr.strip()[-500:]}"]
        return found

    def _line(self, path: str, place: str, what: str) -> str:
        full = Path(os.path.normpath(self.build / path))  # relative to the build directory, or absolute
        shown = full.relative_to(ROOT) if full.is_relative_to(ROOT) else full
        return f"{shown}{place}: {what.replace(',-warnings-as-errors', '')}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="a gcc or clang build directory")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("prefixes", nargs="*", help="only sources whose path begins so")
    options = parser.parse_args()
    program = shutil.which("clang-tidy")
    if not program:
        sys.exit("tidy.py: clang-tidy is not installed (apt install clang-tidy)")
    if not (options.build / "compile_commands.json").exists():
        sys.exit(f"tidy.py: {options.build} is not a build directory (meson setup build)")
    tidy = Tidy(program, options.build.resolve())
    units = tidy.units(options.prefixes)
    findings, failed = set(), 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for found in pool.map(lambda unit: tidy.look_at(*unit), units.items()):
            for line in sorted(set(found) - findings):
                print(line, flush=True)
            findings |= set(found)
            failed += bool(found)
    print(f"{len(units) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not units else 0


if __name__ == "__main__":
    sys.exit(main())
