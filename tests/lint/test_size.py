# SPDX-License-Identifier: Apache-2.0
"""A file has at most 500 lines and a function at most 60: a function with steps reads as the list of its steps,
and what no longer fits has become two things (crun's linux.c has 7,500 lines because nothing ever said no).
"""

import ast
import unittest
from typing import Iterator

from cpp_functions import functions
from lint_support import CPP_SUFFIXES, Finding, LintCase, Tree

MAX_FILE = 500
MAX_FUNCTION = 60
MEASURED = (*CPP_SUFFIXES, ".py", ".sh")


def check_files(tree: Tree) -> Iterator[Finding]:
    for path, text in tree.items():
        lines = text.count("\n")
        if lines > MAX_FILE and (path.endswith(MEASURED) or text.startswith("#!")):
            yield Finding(path, lines, f"{lines} lines", f"at most {MAX_FILE}: it has become two things")


def _python_functions(text: str) -> Iterator[tuple[str, int, int]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def check_functions(tree: Tree) -> Iterator[Finding]:
    for path, text in tree.items():
        if path.endswith(CPP_SUFFIXES):
            found = ((f.name, f.first, f.lines) for f in functions(text))
        elif path.endswith(".py") or text.startswith("#!/usr/bin/env python3"):
            found = _python_functions(text)
        else:
            continue
        for name, line, lines in found:
            if lines > MAX_FUNCTION:
                yield Finding(path, line, f"{name} has {lines} lines", f"at most {MAX_FUNCTION}: name its steps")


class Size(LintCase):
    def test_project_files(self):
        self.assert_clean(check_files)

    def test_project_functions(self):
        self.assert_clean(check_functions)

    def test_finds_a_long_file(self):
        self.assert_finds(check_files, {"a.cc": "\n" * 501, "b.h": "\n" * 500, "c.md": "\n" * 900,
                                        "run": "#!/bin/sh\n" + "\n" * 500}, ("a.cc", 501), ("run", 501))

    def test_finds_long_functions(self):
        body = "  x();\n" * 59
        cpp = f"namespace a {{\nint f(int x) {{\n{body}}}\nclass C {{\n  void g() const {{\n{body}  }}\n}};\n}}\n"
        python = "def f():\n" + "    x()\n" * 60
        tree = {"a.cc": cpp, "b.py": python, "c.py": "def g():\n" + "    x()\n" * 59}
        self.assert_finds(check_functions, tree, ("a.cc", 2), ("a.cc", 64), ("b.py", 1))


class BraceReader(unittest.TestCase):
    def names(self, text):
        return [(f.name, f.first, f.last) for f in functions(text)]

    def test_tables_and_types_are_not_functions(self):
        self.assertEqual([], self.names("constexpr Name kModes[] = {\n{\"a\", 1},\n};\nenum class E { kA };\n"
                                        "struct S { int a{3}; };\nS s{1};\nint f(int);\n#define M(x) { \\\n x }\n"))

    def test_forms_of_functions(self):
        text = ("C::C(int a)\n    : a_{a}, b_(2) {\n}\nbool C::operator==(const C& o) const { return true; }\n"
                "struct stat f() {\n  if (x) {\n  }\n}\nTEST(A, B) {\n}\nauto g() -> int {\n}\n"
                "constexpr auto h = [](int x) {\n};\nextern \"C\" {\nvoid k() {\n  \"}\";  // }\n}\n}\n")
        self.assertEqual([("C::C", 1, 3), ("operator==", 4, 4), ("f", 5, 8), ("TEST", 9, 10), ("g", 11, 12),
                          ("]", 13, 14), ("k", 16, 18)], self.names(text))


if __name__ == "__main__":
    unittest.main()
