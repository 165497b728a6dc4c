# SPDX-License-Identifier: Apache-2.0
"""The lints that other programs do better: shellcheck for shell scripts, clang-format for layout. Where a program is
not installed the test is skipped and says so.
"""

import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from lint_support import ROOT, project_tree


def _run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


class Tools(unittest.TestCase):
    def require(self, program: str) -> None:
        if not shutil.which(program):
            self.skipTest(f"{program} is not installed (apt install {program})")

    def check_shell(self, paths: list[str]) -> str:
        return _run("shellcheck", "--format=gcc", "--external-sources", "--", *paths).stdout if paths else ""

    def test_shellcheck(self):
        self.require("shellcheck")
        scripts = [path for path, text in project_tree().items()
                   if path.endswith(".sh") or re.match(r"#!.*\b(?:ba|da)?sh\b", text)]
        findings = self.check_shell(scripts)
        self.assertEqual("", findings, "\n" + findings)

    def test_shellcheck_finds_an_unquoted_variable(self):
        self.require("shellcheck")
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder, "bad.sh")
            script.write_text("#!/bin/sh\nrm -r $1\n")
            self.assertIn("bad.sh:2", self.check_shell([str(script)]))

    def check_format(self, paths: list[str]) -> str:
        return _run("clang-format", "--dry-run", "--Werror", f"--style=file:{ROOT}/.clang-format", *paths).stderr

    def test_clang_format(self):
        self.require("clang-format")
        errors = self.check_format([path for path, _ in project_tree().cpp() if not path.startswith("examples/")])
        files = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", errors, re.MULTILINE)))
        self.assertEqual([], files, "clang-format -i " + " ".join(files))

    def test_clang_format_finds_a_bad_layout(self):
        self.require("clang-format")
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "bad.cc")
            source.write_text("int  main( ){return 0 ;}\n")
            self.assertIn("bad.cc:1", self.check_format([str(source)]))


if __name__ == "__main__":
    unittest.main()
