# SPDX-License-Identifier: Apache-2.0
"""The container's process as its config.json describes it, whatever state the caller is in, and what it cannot reach
because of that."""
import os

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


class Unsaid(RuntimeTest):
    """What config.json leaves out."""

    def test_no_capabilities_are_none(self):
        for user in (0, 1000):
            bundle = self.bundle(['/bin/grep', '^Cap', '/proc/self/status'])
            del bundle.config['process']['capabilities']
            bundle.config['process']['user'] = {'uid': user, 'gid': user}
            result = self.assert_ok(self.run_bundle(bundle.write()))
            self.assertEqual({'0' * 16}, set(result.out.split()[1::2]), result)

    def test_umask_is_not_the_callers(self):
        # dockerd and buildkitd have 0.
        for umask in (0, 0o077):
            result = self.run_bundle(self.bundle().sh('umask'), preexec_fn=lambda u=umask: os.umask(u))
            self.assertEqual('0022\n', result.out, result)
        bundle = self.bundle().sh('umask')
        bundle.config['process']['user']['umask'] = 0o027
        self.assertEqual('0027\n', self.run_bundle(bundle.write()).out)
