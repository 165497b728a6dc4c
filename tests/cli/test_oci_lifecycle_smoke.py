# SPDX-License-Identifier: Apache-2.0
"""The five operations on a plain bundle, in the order of every caller. Runs under crun-lite, runc and crun."""
from support.harness import RuntimeTest, process


class Lifecycle(RuntimeTest):

    def test_run_passes_output_and_exit_code_on(self):
        result = self.run_bundle(self.bundle().sh('echo out; echo err >&2; exit 7'))
        self.assertEqual((7, 'out\n'), (result.code, result.out), result)
        self.assertIn('err\n', result.err)

    def test_create_start_state_kill_delete(self):
        name, created = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(created)
        self.assertEqual('created', self.state(name)['status'])
        self.assert_ok(self.oci('start', name))
        state = self.state(name)
        self.assertEqual('running', state['status'])
        self.assertTrue(process.alive(state['pid']))
        self.assert_ok(self.oci('kill', name, 'KILL'))
        self.wait_status(name, 'stopped')
        self.assert_ok(self.oci('delete', name))
        self.assertNotEqual(0, self.oci('state', name).code)
