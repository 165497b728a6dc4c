# SPDX-License-Identifier: Apache-2.0
"""One bundle, three runtimes, one answer. What a container can see of itself under crun-lite is compared with what
it sees under runc and crun, line by line; where the peers disagree with each other, either answer will do."""
from support.harness import RuntimeTest, paths

PEERS = ('runc', 'crun')

# With what a path is masked, and whether the tmpfs above the v1 hierarchies is read-only (the bundle says so, the peers
# leave it writable) and the empty v2 hierarchy stands among them (crun is not shown it), is not compared.
OWN_AFFAIR = '^(/proc/(acpi|asound|keys|kcore|timer_list|scsi)|/sys/firmware|/sys/fs/cgroup|/sys/fs/cgroup/unified) '

# One clone makes all namespaces, so the root of the message queues belongs to the ids of before the mapping. runc has
# half of that (root:65534); the mode is 1777, everybody can use it.
QUEUE_OWNER = ' (root|65534) (root|65534) mqueue$'

# What a process sees of the container it is in, without what must differ (pids, times, device numbers, inodes).
LOOK = {
    'identity': 'id; grep -E "^(Uid|Gid|Groups|NoNewPrivs|Seccomp):" /proc/self/status; umask',
    'capabilities': 'grep ^Cap /proc/self/status',
    'environment': 'env | grep -v -E "^(SHLVL|_|HOME)=" | sort; pwd',
    'limits': 'cat /proc/self/limits',
    'host names': 'hostname; cat /proc/sys/kernel/domainname',
    'mounts': "cut -d' ' -f4- /proc/self/mountinfo | sed 's/ - / /' | awk '{print $2, $3, $(NF-2)}' | "
              f"grep -v -E '{OWN_AFFAIR}' | sort",
    'devices': 'ls -l /dev | awk \'{print $1, $3, $4, $NF}\' | grep -v total | '
               f'sed -E "s/{QUEUE_OWNER}/ mqueue/" | sort; '
               'stat -c "%n %t:%T" /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty',
    'masked': 'for f in /proc/kcore /proc/keys /proc/timer_list /sys/firmware /proc/acpi; do '
              'echo "$f $(cat $f 2>/dev/null | wc -c) $(ls $f 2>/dev/null | grep -v ^/ | wc -l)"; done; '
              'for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /proc/irq/default_smp_affinity; do '
              '(echo x > $f) 2>/dev/null && echo "$f WRITABLE" || echo "$f refused"; done',
    'processes': 'readlink /proc/1/exe; echo $$; cut -d" " -f4 /proc/1/stat',
    # None or several routes: where it is the host's network, others come and go meanwhile.
    'network': "ls /sys/class/net; wc -l < /proc/net/route | sed 's/^[2-9].*/several/'",
    'descriptors': 'ls /proc/self/fd | wc -l',
    'signals': 'grep -E "^Sig(Blk|Ign)" /proc/1/status',
    'session': 'cut -d" " -f5,6 /proc/1/stat',
    'adjustments': 'cat /proc/self/oom_score_adj',
    'root': '(touch /new && echo writable && rm /new) 2>/dev/null || echo read-only',
    'propagation': "cut -d' ' -f7 /proc/self/mountinfo | grep -c shared; true",
}


def differences(own, peers):
    """What neither peer says, and what both say but ours does not, as messages."""
    problems = []
    if own[0] not in [code for code, _, _ in peers]:
        problems.append(f'exit code {own[0]}')
    lines = own[1].splitlines()
    theirs = [out.splitlines() for _, out, _ in peers]
    problems += [f'no peer says: {line}' for line in lines if not any(line in t for t in theirs)]
    problems += [f'the peers agree on: {line}' for line in theirs[0]
                 if line not in lines and all(line in t for t in theirs)]
    return problems


class SameBundle(RuntimeTest):

    def setUp(self):
        super().setUp()
        self.peers = {name: paths.runtime_path(name) for name in PEERS}
        missing = [n for n, path in self.peers.items() if not path]
        if missing:
            self.fail(f'not installed: {missing}; ./tests/run installs them')

    def answers(self, bundle):
        """{runtime: (exit code, stdout)} of running the bundle under each."""
        found = {}
        for name, program in {self.runtime_name: self.runtime, **self.peers}.items():
            result = self.oci('run', '--bundle', bundle.path, self.container(), runtime=program)
            found[name] = (result.code, result.out, result.err)
        return found

    def assert_same(self, bundle, hint=''):
        found = self.answers(bundle)
        own = found[self.runtime_name]
        peers = [found[p] for p in PEERS]
        problems = differences(own, peers)
        if problems:
            text = '\n'.join(f'--- {name}: exit {code} {err}' for name, (code, _, err) in found.items())
            self.fail(f'{hint}:\n' + '\n'.join(problems) + f'\n{text}')

    def look(self, hint, edit=lambda config: None):
        """Everything in LOOK, each line with its subject before it, in a bundle changed by edit(config)."""
        bundle = self.bundle()
        edit(bundle.config)
        script = '\n'.join(f"{{ {commands}; }} 2>&1 | sed 's/^/{subject}: /'" for subject, commands in LOOK.items())
        self.assert_same(bundle.sh(script), hint)

    def test_default_bundle(self):
        self.look('as `spec` prints it')

    def test_user_and_groups(self):
        def edit(config):
            config['process']['user'] = {'uid': 1000, 'gid': 1000, 'additionalGids': [44, 100], 'umask': 0o27}
            config['process']['cwd'] = '/tmp'
        self.look('another user', edit)

    def test_capabilities_and_limits(self):
        def edit(config):
            caps = ['CAP_CHOWN', 'CAP_NET_RAW', 'CAP_SETPCAP']
            config['process']['capabilities'] = {
                'bounding': caps, 'effective': caps, 'permitted': caps, 'inheritable': caps, 'ambient': ['CAP_NET_RAW']}
            config['process']['rlimits'] = [{'type': 'RLIMIT_NOFILE', 'soft': 100, 'hard': 200},
                                            {'type': 'RLIMIT_CORE', 'soft': 0, 'hard': 0}]
            config['process']['noNewPrivileges'] = False
            config['process']['oomScoreAdj'] = 500
        self.look('capabilities', edit)

    def test_mounts_and_devices(self):
        def edit(config):
            config['root']['readonly'] = False
            config['mounts'] += [
                {'destination': '/data', 'type': 'tmpfs', 'source': 'tmpfs',
                 'options': ['size=64k', 'noexec', 'mode=700']},
                {'destination': '/etc/hostname', 'type': 'bind', 'source': '/etc/hostname', 'options': ['rbind', 'ro']},
                {'destination': '/deep/er/dir', 'type': 'bind', 'source': '/usr', 'options': ['bind', 'ro', 'nosuid']}]
            config['linux']['devices'] = [{'path': '/dev/own', 'type': 'c', 'major': 1, 'minor': 3, 'fileMode': 0o640,
                                           'uid': 1, 'gid': 2}]
        self.look('mounts', edit)

    def test_no_namespaces_but_mount(self):
        def edit(config):
            config['linux']['namespaces'] = [{'type': 'mount'}, {'type': 'pid'}]
            config.pop('hostname')
            config['mounts'] = [m for m in config['mounts'] if m['destination'] not in ('/sys', '/dev/mqueue')]
        self.look('few namespaces', edit)

    def test_user_namespace(self):
        def edit(config):
            config['linux']['namespaces'].append({'type': 'user'})
            maps = [{'containerID': 0, 'hostID': 100000, 'size': 65536}]
            config['linux'].update(uidMappings=maps, gidMappings=maps)
            config['linux']['resources'] = {}
        self.look('user namespace', edit)

    def test_exit_codes(self):
        for script in ('exit 0', 'exit 1', 'exit 255', 'kill -TERM $$; sleep 5', 'kill -KILL $$'):
            with self.subTest(script=script):
                self.assert_same(self.bundle().sh(script), script)

    def test_seccomp(self):
        def edit(config):
            config['linux']['seccomp'] = {
                'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_X86_64'],
                'syscalls': [{'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_ERRNO', 'errnoRet': 38},
                             {'names': ['getcwd'], 'action': 'SCMP_ACT_ERRNO'}]}
            config['root']['readonly'] = False
        bundle = self.bundle()
        edit(bundle.config)
        self.assert_same(bundle.sh('mkdir /x 2>&1; ls -d /x 2>&1; /bin/pwd 2>&1; grep -E "^Seccomp" /proc/self/status'),
                         'seccomp')
