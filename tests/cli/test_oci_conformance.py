# SPDX-License-Identifier: Apache-2.0
"""Clauses of the runtime specification, and what other runtimes have taught, that no other file is about. Each test
says which."""
import os
import re

from support.harness import ConsoleSocket, RuntimeTest, probe, process, run, wait_until


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


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


class Namespaces(RuntimeTest):

    def user_bundle(self):
        bundle = self.bundle(['/bin/sleep', '1000'])
        for path, _, _ in os.walk(bundle.rootfs):
            os.chown(path, 100000, 100000)
        return bundle

    def test_a_terminal_in_somebody_elses_user_namespace(self):
        """config-linux.md, Namespaces: path. A user namespace that is joined must own the new mount namespace, which
        takes one more process; that one leads the session (config.md, terminal)."""
        if self.runtime_name == 'runc':
            self.skipTest('runc wants mappings beside the path')
        first = self.user_bundle()
        first.config['linux']['uidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 100}]
        first.config['linux']['gidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 100}]
        first.config['linux']['namespaces'].append({'type': 'user'})
        name, created = self.create(first.write())
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        pid = self.state(name)['pid']
        second = self.user_bundle().sh('tty; stty size; echo -n done')
        second.config['process'].update(terminal=True, consoleSize={'height': 30, 'width': 100})
        del second.config['hostname']
        second.namespaces('mount', user=f'/proc/{pid}/ns/user', pid=f'/proc/{pid}/ns/pid', ipc=f'/proc/{pid}/ns/ipc',
                          uts=f'/proc/{pid}/ns/uts', network=f'/proc/{pid}/ns/net')
        console = ConsoleSocket(self.path('console'))
        self.addCleanup(console.close)
        name, created = self.create(second, '--console-socket', console.path)
        self.assert_ok(created)
        terminal, _ = console.receive()
        self.addCleanup(terminal.close)
        self.assert_ok(self.oci('start', name))
        self.assertIn('30 100', terminal.expect('done'))
        self.assert_ok(self.oci('delete', '--force', name))
        process.reap_orphans()  # the init of a pid namespace waits for everybody in it to be reaped


class Program(RuntimeTest):
    own_only = True

    def test_none(self):
        """config.md, Process: required "when start is called", and start is where the error is (runtime.md, Start)."""
        bundle = self.bundle()
        del bundle.config['process']
        bundle.config['hooks'] = {'startContainer': [{'path': '/bin/touch', 'args': ['touch', '/dev/shm/called']}]}
        name, created = self.create(bundle.write())
        self.assert_ok(created)
        state = self.state(name)
        self.assertEqual('created', state['status'])
        self.assertEqual('0000000000000000', re.search(r'CapEff:\s*(\S+)', read(f'/proc/{state["pid"]}/status'))[1])
        self.assertEqual('1', self.assert_ok(self.oci('exec', '--cwd', '/', name, 'echo', '1')).out.strip())
        self.assert_fails(self.oci('start', name), 1, 'there is nothing to start: config.json has no process')
        self.assertEqual('stopped', self.state(name)['status'])
        self.assert_ok(self.oci('delete', name))
        self.assert_fails(self.run_bundle(bundle), 1, 'config.json has no process')


class Affinity(RuntimeTest):

    def test_that_of_the_caller_is_not_the_containers(self):
        """config.md, execCPUAffinity: "the final affinity is determined by the Linux kernel"; newer releases of runc
        and crun see to it that it is."""
        if self.runtime_name == 'crun':
            self.skipTest('newer releases do')
        if self.runtime_name == 'runc':
            self.skipTest('newer releases do')
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2 or 'cpuset:/\n' not in read('/proc/self/cgroup') + '\n':
            self.skipTest('takes two processors, and a cpuset with all of them')
        bundle = self.bundle().sh('grep Cpus_allowed_list /proc/self/status')
        whole = re.search(r'Cpus_allowed_list:\s*(\S+)', read('/proc/self/status'))[1]
        name = self.container()
        alone = ['taskset', '-c', str(cpus[0]), *self._oci_argv()]
        result = run([*alone, 'run', '--bundle', bundle.path, name])
        self.assertEqual(whole, self.assert_ok(result).out.split()[-1])
        name, created = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(created)
        result = run([*alone, 'exec', name, 'grep', 'Cpus_allowed_list', '/proc/self/status'])
        self.assertEqual(whole, self.assert_ok(result).out.split()[-1])


class LeftOver(RuntimeTest):
    """Without a pid namespace of its own a container does not end with its first process."""

    def test_kill_is_for_all(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('the releases here leave them')
        for first_gone in (False, True):
            with self.subTest(first_gone):
                bundle = self.bundle().sh('sleep 1000 & sleep 1000 & ' + ('exit 0' if first_gone else 'wait'))
                bundle.namespaces('network', 'ipc', 'uts', 'mount')
                name, created = self.create(bundle.write())
                self.assert_ok(created)
                self.assert_ok(self.oci('start', name))
                cgroups = [c for c in probe.cgroups(self.token) if os.path.exists(f'{c}/cgroup.procs')]
                wait_until(lambda: len(self.members(cgroups)) == 3 - first_gone, 'two sleeping processes')
                self.assert_ok(self.oci('kill', name, 'KILL'))
                process.reap_orphans()
                wait_until(lambda: not self.members(cgroups), 'the end of all')
                self.wait_status(name, 'stopped')
                self.assert_fails(self.oci('kill', name, 'KILL'), 1, 'container not running')

    def members(self, cgroups):
        process.reap_orphans()
        return {pid for c in cgroups for pid in read(f'{c}/cgroup.procs').split()}

    def test_signal_0_asks(self):
        if self.runtime_name == 'crun':
            self.skipTest('unknown there')
        name, created = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(created)
        self.assert_ok(self.oci('kill', name, '0'))
        self.assert_ok(self.oci('kill', name, 'KILL'))
        self.wait_status(name, 'stopped')
        self.assert_fails(self.oci('kill', name, '0'), 1, 'container not running')


class Waiting(RuntimeTest):
    own_only = True

    def test_it_can_be_asked_to_end(self):
        """runtime.md, Kill: for created containers, too. The kernel keeps from the first process of a pid namespace
        what it has no handler for; and the program must not inherit any."""
        name, created = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(created)
        self.assert_ok(self.oci('kill', name, 'TERM'))
        self.wait_status(name, 'stopped')
        bundle = self.bundle(['/bin/grep', '-E', 'Sig(Ign|Cgt)', '/proc/self/status'])
        masks = re.findall(r'[0-9a-f]{16}', self.assert_ok(self.run_bundle(bundle)).out)
        self.assertEqual(['0' * 16] * 2, masks)

    def test_nothing_of_the_host_is_open(self):
        """runtime.md, Create: the container waits for start. Meanwhile others can look at its init."""
        leaked = os.open('/etc', os.O_RDONLY)
        self.addCleanup(os.close, leaked)
        name, created = self.create(self.bundle(), pass_fds=[leaked])
        self.assert_ok(created)
        fds = f'/proc/{self.state(name)["pid"]}/fd'
        targets = {fd: os.readlink(f'{fds}/{fd}') for fd in os.listdir(fds)}
        left = {fd: t for fd, t in targets.items() if int(fd) > 2 and not t.startswith('socket:') and t != '/'}
        self.assertEqual({}, left)


class Words(RuntimeTest):
    """Errors that callers sort by their words: docker into exit codes and hints, podman into kinds of errors."""
    own_only = True

    def refused(self, bundle, *texts):
        _, created = self.create(bundle.write())
        self.assert_fails(created, 1, 'crun-lite create failed: ', *texts)
        self.assertEqual([], [n for n in os.listdir(self.root) if not n.startswith('.')])
        return created.err

    def test_a_file_where_a_directory_should_be(self):
        for source, target in (('/etc', '/bin/busybox'), ('/etc/hostname', '/tmp')):
            bundle = self.bundle()
            bundle.config['root']['readonly'] = False
            bundle.config['mounts'].append(
                {'destination': target, 'type': 'bind', 'source': source, 'options': ['rbind']})
            with self.subTest(target):
                self.assertRegex(self.refused(bundle), '(?i)not a directory')

    def test_a_program_for_another_machine(self):
        bundle = self.bundle(['/bin/foreign'])
        elf = b'\x7fELF\x02\x01\x01' + bytes(9) + (2).to_bytes(2, 'little') + (183).to_bytes(2, 'little') + bytes(200)
        (bundle.rootfs / 'bin/foreign').write_bytes(elf)
        os.chmod(bundle.rootfs / 'bin/foreign', 0o755)
        self.assert_fails(self.run_bundle(bundle), 1, 'exec: "/bin/foreign": exec format error', 'arm64')

    def test_a_security_module_that_is_not_there(self):
        for member, module in (('apparmorProfile', 'apparmor'), ('selinuxLabel', 'selinux')):
            if os.path.isdir('/sys/fs/selinux') or os.path.isdir('/sys/kernel/security/apparmor'):
                self.skipTest('there is one')
            bundle = self.bundle()
            bundle.config['process'][member] = 'something'
            with self.subTest(module):
                # podman takes the path in backquotes for "set security attribute".
                self.assertRegex(self.refused(bundle), '`/proc/[a-z0-9-].+/attr.*`')

    def test_policies(self):
        """What the kernel would answer with one errno, in the words of runc."""
        for policy, words in (({}, 'invalid memory policy mode'),
                              ({'mode': 'INTERLEAVE'}, 'invalid memory policy mode "INTERLEAVE"'),
                              ({'mode': 'MPOL_BIND', 'flags': ['x']}, 'invalid memory policy flag "x"'),
                              ({'mode': 'MPOL_DEFAULT', 'nodes': '0-7'}, 'mode requires 0 nodes but got 8'),
                              ({'mode': 'MPOL_BIND', 'nodes': '0-9876543210'}, 'invalid memory policy nodes')):
            bundle = self.bundle()
            bundle.config['linux']['memoryPolicy'] = policy
            with self.subTest(words):
                self.refused(bundle, words)
        bundle = self.bundle()
        bundle.config['process']['scheduler'] = {'policy': 'SCHED_DEADLINE', 'runtime': 42000, 'deadline': 1000000,
                                                 'period': 1000000}
        bundle.config['linux']['resources']['cpu'] = {'cpus': '0'}
        self.refused(bundle, "process scheduler can't be used together with AllowedCPUs")

    def test_a_cgroup_file_that_is_not_there(self):
        for unified in ({'memory.nosuch': '1'}, {'nosuch.max': '1'}):
            bundle = self.bundle()
            bundle.config['linux']['resources']['unified'] = unified
            with self.subTest(unified):
                # config-linux.md, Unified: an error; the words are runc's for what no cgroup v1 can do.
                self.assertIn('invalid configuration: linux.resources.unified: ', self.refused(bundle))
                # podman and docker take these for a missing program, or for missing rights.
                self.assertNotRegex(self.refused(bundle), '(?i)no such file or directory|executable file not found|'
                                                          'permission denied|operation not permitted')
