# SPDX-License-Identifier: Apache-2.0
"""buildah with crun-lite as its OCI runtime: create with a pid file, start, state every 100 ms, kill, delete, all of
it unseen behind `RUN`. The builds are small, but for the last: the guide's own."""
import json
import os
import signal
import tempfile
import textwrap

from support import paths, probe
from support.harness import HostTest, Image, Terminal, run, wait_until

DEADLINE = 900
BASE = 'localhost/base:latest'
GUIDE_STORAGE = paths.REPO / 'build/quickstart'


class Buildah(HostTest):

    def setUp(self):
        super().setUp()
        self.runtime = paths.runtime_path(paths.runtime_under_test())
        if not self.runtime:
            self.fail('no runtime; build it, or install it')
        # Container ids come from the names of these directories, and cgroups from the ids.
        if paths.runtime_under_test() == 'crun' and os.path.ismount('/sys/fs/cgroup/unified'):
            self.host.run(['umount', '/sys/fs/cgroup/unified'], check=True)  # crun 1.8 refuses hybrid machines
            self.host.settle()
        self.temporary = tempfile.mkdtemp(prefix=f'{self.token}.x', suffix='x', dir=self.scratch)
        self.storage = self.path('storage')
        self.storage_run = self.path('storage-run')

    def buildah_argv(self, *args):
        return ['buildah', '--root', self.storage, '--runroot', self.storage_run, '--storage-driver', 'vfs', *args]

    def buildah(self, *args, **kwargs):
        env = {**os.environ, 'TMPDIR': self.temporary, 'BUILDAH_ISOLATION': 'oci', 'BUILDAH_RUNTIME': self.runtime}
        return self.host.run(self.buildah_argv(*args), env=env, timeout=300, **kwargs)

    def pull_base(self, **config):
        layout = Image(**config).oci_layout(self.path('layout'), 'base')
        self.assert_ok(self.buildah('pull', '-q', f'oci:{layout}:base'))
        image_id = json.loads(self.assert_ok(self.buildah('images', '--json')).out)[0]['id']
        self.assert_ok(self.buildah('tag', image_id, BASE))

    def build(self, dockerfile, *options, **files):
        """`buildah bud` of a Dockerfile on the busybox base."""
        context = self.path('context')
        os.makedirs(context, exist_ok=True)
        self.write('context/Dockerfile', textwrap.dedent(dockerfile))
        for name, text in files.items():
            self.write(f'context/{name}', text)
        return self.buildah('bud', '--network', 'none', *options, '-t', 'made', context)

    def containers_left(self):
        left = self.host.run(['sh', '-c', 'ls -A /run/crun-lite /run/runc /run/crun 2>/dev/null']).out.split()
        return [n for n in left if 'buildah' in n]

    def test_run_steps(self):
        self.pull_base()
        result = self.build(f'''\
            FROM {BASE}
            WORKDIR /work
            COPY given given
            ENV NAME=value
            RUN echo "out: $NAME in $(pwd) as $(id -u)"; cat given; echo err >&2
            RUN ["/bin/sh", "-c", "echo exec form; hostname > /tmp/host"]
            USER alice
            RUN echo "now $(id -u):$(id -g)"; touch /tmp/by-alice
            USER root
            RUN stat -c '%n %U' /tmp/by-alice; for n in mnt uts ipc pid; do readlink /proc/self/ns/$n; done | wc -l
            ''', given='the file\n')
        self.assert_ok(result)
        for line in ('out: value in /work as 0', 'the file', 'exec form', 'now 1000:1000', '/tmp/by-alice alice', '4'):
            self.assertIn(f'{line}\n', result.out)
        self.assertIn('err\n', result.out + result.err)
        self.assertEqual([], self.containers_left())

    def test_exit_codes_and_missing_programs_are_passed_on(self):
        self.pull_base()
        failed = self.build(f'FROM {BASE}\nRUN echo before; exit 7\n')
        self.assertNotEqual(0, failed.code, failed)
        self.assertIn('exit status 7', failed.err)
        missing = self.build(f'FROM {BASE}\nRUN ["/nope"]\n')
        self.assertNotEqual(0, missing.code, missing)
        self.assertIn('/nope', missing.err)
        self.assertEqual([], self.containers_left())

    def test_volumes_and_mounts(self):
        self.pull_base()
        self.write('shared/a', 'from outside\n')
        result = self.build(f'''\
            FROM {BASE}
            VOLUME /data
            RUN cat /shared/a; touch /shared/b 2>&1 || echo read-only
            RUN --mount=type=tmpfs,target=/t df /t | tail -n 1 | cut -d' ' -f1
            RUN --mount=type=bind,source=kept,target=/k cat /k
            RUN test ! -s /k && echo gone
            ''', '-v', f'{self.path("shared")}:/shared:ro', kept='from the context\n')
        self.assert_ok(result)
        for line in ('from outside', 'read-only', 'tmpfs', 'from the context', 'gone'):
            self.assertIn(f'{line}\n', result.out)
        self.assertFalse(os.path.exists(self.path('shared/b')))

    def test_secrets_and_cache_mounts(self):
        self.pull_base()
        self.write('word', 'hush')
        dockerfile = f'''\
            FROM {BASE} AS other
            RUN echo from-other > /given
            FROM {BASE}
            RUN --mount=type=secret,id=word cat /run/secrets/word; stat -c " %a" /run/secrets/word
            RUN --mount=type=secret,id=word,target=/x,mode=0444 stat -c "x %a" /x
            RUN test ! -s /run/secrets/word && test ! -s /x && echo no secret stays
            RUN --mount=type=cache,target=/c echo run >> /c/runs; wc -l < /c/runs
            RUN --mount=type=bind,from=other,source=/given,target=/g cat /g
            RUN --mount=type=tmpfs,target=/t,tmpfs-size=64k set -- $(df -k /t | tail -n 1); echo $1 $2
            '''
        secret = f'id=word,src={self.path("word")}'
        first = self.build(dockerfile, '--secret', secret)
        self.assert_ok(first)
        for line in ('hush 400', 'x 444', 'no secret stays', '1', 'from-other', 'tmpfs 64'):
            self.assertIn(f'{line}\n', first.out)
        second = self.build(dockerfile, '--secret', secret)
        self.assertIn('\n2\n', self.assert_ok(second).out)

    def test_arguments_of_the_build(self):
        self.pull_base()
        result = self.build(f'''\
            ARG WHICH={BASE}
            FROM $WHICH
            ARG WORD=default
            ARG OTHER=default
            ENV KEPT=$WORD
            SHELL ["/bin/sh", "-e", "-c"]
            RUN echo "$WORD $OTHER $KEPT"
            USER 1234:77
            RUN id -u; id -g
            USER alice
            WORKDIR /home/deep
            RUN pwd; echo "HOME=$HOME"
            ''', '--build-arg', 'WORD=given')
        self.assert_ok(result)
        for line in ('given default given', '1234', '77', '/home/deep', 'HOME=/home'):
            self.assertIn(f'{line}\n', result.out)

    def test_limits_and_privileges(self):
        self.pull_base()
        look = "for f in memory/memory.limit_in_bytes memory.max; do cat /sys/fs/cgroup/$f 2>/dev/null; done; true"
        profile = self.write('seccomp.json', json.dumps({
            'defaultAction': 'SCMP_ACT_ALLOW',
            'syscalls': [{'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_ERRNO', 'errnoRet': 13}]}))
        result = self.build(f'''\
            FROM {BASE}
            RUN {look}
            RUN grep CapEff /proc/self/status; mkdir /x 2>&1 || true
            RUN ulimit -n; set -- $(df -k /dev/shm | tail -n 1); echo shm $2
            ''', '--memory', '64m', '--cgroup-parent', f'/crl-{self.token}', '--cap-drop', 'CHOWN', '--ulimit',
            'nofile=100:200', '--shm-size', '1m', '--security-opt', f'seccomp={profile}')
        self.assert_ok(result)
        for line in (str(64 << 20), '100', 'shm 1024'):
            self.assertIn(f'{line}\n', result.out)
        self.assertRegex(result.out, r'CapEff:\t0{8}[0-9a-f]{7}[02468ace]\n')
        self.assertIn('Permission denied', result.out)
        wait_until(self._remove_parent, 'the cgroup that we named is empty')

    def _remove_parent(self):
        """--cgroup-parent is the user's, who removes it."""
        probe.remove_cgroups([c for c in probe.cgroups(self.token)
                              if not any(names for _, names, _ in os.walk(c))], keep=[self.host.pid])
        return not probe.cgroups(self.token)

    def test_run_and_its_end(self):
        self.pull_base()
        container = self.assert_ok(self.buildah('from', BASE)).out.strip()

        def run_in(*args, **kwargs):
            return self.buildah('run', '--runtime', self.runtime, '--network', 'none', *args, **kwargs)

        for code in (0, 1, 42):
            self.assertEqual(code, run_in(container, 'sh', '-c', f'exit {code}').code)
        self.assertEqual('1000 /tmp v\n', run_in('--user', 'alice', '--workingdir', '/tmp', '--env', 'X=v', container,
                                                 'sh', '-c', 'echo $(id -u) $(pwd) $X').out)
        self.assertNotEqual(0, run_in(container, 'nosuch').code)
        with_flags = run_in('--runtime-flag', 'log-format=json', '--runtime-flag', 'debug', container, 'echo', 'hi')
        self.assertEqual('hi\n', self.assert_ok(with_flags).out)
        self.assertEqual([], self.containers_left())

    def test_signals_reach_the_container(self):
        self.pull_base()
        container = self.assert_ok(self.buildah('from', BASE)).out.strip()
        env = {**os.environ, 'TMPDIR': self.temporary}
        for number in (signal.SIGTERM, signal.SIGINT):
            log = self.path(f'log.{number}')
            with open(log, 'wb') as out:
                started = self.background(
                    self.buildah_argv('run', '--isolation', 'oci', '--runtime', self.runtime, '--network', 'none',
                                      container, 'sh', '-c', 'echo ready; exec sleep 1000'),
                    self.host, stdout=out, stderr=out, env=env)
            wait_until(lambda: 'ready\n' in self._read(log), 'it runs', timeout=60)
            started.send_signal(number)
            self.assertNotEqual(0, started.wait(timeout=30))
            wait_until(lambda: not self.containers_left(), 'nothing is left')

    def test_named_in_containers_conf(self):
        """What `crun-lite install --for buildah` writes is all that buildah needs."""
        if paths.runtime_under_test() != 'crun-lite':
            self.skipTest('crun-lite writes configuration for itself alone')
        self.assert_ok(self.cli('install', '--for', 'buildah', '--write', '--default'))
        self.pull_base()
        container = self.assert_ok(self.buildah('from', BASE)).out.strip()
        env = {k: v for k, v in os.environ.items() if k != 'BUILDAH_RUNTIME'} | {'TMPDIR': self.temporary}
        hook = ['--isolation', 'oci', '--network', 'none', container, 'sh', '-c',
                'grep -c . /proc/self/cgroup >&2; exit 4']
        for named in ([], ['--runtime', 'crun-lite']):
            result = self.host.run(['strace', '-f', '-qq', '-e', 'trace=execve', '-o', self.path('trace'),
                                    *self.buildah_argv('run', *named, *hook)], env=env, timeout=120)
            self.assertEqual(4, result.code, result)
            self.assertIn(f'execve("{self.runtime}"', self._read(self.path('trace')))

    def test_same_privileges_as_under_runc(self):
        self.pull_base()
        look = 'grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status; cat /proc/self/oom_score_adj; ulimit -n; umask'
        answers = {}
        for runtime in (self.runtime, paths.runtime_path('runc')):
            container = self.assert_ok(self.buildah('from', BASE)).out.strip()
            result = self.buildah('run', '--runtime', runtime, '--network', 'none', container, 'sh', '-c', look)
            answers[runtime] = self.assert_ok(result).out
        self.assertEqual(1, len(set(answers.values())), answers)

    def test_terminal(self):
        self.pull_base()
        container = self.assert_ok(self.buildah('from', BASE)).out.strip()
        terminal, slave = Terminal.pair(rows=33, columns=101)
        self.addCleanup(terminal.close)
        env = {**os.environ, 'TMPDIR': self.temporary}
        argv = self.buildah_argv('run', '--isolation', 'oci', '--runtime', self.runtime, '--network', 'none', '--tty',
                                 container, 'sh')
        shell = self.background(argv, self.host, stdin=slave, stdout=slave, stderr=slave, env=env)
        os.close(slave)
        terminal.send('tty; echo "size $(stty size)"; echo end-$((1 + 1))\n')
        seen = terminal.expect('end-2', timeout=30)
        self.assertRegex(seen, r'/dev/(pts/0|console)')
        self.assertIn('size 33 101', seen)
        terminal.send('exit 5\n')
        self.assertEqual(5, shell.wait(timeout=30))

    def test_interrupt_ends_the_step(self):
        self.pull_base()
        self.write('context/Dockerfile', f'FROM {BASE}\nRUN echo ready; exec sleep 1000\n')
        env = {**os.environ, 'TMPDIR': self.temporary}
        log = self.path('log')
        with open(log, 'wb') as out:
            argv = self.buildah_argv('bud', '--isolation', 'oci', '--runtime', self.runtime, '--network', 'none',
                                     self.path('context'))
            build = self.background(argv, self.host, stdout=out, stderr=out, env=env)
        wait_until(lambda: 'ready\n' in self._read(log), 'the step has begun', timeout=60)
        # buildah alone, not its group: when the signal reaches a `state` between its execve and its main, buildah gives
        # up without a kill and leaves the container running, whatever the runtime.
        build.send_signal(signal.SIGINT)
        self.assertNotEqual(0, build.wait(timeout=30))
        self.assertEqual([], self.containers_left())

    @staticmethod
    def _read(path):
        with open(path, encoding='utf-8') as f:
            return f.read()

    def test_the_guide(self):
        """examples/python-docker, its three files to the letter, on the base that ./quickstart made."""
        name = f'localhost/{self.token}'
        driver = 'overlay' if (GUIDE_STORAGE / 'storage/overlay').exists() else 'vfs'
        argv = ['unshare', '--mount', '--propagation', 'private', 'buildah', '--root', GUIDE_STORAGE / 'storage',
                '--runroot', GUIDE_STORAGE / 'run', '--storage-driver', driver]
        self.addCleanup(run, [*argv, 'rmi', '-f', name], timeout=60)
        result = run([*argv, 'bud', '--isolation', 'oci', '--runtime', self.runtime, '--network', 'host', '--no-cache',
                      '-t', name, paths.REPO / 'examples/python-docker'], timeout=600)
        self.assert_ok(result)
        self.assertIn('STEP 6/6: CMD [ "python3", "-m" , "flask", "run", "--host=0.0.0.0"]', result.out)
        config = json.loads(self.assert_ok(run([*argv, 'inspect', '--type', 'image', name])).out)['OCIv1']['config']
        self.assertEqual('/app', config['WorkingDir'])
        self.assertEqual(['python3', '-m', 'flask', 'run', '--host=0.0.0.0'], config['Cmd'])
