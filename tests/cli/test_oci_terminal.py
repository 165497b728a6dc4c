# SPDX-License-Identifier: Apache-2.0
"""Terminals: --console-socket, and `run` under a terminal of ours."""
import os
import termios

from support.harness import ConsoleSocket, RuntimeTest, Terminal


class ConsoleSockets(RuntimeTest):

    def terminal_bundle(self, script):
        bundle = self.bundle()
        bundle.config['process']['terminal'] = True
        bundle.config['process']['consoleSize'] = {'height': 33, 'width': 99}
        return bundle.sh(script)

    def test_receives_the_master(self):
        socket = ConsoleSocket(self.path('console.sock'))
        self.addCleanup(socket.close)
        name, created = self.create(self.terminal_bundle('read line; echo "got $line"; tty; stty size'),
                                    '--console-socket', self.path('console.sock'))
        self.assert_ok(created)
        terminal, payload = socket.receive()
        self.addCleanup(terminal.close)
        if self.runtime_name == 'crun-lite':
            self.assertRegex(payload, r'^/dev/pts/\d+$')
        self.assert_ok(self.oci('start', name))
        terminal.send('hello\n')
        terminal.expect('got hello')
        terminal.expect('/dev/')
        if self.runtime_name != 'crun':
            terminal.expect('33 99')
        self.wait_status(name, 'stopped')

    def test_long_socket_path(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('asks for what crun-lite promises')
        folder = self.path('d' * 100)
        os.mkdir(folder)
        here = os.open(folder, os.O_PATH)
        self.addCleanup(os.close, here)
        socket = ConsoleSocket(f'/proc/self/fd/{here}/console.sock')
        self.addCleanup(socket.close)
        _, created = self.create(self.terminal_bundle('true'), '--console-socket', folder + '/console.sock')
        self.assert_ok(created)
        socket.receive()[0].close()

    def test_terminal_without_socket(self):
        _, created = self.create(self.terminal_bundle('true'))
        self.assertEqual(1, created.code)
        if self.runtime_name != 'crun':
            self.assertIn('without setting console socket', created.err)

    def test_socket_without_terminal(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun takes it')
        _, created = self.create(self.bundle(), '--console-socket', self.path('none'))
        self.assert_fails(created, 1, 'cannot use console socket if')

    def test_socket_that_is_not_there_leaves_nothing(self):
        name, created = self.create(self.terminal_bundle('true'), '--console-socket', self.path('none'))
        self.assertEqual(1, created.code)
        self.assertEqual(1, self.oci('state', name).code)


class RunInTerminal(RuntimeTest):
    own_only = True  # runc 1.1 and crun 1.8 set the size late, or never where there is no controlling terminal

    def run_in_terminal(self, script):
        bundle = self.bundle()
        bundle.config['process']['terminal'] = True
        bundle.sh(script)
        terminal, slave = Terminal.pair(rows=40, columns=120)
        self.addCleanup(terminal.close)
        self.addCleanup(os.close, slave)
        self.before = termios.tcgetattr(slave)
        started = self.background([*self._oci_argv(), 'run', '--bundle', bundle.path, self.container()],
                                  stdin=slave, stdout=slave, stderr=slave)
        return terminal, slave, started

    def test_bytes_size_and_settings(self):
        terminal, slave, started = self.run_in_terminal(
            'stty size; read line; echo "got $line"; stty size; exit 5')
        terminal.expect('40 120')
        terminal.send('hello\r')
        terminal.expect('got hello')
        terminal.expect('40 120')
        self.assertEqual(5, started.wait(timeout=10))
        self.assertEqual(self.before, termios.tcgetattr(slave))

    def test_window_size_follows(self):
        terminal, _, started = self.run_in_terminal(
            'trap "stty size" WINCH; echo ready; while :; do sleep 0.05; done')
        terminal.expect('ready')
        terminal.resize(50, 90)
        started.send_signal(28)  # BuildKit sends SIGWINCH to the runtime itself
        terminal.expect('50 90')
        started.terminate()

    def test_control_c_is_the_containers(self):
        terminal, _, started = self.run_in_terminal(
            'trap "echo interrupted; exit 7" INT; echo ready; while :; do sleep 0.05; done')
        terminal.expect('ready')
        terminal.send('\x03')
        terminal.expect('interrupted')
        self.assertEqual(7, started.wait(timeout=10))

    def test_all_output_arrives(self):
        terminal, _, started = self.run_in_terminal('seq 1 20000; echo end-of-output')
        self.assertIn('19999\r\n20000', terminal.expect('end-of-output'))
        self.assertEqual(0, started.wait(timeout=10))

    def test_what_a_hook_says_arrives_when_it_fails(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('runc shows it in its message, crun not at all')
        bundle = self.bundle()
        bundle.config['process']['terminal'] = True
        bundle.config['hooks'] = {'startContainer': [{'path': '/bin/cat', 'args': ['cat', '/nosuchfile']}]}
        result = self.run_bundle(bundle.write())
        self.assert_fails(result, 1, 'error running startContainer hook #0')
        self.assertIn("cat: can't open '/nosuchfile'", result.out)

    def test_line_ends_in_a_pipe_are_the_programs(self):
        bundle = self.bundle()
        bundle.config['process']['terminal'] = True
        self.assertEqual('one\ntwo\n', self.assert_ok(self.run_bundle(bundle.sh('echo one; echo two'))).out)
