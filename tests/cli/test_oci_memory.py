# SPDX-License-Identifier: Apache-2.0
"""How little memory a container needs to start, beside crun on the same machine. bench/memory has the figures
(docs/benchmarks.md); tests/cli/test_oci_cgroup.py starts one with what the kernel allows at all."""
import statistics
import unittest

from support import memory, paths, probe
from support.harness import RuntimeTest

KIBIBYTE = 1 << 10
ROUNDS = 3
TRIES = 5


class Contender:
    """A runtime with a state root, a bundle and a cgroup of its own."""

    def __init__(self, test, name):
        self.test, self.root, self.bundle = test, test.path(f'{name}.state'), test.bundle(hint=name + 'b')
        self.argv = [*paths.runtime_argv(paths.runtime_path(name)), '--root', self.root]

    def run(self):
        """(exit code, KiB) of a run; one that fails is cleaned up."""
        name = self.test.name()
        code, size = memory.peak([*self.argv, 'run', '--bundle', self.bundle.path, name])
        if code != 0:
            memory.peak([*self.argv, 'delete', '--force', name])
        return code, size

    def starts_with(self, limit):
        self.bundle.config['linux']['resources']['memory'] = {'limit': limit, 'swap': limit}
        self.bundle.write()
        return self.run()[0] == 0

    def peak(self):
        """The median; KiB."""
        results = [self.run() for _ in range(ROUNDS)]
        self.test.assertEqual([0] * ROUNDS, [code for code, _ in results])
        return statistics.median(size for _, size in results)


@unittest.skipIf(paths.SANITIZED, 'AddressSanitizer alone takes more')
class SideBySide(RuntimeTest):
    """crun-lite is not the larger of the two."""

    own_only = True

    def setUp(self):
        super().setUp()
        if not paths.runtime_path('crun'):
            self.skipTest('crun is not installed')
        # One that did not start leaves its cgroup (crun 1.8).
        self.addCleanup(lambda: probe.remove_cgroups([c for c in probe.cgroups(self.token) if 'crunb' in c]))
        self.ours, self.crun = Contender(self, 'crun-lite'), Contender(self, 'crun')

    def test_peak_resident_size_of_run(self):
        self.assertLess(self.ours.peak(), self.crun.peak())

    def test_smallest_limit(self):
        theirs = memory.smallest(self.crun.starts_with, 64 * KIBIBYTE, 1024 * KIBIBYTE, ROUNDS)
        # On a busy machine what the kernel frees late counts longer: most of the starts, not each.
        started = [self.ours.starts_with(theirs) for _ in range(TRIES)]
        self.assertGreater(sum(started), TRIES // 2, f'crun starts with {theirs // KIBIBYTE} KiB: {started}')
