# SPDX-License-Identifier: Apache-2.0
"""NOTIFY_SOCKET (sd_notify(3)): the container says READY=1 to a socket of its own, the caller hears of it."""
import array
import os
import select
import socket
import subprocess
import threading

from support.harness import DEADLINE, RuntimeTest, run, wait_until

# sd_notify without systemd: sends its arguments to $NOTIFY_SOCKET as one datagram; then sleeps if asked.
NOTIFY = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(int argc, char** argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char* name = getenv("NOTIFY_SOCKET");
  if (!name) return 3;
  strncpy(address.sun_path, name, sizeof address.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  for (int i = 1; i < argc; ++i)
    if (sendto(fd, argv[i], strlen(argv[i]), 0, (struct sockaddr*)&address, sizeof address) == -1)
      return perror(name), 4;
}
"""


class Manager:
    """The end that systemd has: .lines are what arrived, barriers are answered."""

    def __init__(self, path):
        self.lines = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path if not path.startswith('@') else '\0' + path[1:])
        self._wake, wake = os.pipe()
        self._end = wake
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def stop(self):
        os.close(self._end)
        self._thread.join()
        self._socket.close()
        os.close(self._wake)

    def _listen(self):
        while True:
            ready, _, _ = select.select([self._socket, self._wake], [], [])
            if self._wake in ready:
                return
            data, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(16))
            self.lines += data.decode().split()
            for _, _, rights in ancillary:
                fds = array.array('i')
                fds.frombytes(rights)
                for fd in fds:
                    os.close(fd)


class NotifySocket(RuntimeTest):

    def setUp(self):
        super().setUp()
        if self.runtime_name == 'crun':
            self.skipTest('has the caller\'s own path in the container')
        self.manager = Manager(self.path('systemd.sock'))
        self.addCleanup(self.manager.stop)
        self.env = {**os.environ, 'NOTIFY_SOCKET': self.path('systemd.sock')}

    def program(self, script):
        """A bundle whose script has `notify`."""
        bundle = self.bundle().sh(script)
        self.assert_ok(run(['cc', '-static', '-o', bundle.rootfs / 'bin/notify', self.write('notify.c', NOTIFY)]))
        return bundle

    def fifo(self, bundle):
        """A named pipe that the container sees as /go."""
        path = self.path('go')
        os.mkfifo(path, 0o666)
        bundle.config['mounts'].append({'destination': '/go', 'type': 'bind', 'source': path, 'options': ['bind']})
        return path

    def test_start_waits_until_it_is_ready(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc 1.1 tells the manager something else')
        bundle = self.program('read line < /go; notify STATUS=x; notify READY=1; exec sleep 1000')
        bundle.config['process']['user'] = {'uid': 1000, 'gid': 1000}
        go = self.fifo(bundle)
        name, created = self.create(bundle.write(), env=self.env)
        self.assert_ok(created)
        start = self.background([*self._oci_argv(), 'start', name], env=self.env, stderr=subprocess.PIPE)
        with open(go, 'w', encoding='ascii') as f:
            self.assertIsNone(start.poll())
            self.assertEqual([], self.manager.lines)
            f.write('\n')
        self.assertEqual(0, start.wait(timeout=DEADLINE))
        wait_until(lambda: len(self.manager.lines) >= 3, 'the readiness')
        self.assertEqual({'READY=1', f'MAINPID={self.state(name)["pid"]}', 'BARRIER=1'}, set(self.manager.lines))
        self.assertEqual('running', self.state(name)['status'])

    def test_start_does_not_wait_for_the_dead(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc waits for ever')
        name, created = self.create(self.program('true'), env=self.env)
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name, env=self.env))
        self.assertEqual([], self.manager.lines)

    def test_detached_run(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc 1.1 tells the manager something else')
        bundle = self.program('notify "READY=1"; exec sleep 1000')
        name = self.container()
        self.assertEqual(0, self.detached(bundle, name))
        wait_until(lambda: len(self.manager.lines) >= 3, 'the readiness')
        self.assertIn(f'MAINPID={self.state(name)["pid"]}', self.manager.lines)

    def detached(self, bundle, name):
        """run --detach with the container's stdio on a file."""
        with open(self.path('detached'), 'w', encoding='utf-8') as out:
            argv = [*self._oci_argv(), 'run', '--detach', '--bundle', bundle.path, name]
            return subprocess.run(argv, env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                  timeout=DEADLINE, check=False).returncode

    def test_foreground_run(self):
        if self.runtime_name == 'runc':
            self.skipTest('names its own pid as well')
        bundle = self.program('notify READY=1; notify READY=1; read line < /go')
        go = self.fifo(bundle)
        running = self.background([*self._oci_argv(), 'run', '--bundle', bundle.write().path, self.container()],
                                  env=self.env)
        wait_until(lambda: self.manager.lines, 'the readiness')
        self.assertEqual(['READY=1'], self.manager.lines)  # we stay the main process
        with open(go, 'w', encoding='ascii') as f:
            f.write('\n')
        self.assertEqual(0, running.wait(timeout=DEADLINE))

    def test_where_it_is(self):
        if self.runtime_name == 'runc':
            self.skipTest('waits for the readiness of a program that has ended')
        bundle = self.program('echo $NOTIFY_SOCKET; ls /run/notify; touch /run/notify/x; true')
        result = self.assert_ok(self.run_bundle(bundle, env=self.env))
        self.assertEqual('/run/notify/notify.sock\nnotify.sock\n', result.out)
        self.assertIn('Read-only file system', result.err)

    def test_without_the_variable(self):
        env = {k: v for k, v in self.env.items() if k != 'NOTIFY_SOCKET'}
        self.assertEqual(3, self.run_bundle(self.program('notify READY=1'), env=env).code)
        # create had it, start has not: nobody waits, and the program finds nobody.
        name, created = self.create(self.program('notify READY=1; echo $?'), env=self.env)
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name, env=env))
        self.wait_status(name, 'stopped')
        self.assertEqual('4\n', self.output(name))

    def test_an_abstract_name(self):
        if self.runtime_name == 'runc':
            self.skipTest('asks for what crun-lite promises')
        manager = Manager('@' + self.token)
        self.addCleanup(manager.stop)
        env = {**self.env, 'NOTIFY_SOCKET': '@' + self.token}
        self.assert_ok(self.run_bundle(self.program('notify READY=1'), env=env))
        wait_until(lambda: manager.lines, 'the readiness')

    def test_a_manager_that_has_gone(self):
        env = {**self.env, 'NOTIFY_SOCKET': self.path('gone')}
        if self.runtime_name == 'runc':
            self.skipTest('fails after the program has started')
        name, created = self.create(self.program('notify READY=1; exec sleep 1000'), env=env)
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name, env=env))
        self.assertEqual('running', self.state(name)['status'])

    def test_a_bundle_that_has_its_own(self):
        # podman's --sdnotify=container: conmon is the proxy, and the document has the mount and the variable.
        if self.runtime_name == 'runc':
            self.skipTest('puts its own over it')
        os.mkdir(self.path('own'))
        own = Manager(self.path('own/notify.sock'))
        self.addCleanup(own.stop)
        bundle = self.program('notify READY=1; exec sleep 1000')
        bundle.config['process']['env'].append('NOTIFY_SOCKET=/run/notify/notify.sock')
        bundle.config['mounts'].append({'destination': '/run/notify', 'type': 'bind', 'source': self.path('own'),
                                        'options': ['bind']})
        name, created = self.create(bundle.write(), env=self.env)
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name, env=self.env))
        wait_until(lambda: own.lines, 'the readiness')
        self.assertEqual([], self.manager.lines)
