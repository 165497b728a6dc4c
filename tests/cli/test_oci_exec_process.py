# SPDX-License-Identifier: Apache-2.0
"""Every member of process (config.md, Process; config-linux.md) as the program of an `exec` meets it: from the
document, from the flags, and from the container where neither says anything."""
import json
import os
import subprocess

from support.exec_support import RunningTest, pid_in, read
from support.harness import ConsoleSocket

CAPABILITIES = {'CAP_CHOWN': 0, 'CAP_KILL': 5, 'CAP_NET_BIND_SERVICE': 10, 'CAP_AUDIT_WRITE': 29}
SETS = {'bounding': 'CapBnd', 'effective': 'CapEff', 'permitted': 'CapPrm', 'inheritable': 'CapInh',
        'ambient': 'CapAmb'}


def capabilities_in(status):
    """{name of the set: its capabilities} of /proc/PID/status."""
    values = {line.split(':')[0]: int(line.split()[1], 16) for line in status.splitlines() if line.startswith('Cap')}
    return {name: {c for c, bit in CAPABILITIES.items() if values[key] >> bit & 1} for name, key in SETS.items()}


class ExecProcessTest(RunningTest):

    def documented(self, name, *command, words=(), **members):
        """What a program prints that is started by a document with these members."""
        document = self.process_file(args=list(command), **members)
        return self.assert_ok(self.exec('--process', document, *words, name)).out

    def start_detached(self, name, **members):
        """The pid of a sleeping program that is started by a document with these members."""
        file = self.path(self.name('pid'))
        document = self.process_file(args=['sleep', '1000'], **members)
        done, _ = self.exec_detached('--pid-file', file, '--process', document, name)
        self.assert_ok(done)
        return pid_in(file)


class Capabilities(ExecProcessTest):
    """capabilities(7), "Transformation of capabilities during execve()": what is left of the five sets is what the
    program's user may have of them."""

    GIVEN = {'bounding': list(CAPABILITIES), 'effective': ['CAP_KILL', 'CAP_NET_BIND_SERVICE'],
             'permitted': ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'],
             'inheritable': ['CAP_CHOWN', 'CAP_NET_BIND_SERVICE'], 'ambient': ['CAP_NET_BIND_SERVICE']}

    def seen_by(self, user, given):
        status = self.documented(self.running(), 'cat', '/proc/self/status', capabilities=given,
                                 user={'uid': user, 'gid': user})
        return capabilities_in(status)

    def test_of_a_user(self):
        seen = self.seen_by(1000, self.GIVEN)
        ambient = set(self.GIVEN['ambient'])
        self.assertEqual({'bounding': set(CAPABILITIES), 'inheritable': set(self.GIVEN['inheritable']),
                          'ambient': ambient, 'permitted': ambient, 'effective': ambient}, seen)

    def test_of_root(self):
        seen = self.seen_by(0, self.GIVEN)
        for name in ('bounding', 'permitted', 'effective'):
            self.assertEqual(set(CAPABILITIES), seen[name], name)
        self.assertEqual(set(self.GIVEN['inheritable']), seen['inheritable'])

    def test_without_any(self):
        seen = self.seen_by(0, {name: [] for name in SETS})
        self.assertEqual({name: set() for name in SETS}, seen)

    def test_flags_add_to_a_document(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('the others ignore the flags beside --process')
        status = self.documented(self.running(), 'cat', '/proc/self/status',
                                 words=['--cap', 'CAP_CHOWN', '-c=CAP_KILL'],
                                 capabilities={'bounding': ['CAP_AUDIT_WRITE']})
        self.assertEqual({'CAP_AUDIT_WRITE', 'CAP_CHOWN', 'CAP_KILL'}, capabilities_in(status)['bounding'])


class User(ExecProcessTest):

    def test_umask(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc 1.1 knows the umask of config.json alone')
        name = self.running()
        for mask in (0, 0o022, 0o177, 0o777):
            out = self.documented(name, 'sh', '-c', 'umask', user={'uid': 0, 'gid': 0, 'umask': mask})
            self.assertEqual(f'{mask:04o}\n', out)

    def test_additional_groups(self):
        name = self.running()
        out = self.documented(name, 'grep', '-E', '^(Uid|Gid|Groups)', '/proc/self/status',
                              user={'uid': 1000, 'gid': 1001, 'additionalGids': [7, 44, 65534]})
        self.assertEqual(['Uid:', *['1000'] * 4, 'Gid:', *['1001'] * 4, 'Groups:', '7', '44', '65534'], out.split())

    def test_flags_change_a_document(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('the others ignore the flags beside --process')
        out = self.documented(self.running(), 'sh', '-c', 'id -u; id -g; id -G; pwd; echo $A$B',
                              words=['--user=5:6', '-g', '8', '--cwd=/tmp', '-e', 'B=2'],
                              user={'uid': 1000, 'gid': 1001, 'additionalGids': [7]}, env=['PATH=/bin', 'A=1', 'B=1'])
        self.assertEqual('5\n6\n6 7 8\n/tmp\n12\n', out)


class Surroundings(ExecProcessTest):

    def test_environment(self):
        name = self.running()
        env = ['PATH=/bin', 'A=1', 'EMPTY=', 'EQUALS=a=b', 'A=2', 'HOME=/elsewhere']
        out = self.documented(name, '/bin/env', env=env)
        got = sorted(line for line in out.splitlines() if not line.startswith('TERM'))
        self.assertEqual(['A=2', 'EMPTY=', 'EQUALS=a=b', 'HOME=/elsewhere', 'PATH=/bin'], got)

    def test_the_program_is_looked_for_in_the_documents_path(self):
        bundle = self.bundle()
        (bundle.rootfs / 'only-here').mkdir()
        (bundle.rootfs / 'only-here/tool').symlink_to('/bin/busybox')
        name = self.running(bundle)
        result = self.exec('--process', self.process_file(args=['tool', 'echo', 'found'], env=['PATH=/only-here']),
                           name)
        self.assertIn('applet not found', result.err)  # it is busybox under a name that it does not know
        self.assertEqual(255, self.exec(name, 'tool').code)

    def test_working_directory(self):
        name = self.running()
        for cwd in ('/', '/tmp', '/usr/../usr/bin/'):
            self.assertEqual(os.path.normpath(cwd), self.documented(name, 'pwd', cwd=cwd).strip())

    def test_working_directory_that_is_none(self):
        name = self.running()
        for cwd in ('/nosuch', '/etc/passwd'):
            result = self.exec('--process', self.process_file(args=['pwd'], cwd=cwd), name)
            self.assertNotEqual(0, result.code)
            self.assertIn(cwd, result.err)
            self.assertNotEqual(0, self.exec('--cwd', cwd, name, 'pwd').code)

    def test_preserved_descriptors_with_a_document(self):
        if self.runtime_name == 'crun':
            self.skipTest('the wrapper around crun has descriptors of its own')
        name = self.running()
        document = self.process_file(args=['sh', '-c', 'cat <&3; cat <&4; ls /proc/self/fd'])
        words = ' '.join([*self._oci_argv(), 'exec', '--preserve-fds=2', '--process', document, name])
        script = f'exec 3<{self.write("three", "3 ")} 4<{self.write("four", "4 ")} 5</etc; exec {words}'
        result = subprocess.run(['sh', '-c', script], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual('3 4 0 1 2 3 4 5'.split(), result.stdout.split(), result)


class Limits(ExecProcessTest):

    def test_resource_limits(self):
        name = self.running()
        wanted = {'RLIMIT_NOFILE': (50, 100), 'RLIMIT_CORE': (0, 4096), 'RLIMIT_CPU': (600, 700),
                  'RLIMIT_STACK': (1 << 20, 2 << 20), 'RLIMIT_FSIZE': (4096, 8192)}
        if self.runtime_name == 'runc':
            wanted['RLIMIT_NOFILE'] = (100, 100)  # Go raises the soft one, sometimes in time
        out = self.documented(name, 'cat', '/proc/self/limits', rlimits=[
            {'type': kind, 'soft': soft, 'hard': hard} for kind, (soft, hard) in wanted.items()])
        lines = {'RLIMIT_NOFILE': 'Max open files', 'RLIMIT_CORE': 'Max core file size', 'RLIMIT_CPU': 'Max cpu time',
                 'RLIMIT_STACK': 'Max stack size', 'RLIMIT_FSIZE': 'Max file size'}
        for kind, pair in wanted.items():
            line = next(text for text in out.splitlines() if text.startswith(lines[kind]))
            self.assertEqual([str(n) for n in pair], line[26:].split()[:2], line)

    def test_no_new_privileges(self):
        bundle = self.bundle()
        for container in (True, False):
            bundle.config['process']['noNewPrivileges'] = container
            name = self.running(bundle.write())
            for wanted in (True, False):
                out = self.documented(name, 'grep', 'NoNewPrivs', '/proc/self/status', noNewPrivileges=wanted)
                self.assertEqual(str(int(wanted)), out.split()[1])
            self.delete_by_force(name)

    def test_oom_score(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('runc 1.1 and crun 1.8 take the container\'s, whatever the document says')
        bundle = self.bundle()
        bundle.config['process']['oomScoreAdj'] = 300
        name = self.running(bundle.write())
        for members, wanted in (({}, 300), ({'oomScoreAdj': 700}, 700), ({'oomScoreAdj': 1000}, 1000)):
            self.assertEqual(f'{wanted}\n', self.documented(name, 'cat', '/proc/self/oom_score_adj', **members))


class Priorities(ExecProcessTest):
    own_only = True  # runc 1.1 and crun 1.8 have none of these

    NAMES = {'SCHED_OTHER': 0, 'SCHED_BATCH': 3, 'SCHED_IDLE': 5}

    def scheduling_of(self, pid):
        """(policy, nice) of a process: proc_pid_stat(5), fields 41 and 19."""
        fields = read(f'/proc/{pid}/stat').rsplit(')', 1)[1].split()
        return int(fields[38]), int(fields[16])

    def test_scheduler(self):
        bundle = self.bundle(['/bin/sleep', '1000'])
        bundle.config['process']['scheduler'] = {'policy': 'SCHED_BATCH', 'nice': 4}
        name = self.running(bundle.write())
        self.assertEqual((3, 4), self.scheduling_of(self.state(name)['pid']))
        self.assertEqual((3, 4), self.scheduling_of(self.start_detached(name)))
        for policy, nice in (('SCHED_OTHER', 7), ('SCHED_IDLE', 0), ('SCHED_BATCH', 1)):
            pid = self.start_detached(name, scheduler={'policy': policy, 'nice': nice})
            self.assertEqual((self.NAMES[policy], nice), self.scheduling_of(pid))

    def test_scheduler_that_the_kernel_refuses(self):
        name = self.running()
        document = self.process_file(scheduler={'policy': 'SCHED_FIFO', 'priority': 200})
        self.assert_fails(self.exec('--process', document, name), 255, 'SCHED_FIFO')

    def test_io_priority(self):
        bundle = self.bundle(['/bin/sleep', '1000'])
        bundle.config['process']['ioPriority'] = {'class': 'IOPRIO_CLASS_BE', 'priority': 6}
        name = self.running(bundle.write())

        def of(pid):
            return subprocess.run(['ionice', '-p', str(pid)], capture_output=True, text=True, check=True).stdout.strip()
        self.assertEqual('best-effort: prio 6', of(self.state(name)['pid']))
        self.assertEqual('best-effort: prio 6', of(self.start_detached(name)))
        self.assertEqual('idle',
                         of(self.start_detached(name, ioPriority={'class': 'IOPRIO_CLASS_IDLE', 'priority': 0})))
        self.assertEqual('best-effort: prio 2',
                         of(self.start_detached(name, ioPriority={'class': 'IOPRIO_CLASS_BE', 'priority': 2})))

    def test_cpu_affinity(self):
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            self.skipTest('there is one CPU')
        first, last = cpus[0], cpus[-1]
        bundle = self.bundle(['/bin/sleep', '1000'])
        bundle.config['process']['execCPUAffinity'] = {'initial': str(first), 'final': str(last)}
        name = self.running(bundle.write())
        self.assertEqual(set(cpus), os.sched_getaffinity(self.state(name)['pid']), 'it is for exec only')
        self.assertEqual({last}, os.sched_getaffinity(self.start_detached(name)))
        for members, wanted in (({'initial': str(first)}, {first}), ({'final': f'{first},{last}'}, {first, last})):
            self.assertEqual(wanted, os.sched_getaffinity(self.start_detached(name, execCPUAffinity=members)))
        # The caller is where it was.
        self.assertEqual(set(cpus), os.sched_getaffinity(0))

    def test_cpu_affinity_with_cpus_that_are_not_there(self):
        document = self.process_file(execCPUAffinity={'final': '1000'})
        self.assert_fails(self.exec('--process', document, self.running()), 255, 'execCPUAffinity')


class Labels(ExecProcessTest):
    own_only = True  # words

    def test_a_security_module_that_is_not_there(self):
        if os.path.isdir('/sys/fs/selinux') or os.path.isdir('/sys/kernel/security/apparmor'):
            self.skipTest('there is one')
        name = self.running()
        for member in ('apparmorProfile', 'selinuxLabel'):
            document = self.process_file(**{member: 'some_label'})
            # podman makes "set security attribute" of the path in backquotes.
            result = self.assert_fails(self.exec('--process', document, name), 255, member, 'some_label')
            self.assertRegex(result.err, '`/proc/[a-z0-9-].+/attr.*`')
            self.assertNotIn('no such file', result.err.lower())


class Terminals(ExecProcessTest):

    def detached(self, name, *words):
        """The terminal of a detached exec, handed over by the console socket."""
        console = ConsoleSocket(self.path(self.name('console')))
        self.addCleanup(console.close)
        done, _ = self.exec_detached('--console-socket', console.path, *words)
        self.assert_ok(done)
        terminal, sent = console.receive()
        self.addCleanup(terminal.close)
        if self.runtime_name != 'crun':  # it sends a blank
            self.assertIn('/dev/pt', sent)
        return terminal

    def test_flag_and_console_socket(self):
        name = self.running()
        terminal = self.detached(name, '--tty', name, 'sh', '-c', 'tty; tty <&1; tty <&2; sleep 0.2')
        self.assertEqual('/dev/pts/0\r\n' * 3, terminal.read_all())

    def test_the_terminal_is_the_programs_controlling_one(self):
        name = self.running()
        terminal = self.detached(name, '-t', name, 'sh', '-c', 'trap "echo int; exit" INT; echo ready; '
                                 'while :; do sleep 0.05; done')
        terminal.expect('ready')
        terminal.send('\x03')
        terminal.expect('int')

    def test_size_of_a_document(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 leaves the size to its caller')
        name = self.running()
        document = self.process_file(args=['stty', 'size'], terminal=True, consoleSize={'height': 12, 'width': 34})
        self.assertEqual('12 34\r\n', self.detached(name, '--process', document, name).read_all())

    def test_it_belongs_to_the_user(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 leaves it to root')
        name = self.running()
        terminal = self.detached(name, '--tty', '--user', '1000:1000', name, 'sh', '-c', 'stat -c "%u" $(tty)')
        self.assertEqual('1000\r\n', terminal.read_all())

    def test_two_at_once(self):
        name = self.running()
        terminals = [self.detached(name, '--tty', name, 'sh', '-c', 'tty; read x') for _ in range(2)]
        self.assertEqual(['/dev/pts/0', '/dev/pts/1'], [t.expect('\r\n').strip() for t in terminals])
        for terminal in terminals:
            terminal.send('\n')


class Containers(ExecProcessTest):
    """What exec takes from the container's linux section."""

    def test_personality(self):
        bundle = self.bundle()
        bundle.config['linux']['personality'] = {'domain': 'LINUX32'}
        name = self.running(bundle.write())
        if self.runtime_name == 'runc':
            self.skipTest('runc 1.1 does not know linux.personality')
        machine = self.assert_ok(self.exec(name, 'uname', '-m')).out.strip()
        self.assertNotEqual(os.uname().machine, machine)

    def test_class_of_service(self):
        """config-linux.md, Intel RDT. No machine of ours has it: a directory stands for the class."""
        if self.runtime_name != 'crun-lite':
            self.skipTest('writes crun-lite\'s record')
        # Without a pid namespace exec has one process; with one, the one that goes on inherits the class.
        name = self.running(self.bundle().namespaces('network', 'ipc', 'uts', 'mount'))
        fake = self.path('resctrl')
        groups = [os.path.join(fake, 'class'), os.path.join(fake, f'class/mon_groups/{name}')]
        for group in groups:
            os.makedirs(group)
        record_path = self.path('state', name, 'state.json')
        before = read(record_path)
        self.addCleanup(self.write, record_path, before)

        def join(**changes):
            record = json.loads(before)
            record['rdt'] = {'root': fake, 'id': name, 'class': 'class', 'classExisted': True, 'monitoring': True,
                             **changes}
            self.write(record_path, json.dumps(record))
            for group in groups:
                self.write(os.path.join(group, 'tasks'), '')
            return str(self.start_detached(name)), [read(os.path.join(group, 'tasks')) for group in groups]
        pid, tasks = join()
        self.assertEqual([pid, pid], tasks)
        pid, tasks = join(monitoring=False)
        self.assertEqual([pid, ''], tasks)
        pid, tasks = join(**{'class': 'gone'})  # somebody has removed it: its processes are in the root class
        self.assertEqual(['', ''], tasks)
        self.assertEqual(['class'], os.listdir(fake))
