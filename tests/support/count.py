# SPDX-License-Identifier: Apache-2.0
"""Passed, failed, skipped: the one thing that every stage returns."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self):
        return f'{self.passed} passed, {self.failed} failed, {self.skipped} skipped'

    def nothing(self):
        return not (self.passed or self.failed or self.skipped)


def skip_whole(name, reason):
    """A stage or program that does not run at all: one skip, with its reason said."""
    print(f'  skipped {name}: {reason}', flush=True)
    return Count(skipped=1)
