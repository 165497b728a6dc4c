# SPDX-License-Identifier: Apache-2.0
"""The container's process as its config.json describes it, whatever state the caller is in, and what it cannot reach
because of that."""
from support.harness import RuntimeTest


class NoPivot(RuntimeTest):

    def test_the_hosts_procfs_is_not_left_below(self):
        # The kernel lets a nested user namespace mount a procfs without the masks as long as one is visible
        # anywhere in its mount namespace.
        for options in ([], ['--no-pivot']):
            with self.subTest(options):
                bundle = self.bundle().sh('/bin/busybox unshare -U -r -m -p -f mount -t proc proc /tmp')
                bundle.config['process']['user'] = {'uid': 1000, 'gid': 1000}
                bundle.write()
                result = self.run_bundle(bundle, *options)
                self.assertNotEqual(0, result.code, result)
                self.assertIn('permission denied', result.err)
