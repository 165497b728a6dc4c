# SPDX-License-Identifier: Apache-2.0
"""Clauses of the runtime specification, and what other runtimes have taught, that no other file is about. Each test
says which."""
import os

from support.harness import RuntimeTest


def hierarchy(controller):
    """Where a controller of cgroup v1 is mounted, or where v2 is."""
    v1 = f'/sys/fs/cgroup/{controller}'
    return v1 if os.path.isdir(v1) else '/sys/fs/cgroup'


class Cgroups(RuntimeTest):
    own_only = True

    def test_a_frozen_cgroup_is_refused(self):
        """config-linux.md, cgroupsPath: it may exist. In a frozen one the container would stand still, and create
        with it."""
        path = self.name('b')
        bundle = self.bundle(['/bin/sleep', '1000'])
        for below in ('', '/inner'):
            with self.subTest(below):
                bundle.config['linux']['cgroupsPath'] = f'/crl-{path}{below}'
                bundle.write()
                directory = f'{hierarchy("freezer")}/crl-{path}'
                os.mkdir(directory)
                self.addCleanup(lambda d=directory: os.path.isdir(d) and os.rmdir(d))
                v1 = os.path.exists(f'{directory}/freezer.state')
                with open(f'{directory}/{"freezer.state" if v1 else "cgroup.freeze"}', 'w', encoding='ascii') as f:
                    f.write('FROZEN' if v1 else '1')
                name, created = self.create(bundle)
                self.assert_fails(created, 1, "container's cgroup unexpectedly frozen", directory)
                self.assertEqual([], [n for n in os.listdir(self.root) if not n.startswith('.')])
                os.rmdir(directory)

    def test_an_occupied_cgroup_is_refused(self):
        bundle = self.bundle(['/bin/sleep', '1000'])
        name, created = self.create(bundle)
        self.assert_ok(created)
        _, second = self.create(bundle)
        self.assert_fails(second, 1, "container's cgroup is not empty")
        self.assertEqual('created', self.state(name)['status'])
