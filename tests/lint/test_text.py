# SPDX-License-Identifier: Apache-2.0
"""What every file of the project says and does not say: a licence line, what it is, nothing unfinished, nothing of
the machine it was written on, plain words, links that lead somewhere.
"""

import os
import posixpath
import re
import subprocess
import unittest
from pathlib import Path
from typing import Iterator

from lint_support import ROOT, Finding, LintCase, Tree, line_of

SPDX = "SPDX-License-Identifier: Apache-2.0"
NEEDS_SPDX = (".cc", ".h", ".py", ".sh", ".mk", "meson.build", "meson_options.txt", ".clang-tidy", ".yaml", ".yml")
# The guide's files are the guide's, to the letter; the others are data that a test compares byte by byte.
NOT_OURS = ("examples/python-docker/", "tests/data/", "tests/fuzz/corpus/")
MOST_COLUMNS = 120
# Spelt in two halves so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")

# word -> what to write instead.
WORDS = {
    "utili[sz]e[sd]?": "use",
    "lever" + "ag(e|es|ing)": "use",
    "in order to": "to",
    "obvious" + "ly": "leave it out",
    "of cour" + "se": "leave it out",
    "blaz" + "ing": "a figure",
    "seam" + "less(ly)?": "say what happens",
    "white" + "list(s|ed)?": "allow list",
    "black" + "list(s|ed)?": "deny list",
    "sani" + "ty check": "check",
    "mas" + "ter/sl" + "ave": "name the two roles",
    "cutting" + "-edge": "a figure",
    "state of " + "the art": "a figure",
}
_WORDS = re.compile(r"\b(" + "|".join(f"(?:{w})" for w in WORDS) + r")\b", re.IGNORECASE)


def _ours(tree: Tree) -> Iterator[tuple[str, str]]:
    return ((path, text) for path, text in tree.items() if not path.startswith(NOT_OURS))


def check_licence(tree: Tree) -> Iterator[Finding]:
    for path, text in _ours(tree):
        if (path.endswith(NEEDS_SPDX) or text.startswith("#!")) and SPDX not in "\n".join(text.splitlines()[:2]):
            yield Finding(path, 1, "no SPDX line", f"line 1 (2 after #!) says `{SPDX}`")


def _opening_comment(lines: list[str], marker: str) -> str:
    words = []
    for line in lines:
        if not line.startswith(marker):
            break
        words.append(line.lstrip(marker).strip())
    return " ".join(words).strip()


def check_introductions(tree: Tree) -> Iterator[Finding]:
    """A header says in two or three sentences what it is (and what not); a program says what it does."""
    for path, text in _ours(tree):
        lines = [line for line in text.splitlines() if SPDX not in line and
                 not line.startswith(("#!", "# shellcheck "))]
        if path.endswith(".h"):
            if len(_opening_comment(lines, "//")) < 60:
                yield Finding(path, 2, "no introduction", "two or three sentences: what this is and what it is not")
            if "#pragma once" not in text:
                yield Finding(path, 1, "no #pragma once", "a header may be included twice")
        elif path.endswith(".py") or text.startswith("#!/usr/bin/env python3"):
            if lines and not lines[0].startswith(('"""', 'r"""')):
                yield Finding(path, 2, "no docstring", "a program or module says what it does")
        elif text.startswith("#!") and len(_opening_comment(lines, "#")) < 40:
            yield Finding(path, 2, "no introduction", "a script says what it does")


def check_unfinished(tree: Tree) -> Iterator[Finding]:
    for path, text in _ours(tree):
        for match in UNFINISHED.finditer(text):
            yield Finding(path, line_of(text, match.start()), match[0],
                          "do it, or file an issue and say what is missing")


def check_words(tree: Tree) -> Iterator[Finding]:
    for path, text in _ours(tree):
        for match in () if path in ("LICENSE", "tests/lint/test_text.py") else _WORDS.finditer(text):
            instead = next(v for k, v in WORDS.items() if re.fullmatch(k, match[0], re.IGNORECASE))
            yield Finding(path, line_of(text, match.start()), f"`{match[0]}`", f"instead: {instead}")


_SHARED_PARENTS = {"/", "/home", "/tmp", "/root", "/srv", "/opt", "/usr", "/var", "/mnt", "/var/tmp"}


def machine_patterns() -> list[str]:
    """What of this machine must not get into the tree: where the checkout, its origin and their neighbours are, and
    the mirrors that the package managers of this machine are pointed at."""
    places = {str(ROOT)}
    origin = subprocess.run(["git", "config", "remote.origin.url"], cwd=ROOT, capture_output=True, text=True,
                            check=False).stdout.strip()
    if origin.startswith("/"):
        places.add(origin)
    for place in list(places):
        parent = posixpath.dirname(place)
        if parent not in _SHARED_PARENTS:
            places |= {os.path.join(parent, name)
                       for name in os.listdir(parent)[:200]} if os.path.isdir(parent) else set()
    return [rf"(?<![\w.}}/-]){re.escape(place)}(?![\w-])" for place in sorted(places)] + _mirror_patterns()


def _mirror_patterns() -> list[str]:
    public = re.compile(r"(^|\.)(debian\.org|pypi\.org|docker\.io|docker\.com|golang\.org|github\.com|localhost)$")
    sources = [*Path("/etc/apt").glob("sources.list*"), *Path("/etc/apt/sources.list.d").glob("*"),
               *Path("/etc/apt/apt.conf.d").glob("*"), Path("/etc/pip.conf"), Path.home() / ".config/pip/pip.conf",
               Path.home() / ".npmrc", Path.home() / ".cargo/config.toml"]
    text = "\n".join(p.read_text(errors="replace") for p in sources if p.is_file())
    text += "\n".join(v for k, v in os.environ.items() if k.upper().endswith(("PROXY", "INDEX_URL", "REGISTRY")))
    hosts = set(re.findall(r"https?://(?:[^/@\s]*@)?([\w.-]+\.\w+)", text))
    return [rf"\b{re.escape(h)}\b" for h in sorted(hosts) if not public.search(h) and not h.startswith("127.")]


def check_machine(tree: Tree, patterns: list[str] | None = None) -> Iterator[Finding]:
    anything = re.compile("|".join(machine_patterns() if patterns is None else patterns) or r"(?!)")
    for path, text in tree.items():
        for match in anything.finditer(text):
            yield Finding(path, line_of(text, match.start()), match[0],
                          "a path or host of one machine means nothing elsewhere")


def check_columns(tree: Tree) -> Iterator[Finding]:
    """clang-format looks after C++; Markdown has tables and links that cannot be broken."""
    for path, text in _ours(tree):
        python = path.endswith(".py") or text.startswith("#!/usr/bin/env python3")
        if not python:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if len(line) > MOST_COLUMNS:
                yield Finding(path, number, f"{len(line)} columns", f"at most {MOST_COLUMNS}")


def check_links(tree: Tree) -> Iterator[Finding]:
    """Relative links in Markdown lead to files of the tree."""
    for path, text in tree.items():
        if not path.endswith(".md"):
            continue
        for match in re.finditer(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            target = match[1]
            if re.match(r"[a-z]+:", target):
                continue
            full = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            if full not in tree and not any(name.startswith(full + "/") for name, _ in tree.items()):
                yield Finding(path, line_of(text, match.start()), f"link to {target}", "no such file")


class Text(LintCase):
    def test_licence(self):
        self.assert_clean(check_licence)
        self.assert_finds(check_licence, {"a.cc": "int x;\n", "b.h": f"// {SPDX}\n", "run": "#!/bin/sh\necho\n",
                                          "d.py": f"#!/usr/bin/env python3\n# {SPDX}\n", "e.md": "x\n"},
                          ("a.cc", 1), ("run", 1))

    def test_introductions(self):
        self.assert_clean(check_introductions)
        good = (f"// {SPDX}\n// What this is, in a sentence that is long enough to say so.\n// And what not.\n"
                "#pragma once\n")
        tree = {"a.h": good, "b.h": f"// {SPDX}\n#pragma once\n", "c.h": good.replace("#pragma once", ""),
                "d.py": f"# {SPDX}\nimport os\n", "e.sh": f"#!/bin/sh\n# {SPDX}\necho\n"}
        self.assert_finds(check_introductions, tree, ("b.h", 2), ("c.h", 1), ("d.py", 2), ("e.sh", 2))

    def test_unfinished(self):
        self.assert_clean(check_unfinished)
        self.assert_finds(check_unfinished, {"a.md": "x\nTO" + "DO: y\n", "b.cc": "int toDoList;\n"}, ("a.md", 2))

    def test_words(self):
        self.assert_clean(check_words)
        self.assert_finds(check_words, {"a.md": "fine\nWe Utilise it\n", "b.cc": "// use\n"}, ("a.md", 2))

    def test_machine(self):
        self.assertTrue(machine_patterns())
        self.assert_clean(check_machine)
        tree = {"a.md": f"cd {ROOT}/base\n", "b.cc": "overlay(root + \"/work\");\n",
                "c.sh": "echo mirror.example.net\n"}
        self.assert_finds(lambda t: check_machine(t, machine_patterns() + [r"mirror\.example\.net"]), tree,
                          ("a.md", 1), ("c.sh", 1))

    def test_columns(self):
        self.assert_clean(check_columns)
        self.assert_finds(check_columns, {"a.py": "x" * 120 + "\n" + "y" * 121 + "\n", "b.md": "z" * 200 + "\n",
                                          "c": "#!/usr/bin/env python3\n" + "é" * 121 + "\n"}, ("a.py", 2), ("c", 2))

    def test_links(self):
        self.assert_clean(check_links)
        self.assert_finds(check_links, {"docs/a.md": "[x](b.md) [y](../c.md#p) [z](https://e.org)\n\n[w](gone.md)\n",
                                        "docs/b.md": "", "c.md": ""}, ("docs/a.md", 3))


if __name__ == "__main__":
    unittest.main()
