# SPDX-License-Identifier: Apache-2.0
"""containerd of Debian's package with crun-lite: by `ctr run --runc-binary`, and through its CRI plugin, which is what
a kubelet talks to, with a runtime class handler of that name."""
import json
import os
import shutil

from docker_support import wait_size
from support import paths
from support.cri import Cri
from support.dockerd import CONTAINERD_SOCKET, CTR, Machine, missing_packages
from support.harness import Image, ScratchTest, Terminal, probe, wait_until

DEADLINE = 240
IMAGE = 'registry.test/base:latest'
PAUSE = 'registry.test/pause:latest'  # what holds a pod's namespaces: any program that does nothing
TASKS = '/run/containerd/io.containerd.runtime.v2.task'
SHIM = 'io.containerd.runc.v2'

CRI_TABLE = '  [plugins."io.containerd.grpc.v1.cri"]\n'
CRI_LINES = f'''    sandbox_image = "{PAUSE}"
    restrict_oom_score_adj = true
'''


class ContainerdTest(ScratchTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        reason = missing_packages()
        if reason:
            cls.skipTest(cls, reason)
        if not paths.runtime_path(paths.runtime_under_test()):
            raise AssertionError('no runtime; build it, or install it')
        cls.machine = Machine()
        cls.addClassCleanup(cls.finish)
        cls.serve(cls.machine)
        for name, image in ((IMAGE, Image()), (PAUSE, Image(Cmd=['sleep', '1000000']))):
            archive = image.docker_archive(cls.machine.path('image.tar'), name)
            imported = cls.ctr('images', 'import', archive)
            if imported.code != 0:
                raise AssertionError(str(imported))

    @staticmethod
    def serve(machine):
        machine.start_containerd()

    namespace = 'test'

    @classmethod
    def ctr(cls, *args, **kwargs):
        return cls.machine.host.run([CTR, '-a', CONTAINERD_SOCKET, '-n', cls.namespace, *args], **kwargs)

    @classmethod
    def finish(cls):
        machine = cls.machine
        try:
            state = machine.host.run(['sh', '-c', 'ls -A /run/containerd/runc/* /run/crun-lite 2>/dev/null | '
                                      'grep -E "^(t[0-9a-f]{10}|[0-9a-f]{64})"']).out.split()
            problems = [f'state: {s}' for s in state] + machine.end_all() + machine.leftovers()
        finally:
            machine.kill_all()
            machine.close()
        if problems:
            raise AssertionError('left behind:\n' + '\n'.join(problems))


class Ctr(ContainerdTest):

    def run_argv(self, name, *command, options=()):
        return ['run', '--runtime', SHIM, '--runc-binary', self.machine.runtime, '--cgroup',
                f'/crl-{self.machine.token}/{name}', *options, IMAGE, name, *command]

    def detached(self, *command, options=()):
        name = self.name()
        self.addCleanup(self.end, name)
        self.assert_ok(self.ctr(*self.run_argv(name, *command, options=['-d', *options])))
        return name

    def end(self, name):
        self.ctr('tasks', 'kill', '-s', 'SIGKILL', '-a', name)
        wait_until(lambda: self.status(name) in (None, 'STOPPED'), f'{name} has ended')
        self.ctr('tasks', 'rm', '-f', name)
        self.ctr('containers', 'rm', name)

    def status(self, name):
        rows = [line.split() for line in self.assert_ok(self.ctr('tasks', 'ls')).out.splitlines()[1:]]
        return {r[0]: r[2] for r in rows}.get(name)

    def pid(self, name):
        rows = [line.split() for line in self.assert_ok(self.ctr('tasks', 'ls')).out.splitlines()[1:]]
        return int({r[0]: r[1] for r in rows}[name])

    def test_run(self):
        result = self.ctr(*self.run_argv(self.name(), 'sh', '-c', 'echo out; echo err >&2; exit 7', options=['--rm']))
        self.assertEqual((7, 'out\n', 'err\n'), (result.code, result.out, result.err))

    def test_words_of_a_failed_start(self):
        result = self.ctr(*self.run_argv(self.name(), '/nope', options=['--rm']))
        self.assertEqual(1, result.code, result)
        self.assertIn('no such file or directory', result.err)

    def test_exec(self):
        name = self.detached('sleep', '1000')
        run = self.ctr('tasks', 'exec', '--exec-id', 'e1', name, 'sh', '-c', 'echo out; pwd; exit 9')
        self.assertEqual((9, 'out\n/\n'), (run.code, run.out))
        user = self.ctr('tasks', 'exec', '--exec-id', 'e2', '--user', '1000', '--cwd', '/tmp', name, 'sh', '-c',
                        'id -u; pwd')
        self.assertEqual('1000\n/tmp\n', self.assert_ok(user).out)
        missing = self.ctr('tasks', 'exec', '--exec-id', 'e3', name, 'nosuch')
        self.assertEqual(1, missing.code)
        self.assertIn('executable file not found in $PATH', missing.err)

    def test_terminal(self):
        terminal, slave = Terminal.pair(rows=33, columns=101)
        self.addCleanup(terminal.close)
        name = self.name()
        self.addCleanup(self.end, name)
        argv = [CTR, '-a', CONTAINERD_SOCKET, '-n', self.namespace, *self.run_argv(name, 'sh', options=['--rm', '-t'])]
        shell = self.background(argv, self.machine.host, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        terminal.send('tty; echo end-$((1 + 1))\n')
        seen = terminal.expect('end-2', timeout=30)
        self.assertRegex(seen, r'/dev/(pts/0|console)')
        wait_size(terminal, '33 101')
        terminal.send('exit 5\n')
        self.assertEqual(5, shell.wait(timeout=30))

    def test_pause(self):
        name = self.detached('sh', '-c', 'while :; do sleep 0.05; done')
        self.assertEqual('RUNNING', self.status(name))
        self.assert_ok(self.ctr('tasks', 'pause', name))
        self.assertEqual('PAUSED', self.status(name))
        self.assert_ok(self.ctr('tasks', 'resume', name))
        self.assertEqual('RUNNING', self.status(name))

    def test_kill_and_delete(self):
        name = self.detached('sleep', '1000')
        pid = self.pid(name)
        running = self.ctr('tasks', 'rm', name)
        self.assertNotEqual(0, running.code, running)
        self.assert_ok(self.ctr('tasks', 'kill', '-s', 'SIGKILL', name))
        wait_until(lambda: self.status(name) == 'STOPPED', 'it is stopped')
        self.assert_ok(self.ctr('tasks', 'rm', name))
        self.assert_ok(self.ctr('containers', 'rm', name))
        self.assertFalse(os.path.exists(f'/proc/{pid}'))

    def test_processes_and_metrics(self):
        name = self.detached('sh', '-c', 'sleep 1000; true')
        wait_until(lambda: len(self.ctr('tasks', 'ps', name).out.splitlines()) == 3, 'two processes', timeout=20)
        self.assertIn(str(self.pid(name)), self.ctr('tasks', 'ps', name).out)
        metrics = json.loads(self.assert_ok(self.ctr('tasks', 'metrics', '--format', 'json', name)).out)
        self.assertTrue(metrics)

    def test_memory_limit(self):
        name = self.detached('sleep', '1000', options=['--memory-limit', str(64 << 20)])
        with open(f'/proc/{self.pid(name)}/cgroup', encoding='ascii') as f:
            rows = [line.strip().split(':', 2) for line in f]
        path = next((f'/sys/fs/cgroup/memory{p}/memory.limit_in_bytes' for _, names, p in rows if names == 'memory'),
                    f'/sys/fs/cgroup{rows[-1][2]}/memory.max')
        with open(path, encoding='ascii') as f:
            self.assertEqual(64 << 20, int(f.read()))

    def test_checkpoint(self):
        if not shutil.which('criu'):
            self.skipTest('criu is not installed')
        check = self.machine.host.run(['criu', 'check'], timeout=30)
        if check.code != 0:
            self.skipTest(f'`criu check` ends with {check.code} on this kernel {(check.out + check.err).strip()}')
        name = self.detached('sh', '-c', 'i=0; while :; do i=$((i + 1)); sleep 0.05; done')
        image = self.path('checkpoint')
        self.assert_ok(self.ctr('tasks', 'checkpoint', '--exit', '--image-path', image, name))
        self.assertTrue(os.listdir(image))


class Kubernetes(ContainerdTest):
    """The calls of a kubelet, over gRPC, for a pod whose runtime class names the handler crun-lite."""

    namespace = 'k8s.io'

    @staticmethod
    def serve(machine):
        """Debian's own config.toml, with our image for the pause container and a network, then what docs/callers.md
        says. In /etc/ of the machine, which is nobody else's."""
        network = {'cniVersion': '0.4.0', 'name': 'pods', 'plugins': [
            {'type': 'bridge', 'bridge': 'cni0', 'isGateway': True, 'ipMasq': False,
             'ipam': {'type': 'host-local', 'subnet': '10.99.0.0/24', 'dataDir': machine.path('leases')}}]}
        with open('/etc/containerd/config.toml', encoding='utf-8') as f:
            config = f.read()
        if CRI_TABLE not in config:
            raise AssertionError(f'/etc/containerd/config.toml is not Debian\'s:\n{config}')
        machine.write('/etc/cni/net.d/10-pods.conflist', json.dumps(network))
        machine.write('/etc/containerd/config.toml', config.replace(CRI_TABLE, CRI_TABLE + CRI_LINES))
        machine.host.run([paths.CRUN_LITE, 'install', '--for', 'containerd', '--path', machine.runtime, '--write'],
                         check=True)
        machine.start_containerd('/etc/containerd/config.toml')

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The socket is in the machine's own /run; the kernel shows it to us through its holder.
        cls.cri = Cri(f'/proc/{cls.machine.host.pid}/root{CONTAINERD_SOCKET}')
        cls.addClassCleanup(cls.cri.close)
        wait_until(cls.cri.ready, 'the runtime and its network are ready', timeout=20)

    def pod(self, handler='crun-lite'):
        """(sandbox id, config) of a running pod, removed at the end."""
        config = self.cri.pod_config(self.name('pod'), f'/crl-{self.machine.token}', self.path())
        sandbox = self.cri.run_pod_sandbox(config, handler)
        self.addCleanup(self.cri.remove_pod_sandbox, sandbox)
        self.addCleanup(self.cri.stop_pod_sandbox, sandbox)
        return sandbox, config

    def container(self, sandbox, config, *command, **options):
        name = self.name()
        made = self.cri.create_container(sandbox, config, name, IMAGE, command, f'{name}.log', **options)
        self.cri.start_container(made)
        return made

    def test_the_life_of_a_pod(self):
        sandbox, config = self.pod()
        address = self.cri.pod_address(sandbox)
        self.assertRegex(address, r'^10\.99\.0\.\d+$')
        web = self.container(sandbox, config, 'sh', '-c', 'echo logged; exec busybox httpd -f -p 80 -h /etc')
        beside = self.container(sandbox, config, 'sh', '-c', 'sleep 0.3; wget -q -O - localhost/passwd; exit 3')
        self.assertEqual('running', self.cri.container_state(web))
        page = ['curl', '-s', '--max-time', '5', f'http://{address}/passwd']
        wait_until(lambda: 'alice' in self.machine.host.run(page).out, 'the pod answers at its address')
        wait_until(lambda: self.cri.container_state(beside) == 'exited', 'the second container has ended')
        # The second has reached the first at localhost: they share the pod's network.
        for line in ('stdout F logged', 'stdout F alice:x:1000'):
            self.assertTrue(any(line in log for log in self.logs()), self.logs())
        self.cri.stop_container(web, 0)
        self.assertEqual('exited', self.cri.container_state(web))
        self.cri.remove_container(web)
        self.cri.remove_container(beside)

    def logs(self):
        found = []
        for name in os.listdir(self.scratch):
            if name.endswith('.log'):
                with open(self.path(name), encoding='utf-8') as f:
                    found.append(f.read())
        return found

    def test_exec(self):
        sandbox, config = self.pod()
        shell = self.container(sandbox, config, 'sleep', '1000')
        self.assertEqual((4, 'out\n', 'err\n'),
                         self.cri.exec_sync(shell, ['sh', '-c', 'echo out; echo err >&2; exit 4']))
        # The containers of a pod share its process ids: number 1 is the pause container's.
        look = 'tr "\\0" " " < /proc/1/cmdline'
        self.assertEqual((0, 'sleep 1000000 ', ''), self.cri.exec_sync(shell, ['sh', '-c', look]))
        # A probe that takes too long is killed.
        with self.assertRaisesRegex(Exception, 'timeout 1s exceeded'):
            self.cri.exec_sync(shell, ['sleep', '1000'], timeout=1)
        self.assertEqual('running', self.cri.container_state(shell))

    def test_update(self):
        sandbox, config = self.pod()
        shell = self.container(sandbox, config, 'sleep', '1000')
        files = [os.path.join(where, name) for top in probe.cgroups(self.machine.token)
                 for where, _, names in os.walk(top) for name in names
                 if shell in where and name in ('memory.limit_in_bytes', 'memory.max')]
        self.assertEqual(1, len(files), files)

        def limit():
            with open(files[0], encoding='ascii') as f:
                return int(f.read())
        self.assertEqual(128 << 20, limit())
        self.cri.update_memory(shell, 64 << 20)
        self.assertEqual(64 << 20, limit())
        self.assertEqual('running', self.cri.container_state(shell))

    def test_runtime_is_the_handlers(self):
        sandbox, _ = self.pod()
        self.assertEqual('crun-lite', self.cri.pod_handler(sandbox))
        shim = self.machine.host.run(['sh', '-c', f'cat {TASKS}/k8s.io/{sandbox}/options.json'])
        self.assertEqual(self.machine.runtime, json.loads(self.assert_ok(shim).out)['binary_name'])

    def test_an_unknown_handler(self):
        with self.assertRaisesRegex(Exception, 'no runtime for "nothing" is configured'):
            self.pod('nothing')

    def test_a_program_that_is_not_there(self):
        sandbox, config = self.pod()
        with self.assertRaisesRegex(Exception, 'no such file or directory'):
            self.container(sandbox, config, '/nope')


