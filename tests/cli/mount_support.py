# SPDX-License-Identifier: Apache-2.0
"""What the tests of mounts share: mountinfo as a table, bundles with further mounts, a machine with its own."""
import re

from support.harness import RuntimeTest, process, run


class Mounts:
    """A parsed mountinfo."""

    def __init__(self, text):
        self.lines = {}
        for line in text.splitlines():
            head, dash, tail = line.partition(' - ')
            if dash:
                fields = head.split()
                self.lines[fields[4]] = (set(fields[5].split(',')), fields[6:], tail.split())

    def flags(self, path):
        return self.lines[path][0]

    def propagation(self, path):
        return ' '.join(re.sub(r'(shared|master|propagate_from):\d+', r'\1', tag) for tag in self.lines[path][1])

    def type(self, path):
        return self.lines[path][2][0]

    def super(self, path):
        return set(self.lines[path][2][-1].split(','))


class MountTest(RuntimeTest):

    def add(self, bundle, destination, source, *options, type='bind', **members):
        bundle.config['mounts'].append({'destination': destination, 'type': type, 'source': str(source),
                                        'options': list(options), **members})
        return bundle.write()

    def writable(self, bundle):
        bundle.config['root']['readonly'] = False
        return bundle.write()

    def run_after(self, script, bundle, *options):
        """run in a mount namespace of its own, where the script has mounted something first."""
        argv = [*self._oci_argv(), 'run', '--bundle', bundle.path, *options, self.container()]
        return run(['unshare', '-m', '--propagation', 'private', 'sh', '-ec', script + '\nexec "$@"', 'sh', *argv],
                   cwd=self.scratch, env=process.NO_LEAK_CHECK)

    def mounts_of(self, result):
        self.assert_ok(result)
        return Mounts(result.out)
