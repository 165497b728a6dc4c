# SPDX-License-Identifier: Apache-2.0
"""What every lint needs: the files of the project, C++ text without comments and strings, and one way to
report. A lint is a function from a `Tree` to findings, so that its self-test can hand it a bad tree made of
strings: a check that cannot fail is worth nothing.
"""

import os
import re
import subprocess
import unittest
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Callable, Iterable, Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
CPP_SUFFIXES = (".cc", ".h")


@dataclass(frozen=True, order=True)
class Finding:
    """Something to mend: `file:line: what: why`."""

    path: str
    line: int
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}: {self.why}"


class Tree:
    """The project's text files by their path from the top, in order."""

    def __init__(self, files: Mapping[str, str]):
        self._files = dict(sorted(files.items()))

    def items(self) -> Iterable[tuple[str, str]]:
        return self._files.items()

    def cpp(self) -> Iterator[tuple[str, str]]:
        return ((path, text) for path, text in self.items() if path.endswith(CPP_SUFFIXES))

    def __contains__(self, path: str) -> bool:
        return path in self._files

    def __len__(self) -> int:
        return len(self._files)


def _listed_files() -> list[str]:
    """What git would commit: tracked files and new ones that are not ignored. In an unpacked archive, where
    there is no git, everything outside the build directories."""
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode == 0:
        return [name for name in listing.stdout.split("\0") if name]
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith((".git", "build", "__pycache__", ".cache"))]
        found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names]
    return found


@lru_cache(maxsize=1)
def project_tree() -> Tree:
    files = {}
    for name in _listed_files():
        path = ROOT / name
        if not path.is_file() or path.is_symlink():
            continue  # deleted but still in the index
        data = path.read_bytes()
        if b"\0" not in data:
            files[name] = data.decode("utf-8", errors="replace")
    return Tree(files)


# A comment, a raw string, a string, or a character that is not a digit separator (1'000).
_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/
      |R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)"
      |"(?:\\.|[^"\\\n])*"
      |(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'""",
    re.DOTALL | re.VERBOSE)


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


@lru_cache(maxsize=None)
def without_comments(text: str) -> str:
    """The same lines and columns with comments blanked."""
    return _TOKEN.sub(lambda m: _blank(m[0]) if m[0].startswith(("//", "/*")) else m[0], text)


@lru_cache(maxsize=None)
def code_only(text: str) -> str:
    """The same lines and columns with comments and the insides of strings blanked."""

    def replace(match: re.Match) -> str:
        token = match[0]
        if token.startswith(("//", "/*")):
            return _blank(token)
        return token[0] + _blank(token[1:-1]) + token[-1]

    return _TOKEN.sub(replace, text)


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


class LintCase(unittest.TestCase):
    """Base of the lint tests: `assert_clean` for the project, `assert_finds` for the self-tests."""

    maxDiff = None

    def assert_clean(self, check: Callable[[Tree], Iterable[Finding]]) -> None:
        tree = project_tree()
        self.assertGreater(len(tree), 0, "the lint saw no files")
        findings = sorted(set(check(tree)))
        if findings:
            self.fail(f"{len(findings)} finding(s)\n" + "\n".join(map(str, findings)))

    def assert_finds(self, check: Callable[[Tree], Iterable[Finding]], files: Mapping[str, str],
                     *expected: tuple[str, int]) -> None:
        """`expected` are (path, line); nothing else may be reported."""
        found = sorted({(f.path, f.line) for f in check(Tree(files))})
        self.assertEqual(found, sorted(expected))
