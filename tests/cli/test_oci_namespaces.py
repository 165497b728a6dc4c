# SPDX-License-Identifier: Apache-2.0
"""linux.namespaces of every kind, new, joined and left out; what may be set only in a namespace of the container's own:
names, sysctls, the offsets of clocks."""
import os
import time

from support.harness import RuntimeTest, process, run

KINDS = {'pid': 'pid', 'network': 'net', 'ipc': 'ipc', 'uts': 'uts', 'mount': 'mnt', 'user': 'user',
         'cgroup': 'cgroup', 'time': 'time'}
BASE = ('pid', 'network', 'ipc', 'uts', 'mount')
MAPS = [{'containerID': 0, 'hostID': 100000, 'size': 1000}]


def own(kind):
    return os.readlink(f'/proc/self/ns/{KINDS[kind]}')


class NamespaceTest(RuntimeTest):

    def bundle_in(self, script, *kinds, **joined):
        bundle = self.bundle().sh(script)
        bundle.namespaces(*kinds, **joined)
        if 'user' in kinds:
            bundle.config['linux'].update(uidMappings=MAPS, gidMappings=MAPS)
        if 'uts' not in kinds and 'uts' not in joined:
            del bundle.config['hostname']
        return bundle.write()

    def holder(self, *flags):
        """A process in new namespaces of those unshare(1) flags; gives its pid."""
        argv = ['unshare', *flags, 'sh', '-c', 'echo $$ > "$0"; exec sleep 1000', self.path('ready')]
        started = self.background(argv)
        for _ in range(1000):
            if os.path.exists(self.path('ready')) and os.path.getsize(self.path('ready')):
                break
            time.sleep(0.01)
        os.unlink(self.path('ready'))
        return started.pid

    def inside(self, kind, bundle):
        bundle.config['process']['args'][-1] = f'readlink /proc/self/ns/{KINDS[kind]}'
        return self.assert_ok(self.run_bundle(bundle.write())).out.strip()


class CallersMounts(NamespaceTest):
    """config-linux.md, Namespaces: a type that is not listed is inherited. Without a mount namespace the container's
    mounts are its caller's, and go with `delete` (runtime.md, Delete)."""
    own_only = True  # the peers leave them, and make all mounts of the caller slaves

    MOUNTS = 'cut -d" " -f4-6 /proc/self/mountinfo | sort'

    def in_own_machine(self, script):
        """The script in a mount namespace that shares everything it mounts; "$@" is the runtime."""
        argv = ['unshare', '-m', '--propagation', 'shared', 'sh', '-ec', script, 'sh', *map(str, self._oci_argv())]
        return run(argv, cwd=self.scratch, env=process.NO_LEAK_CHECK)

    def bundles(self):
        """One that lists no mount namespace, one that lists the caller's."""
        for named in (False, True):
            bundle = self.bundle_in('exec sleep 1000', *[k for k in BASE if k != 'mount'])
            if named:
                bundle.config['linux']['namespaces'].append({'type': 'mount', 'path': '/proc/self/ns/mnt'})
            bundle.config['linux'].update(maskedPaths=['/etc/passwd'], readonlyPaths=['/bin'])
            yield named, bundle

    def test_its_life(self):
        for named, bundle in self.bundles():
            with self.subTest(named):
                (bundle.rootfs / 'etc/mark').write_text('inside')
                name = self.container()
                result = self.assert_ok(self.in_own_machine(f'''
                    {self.MOUNTS} > before
                    trap '"$@" delete --force {name}' EXIT
                    "$@" create --bundle {bundle.write().path} {name}
                    pid=$("$@" state {name} | sed -n 's/.*"pid": \\([0-9]*\\).*/\\1/p')
                    test $(readlink /proc/self/ns/mnt) = $(readlink /proc/$pid/ns/mnt)
                    "$@" start {name}
                    test -e {bundle.rootfs}/proc/1
                    if grep '{bundle.rootfs}.* shared:' /proc/self/mountinfo; then exit 9; fi
                    "$@" exec {name} sh -c 'cat /etc/mark; wc -c < /etc/passwd
                      test -e {self.scratch} || touch /bin/x 2>&1' || true
                    "$@" delete --force {name}
                    {self.MOUNTS} > after
                    diff before after'''))
                self.assertEqual('inside0\ntouch: /bin/x: Read-only file system\n', result.out)

    def test_a_create_that_fails_leaves_nothing(self):
        for named, bundle in self.bundles():
            with self.subTest(named):
                bundle.config['mounts'].append({'destination': '/m', 'type': 'bind', 'source': self.path('none'),
                                                'options': ['bind']})
                result = self.in_own_machine(f'''
                    {self.MOUNTS} > before
                    ! "$@" create --bundle {bundle.write().path} {self.container()} || exit 1
                    {self.MOUNTS} > after
                    diff before after''')
                self.assert_ok(result)
                self.assertIn('No such file or directory', result.err)

    def test_what_takes_a_namespace_of_its_own(self):
        for change, words in (({'rootfsPropagation': 'shared'}, 'rootfsPropagation needs a mount namespace'),
                              ({'uidMappings': MAPS, 'gidMappings': MAPS}, 'a mount namespace')):
            for named, bundle in self.bundles():
                with self.subTest(words, named=named):
                    bundle.config['linux'].update(change)
                    if 'uidMappings' in change:
                        bundle.config['linux']['namespaces'].append({'type': 'user'})
                    result = self.in_own_machine(f'"$@" run --bundle {bundle.write().path} {self.container()}')
                    self.assert_fails(result, 1, words)

    def test_mounts_of_a_running_one(self):
        for named, bundle in self.bundles():
            with self.subTest(named):
                name = self.container()
                self.write('mounts.json', '[{"destination": "/m", "type": "tmpfs", "source": "tmpfs"}]')
                result = self.in_own_machine(f'''
                    "$@" create --bundle {bundle.write().path} {name}
                    "$@" mounts add {name} {self.path("mounts.json")} || code=$?
                    "$@" delete --force {name}
                    exit $code''')
                self.assert_fails(result, 1, 'has no mount namespace of its own')


class Kinds(NamespaceTest):

    def kinds(self):
        # The releases of the peers here have no time namespaces.
        return [k for k in KINDS if k != 'time' or self.runtime_name == 'crun-lite']

    def test_new(self):
        for kind in self.kinds():
            with self.subTest(kind):
                kinds = dict.fromkeys((*BASE, kind))
                self.assertNotEqual(own(kind), self.inside(kind, self.bundle_in('', *kinds)))

    def test_left_out(self):
        for kind in self.kinds():
            if kind == 'mount':
                continue
            with self.subTest(kind):
                if kind == 'pid' and self.runtime_name == 'runc':
                    continue  # its cgroupfs manager wants one
                kinds = [k for k in BASE if k != kind]
                self.assertEqual(own(kind), self.inside(kind, self.bundle_in('', *kinds)))

    def test_joined(self):
        flags = {'network': '-n', 'ipc': '-i', 'uts': '-u', 'cgroup': '-C', 'mount': '-m', 'time': '-T'}
        for kind, flag in flags.items():
            if kind not in self.kinds() or (kind == 'mount' and self.runtime_name != 'crun-lite'):
                continue
            with self.subTest(kind):
                pid = self.holder(flag, *(['--propagation', 'private'] if kind == 'mount' else []))
                path = f'/proc/{pid}/ns/{KINDS[kind]}'
                bundle = self.bundle_in('', *[k for k in BASE if k != kind], **{kind: path})
                self.assertEqual(os.readlink(path), self.inside(kind, bundle))

    def test_a_joined_pid_namespace(self):
        parent = self.holder('-p', '-f', '--kill-child')
        with open(f'/proc/{parent}/task/{parent}/children', encoding='ascii') as f:
            path = f'/proc/{f.read().split()[0]}/ns/pid'
        bundle = self.bundle_in('', 'network', 'ipc', 'uts', 'mount', pid=path)
        self.assertEqual(os.readlink(path), self.inside('pid', bundle))
        bundle.sh('test -d /proc/1 && test $$ -ne 1 && echo beside')
        self.assertEqual('beside\n', self.assert_ok(self.run_bundle(bundle)).out)

    def test_all_of_a_pod_with_its_user_namespace(self):
        # Only root of the user namespace may enter the others: it is joined first, wherever the document has it.
        pid = self.holder('-U', '-r', '-n', '-i', '-u')
        joined = {k: f'/proc/{pid}/ns/{KINDS[k]}' for k in ('network', 'ipc', 'uts', 'user')}
        for order in (joined, dict(reversed(joined.items()))):
            bundle = self.bundle_in('', 'pid', 'mount', **order)
            del bundle.config['hostname']
            bundle.config['linux']['resources'] = {}
            if self.runtime_name == 'runc':
                bundle.config['linux'].update(uidMappings=[{'containerID': 0, 'hostID': 0, 'size': 1}],
                                              gidMappings=[{'containerID': 0, 'hostID': 0, 'size': 1}])
            bundle.config['mounts'] = [m for m in bundle.config['mounts']
                                       if m['type'] not in ('devpts', 'cgroup')]
            bundle.sh('for n in net ipc uts user; do readlink /proc/self/ns/$n; done')
            self.assertEqual([os.readlink(joined[k]) for k in ('network', 'ipc', 'uts', 'user')],
                             self.assert_ok(self.run_bundle(bundle)).out.split())

    def test_one_that_is_our_own_already(self):
        for kind in ('network', 'ipc', 'cgroup'):
            with self.subTest(kind):
                bundle = self.bundle_in('', *[k for k in BASE if k != kind],
                                        **{kind: f'/proc/{os.getpid()}/ns/{KINDS[kind]}'})
                self.assertEqual(own(kind), self.inside(kind, bundle))


class Refused(NamespaceTest):
    own_only = True

    def test_paths(self):
        self.write('file', '')
        cases = {self.path('none'): 'open namespace ' + self.path('none') + ': No such file or directory',
                 self.path('file'): 'is not a namespace', self.scratch: 'is not a namespace',
                 f'/proc/{os.getpid()}/ns/uts': 'is of another type', 'relative/path': 'must be an absolute path'}
        for path, message in cases.items():
            with self.subTest(path):
                self.assert_fails(self.run_bundle(self.bundle_in('true', 'pid', 'mount', 'uts', network=path)), 1,
                                  message)

    def test_twice(self):
        bundle = self.bundle_in('true', *BASE, 'ipc')
        self.assert_fails(self.run_bundle(bundle), 1, '/linux/namespaces/5: namespace ipc is there twice')

    def test_an_unknown_kind(self):
        self.assert_fails(self.run_bundle(self.bundle_in('true', *BASE, 'nett')), 1,
                          'unknown namespace "nett" (known: pid,')

    def test_maps(self):
        bundle = self.bundle_in('true', *BASE)
        bundle.config['linux'].update(uidMappings=MAPS, gidMappings=MAPS)
        self.assert_fails(self.run_bundle(bundle.write()), 1, 'id mappings need a user namespace')
        bundle = self.bundle_in('true', *BASE, 'user')
        del bundle.config['linux']['gidMappings']
        self.assert_fails(self.run_bundle(bundle.write()), 1, 'needs uidMappings and gidMappings')

    def test_names_without_a_uts_namespace(self):
        for member in ('hostname', 'domainname'):
            bundle = self.bundle_in('true', 'pid', 'ipc', 'network', 'mount')
            bundle.config[member] = 'x'
            self.assert_fails(self.run_bundle(bundle.write()), 1, f'/{member}: cannot be set without a UTS namespace')
            bundle.namespaces('pid', 'ipc', 'network', 'mount', uts=f'/proc/{os.getpid()}/ns/uts')
            self.assert_fails(self.run_bundle(bundle), 1, "cannot be set in the host's UTS namespace")
        self.assertNotEqual('x', os.uname().nodename)


class Names(NamespaceTest):

    def test_hostname_and_domainname(self):
        bundle = self.bundle().sh('hostname; cat /proc/sys/kernel/domainname')
        bundle.config.update(hostname='box', domainname='example.org')
        before = os.uname()
        out = self.assert_ok(self.run_bundle(bundle.write())).out
        # runc 1.1 does not know domainname.
        self.assertEqual('box\n' + ('(none)\n' if self.runtime_name == 'runc' else 'example.org\n'), out)
        self.assertEqual(before, os.uname())


class Sysctls(NamespaceTest):

    def test_those_of_a_namespace(self):
        values = {'net.ipv4.ip_forward': '1', 'net/ipv4/conf/lo/rp_filter': '2', 'net.ipv4.ping_group_range': '0\t9',
                  'kernel.shmmax': '4096', 'kernel.shmall': '9', 'kernel.shmmni': '7', 'kernel.shm_rmid_forced': '1',
                  'kernel.msgmax': '4000', 'kernel.msgmnb': '5000', 'kernel.msgmni': '6',
                  'kernel.sem': '10\t20\t30\t40', 'fs.mqueue.msg_max': '11', 'kernel.domainname': 'example.org'}
        script = ''.join('cat /proc/sys/' + (k if '/' in k else k.replace('.', '/')) + ';' for k in values)
        bundle = self.bundle().sh(script)
        bundle.config['linux']['sysctl'] = values
        self.assertEqual(list(values.values()), self.assert_ok(self.run_bundle(bundle.write())).out.splitlines())

    def test_each_needs_its_namespace(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('words of our own')
        for key, kind in {'net.ipv4.ip_forward': 'network', 'kernel.msgmax': 'ipc', 'fs.mqueue.msg_max': 'ipc',
                          'kernel.domainname': 'uts'}.items():
            for joined in ({}, {kind: f'/proc/{os.getpid()}/ns/{KINDS[kind]}'}):
                with self.subTest(key, joined=joined):
                    bundle = self.bundle_in('true', *[k for k in BASE if k != kind], **joined)
                    bundle.config.pop('hostname', None)
                    bundle.config['linux']['sysctl'] = {key: '1'}
                    message = "is not allowed in the host's namespace" if joined else f'needs a {kind} namespace'
                    self.assert_fails(self.run_bundle(bundle.write()), 1, f'sysctl "{key}" {message}')

    def test_all_others_are_the_hosts(self):
        for key in ('kernel.core_pattern', 'vm.swappiness', 'kernel.hostname', 'fs.file-max', 'kernel.shm',
                    'kernel.semx', 'net/../kernel/core_pattern', 'net..ipv4', 'net', ''):
            with self.subTest(key):
                bundle = self.bundle()
                bundle.config['linux']['sysctl'] = {key: '1'}
                result = self.run_bundle(bundle.write())
                self.assertNotEqual(0, result.code, result)

    def test_values_that_are_more_than_one(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('they leave that to the kernel')
        bundle = self.bundle()
        bundle.config['linux']['sysctl'] = {'kernel.msgmax': '1\n2'}
        self.assert_fails(self.run_bundle(bundle.write()), 1, 'the value has a line break or NUL')


class Clocks(NamespaceTest):
    """Time namespaces; runc 1.1 and crun 1.8 have none."""
    own_only = True
    UPTIME = 'read up rest < /proc/uptime; echo ${up%.*}'

    def offsets(self, *kinds, **offsets):
        bundle = self.bundle_in(self.UPTIME, *BASE, *kinds)
        bundle.config['linux']['timeOffsets'] = offsets
        return bundle.write()

    @staticmethod
    def uptime():
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def uptime_in(self, bundle):
        return int(self.assert_ok(self.run_bundle(bundle)).out)

    def test_boottime(self):
        for secs in (1000000, -1000, 0):
            with self.subTest(secs):
                seen = self.uptime_in(self.offsets('time', boottime={'secs': secs, 'nanosecs': 5}))
                self.assertAlmostEqual(self.uptime() + secs, seen, delta=30)

    def test_monotonic(self):
        bundle = self.offsets('time', monotonic={'secs': 86400, 'nanosecs': 7}, boottime={'secs': -100})
        bundle.sh('cat /proc/self/timens_offsets')
        self.assertEqual([['monotonic', '86400', '7'], ['boottime', '-100', '0']],
                         [line.split() for line in self.assert_ok(self.run_bundle(bundle)).out.splitlines()])

    def test_in_a_user_namespace(self):
        bundle = self.offsets('time', 'user', boottime={'secs': 1000000})
        self.assertGreater(self.uptime_in(bundle), 1000000)

    def test_in_a_user_namespace_that_is_joined(self):
        pid = self.holder('-U', '-r')
        bundle = self.offsets('time', boottime={'secs': 1000000})
        bundle.namespaces('time', 'pid', 'mount', user=f'/proc/{pid}/ns/user')
        bundle.config.pop('hostname')
        bundle.config['linux']['resources'] = {}
        bundle.config['mounts'] = bundle.config['mounts'][:2]
        self.assertGreater(self.uptime_in(bundle.write()), 1000000)

    def test_without_offsets(self):
        bundle = self.bundle_in(self.UPTIME, *BASE, 'time')
        self.assertAlmostEqual(self.uptime(), self.uptime_in(bundle), delta=30)
        self.assertNotEqual(own('time'), self.inside('time', bundle))

    def test_where_clone3_is_not_to_be_had(self):
        # CLONE_NEWTIME means something else to clone(2).
        for kinds in (['time'], ['time', 'user']):
            for error in ('ENOSYS', 'EPERM'):
                with self.subTest(error, kinds=kinds):
                    bundle = self.bundle_in('readlink /proc/self/ns/time', *BASE, *kinds)
                    result = run(['strace', '-f', '-qq', '-o', self.path('trace'), '-e', 'trace=clone3', '-e',
                                  f'inject=clone3:error={error}', *self._oci_argv(), 'run', '--bundle', bundle.path,
                                  self.container()], env=process.NO_LEAK_CHECK)
                    self.assertNotEqual(own('time'), self.assert_ok(result).out.strip())

    def test_errors(self):
        for kinds, offsets, message in (
                ([], {'boottime': {'secs': 1}}, '/linux/timeOffsets: need a new time namespace'),
                (['time'], {'monotonic': {'secs': -10**9}}, 'a clock would be negative or too far ahead'),
                (['time'], {'boottime': {'secs': 10**12}}, 'a clock would be negative or too far ahead'),
                (['time'], {'boottime': {'nanosecs': 10**9}}, 'nanosecs must be less than a second'),
                (['time'], {'boottime': {'secs': 'x'}}, '/linux/timeOffsets/boottime/secs')):
            with self.subTest(offsets):
                self.assert_fails(self.run_bundle(self.offsets(*kinds, **offsets)), 1, message)
        bundle = self.offsets(boottime={'secs': 1})
        bundle.config['linux']['namespaces'].append({'type': 'time', 'path': f'/proc/{os.getpid()}/ns/time'})
        self.assert_fails(self.run_bundle(bundle.write()), 1, 'need a new time namespace')
