# SPDX-License-Identifier: Apache-2.0
"""What callers rely on beside the words that test_oci_replay.py repeats: names, descriptors, the log, bad bundles."""
import json
import os
import re
import subprocess

from support.harness import RuntimeTest, run


class Names(RuntimeTest):
    own_only = True

    def test_go_runc_writes_one_dash(self):
        for flag in ('-no-subreaper', '--no-subreaper'):
            result = self.run_bundle(self.bundle().sh('echo out'), flag)
            self.assertEqual((0, 'out\n'), (result.code, result.out), result)
            name, created = self.create(self.bundle(), flag)
            self.assert_ok(created)

    def test_explicit_oci_and_other_names(self):
        bundle = self.bundle().sh('echo out')
        self.assert_ok(run([self.runtime, 'oci', 'run', '--bundle', str(bundle.path), self.container()]))
        for name in ('runc', 'crun'):
            os.symlink(self.runtime, self.path(name))
            result = run([self.path(name), '--root', self.root, 'run', self.container()], cwd=bundle.path)
            self.assertEqual((0, 'out\n'), (result.code, result.out), result)


class Descriptors(RuntimeTest):

    def test_preserved(self):
        if self.runtime_name == 'crun':
            self.skipTest('the wrapper around crun has descriptors of its own')
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        bundle = self.bundle().sh('echo through >&3; ls /proc/self/fd')
        started = self.background([*self._oci_argv(), 'run', '--preserve-fds', '1', '--bundle', bundle.path,
                                   self.container()], stdout=subprocess.PIPE,
                                  pass_fds=[3] if writing == 3 else [], preexec_fn=lambda: os.dup2(writing, 3),
                                  close_fds=False)
        os.close(writing)
        out = started.stdout.read().decode()
        self.assertEqual(0, started.wait(timeout=10))
        self.assertEqual(b'through\n', os.read(reading, 100))
        self.assertEqual(['0', '1', '2', '3', '4'], out.split())  # 4 is ls reading the directory

    def test_those_of_socket_activation_come_first(self):
        if self.runtime_name == 'crun':
            self.skipTest('the wrapper around crun has descriptors of its own')
        bundle = self.bundle().sh('cat <&3; cat <&4; echo $LISTEN_FDS $LISTEN_PID')
        words = ' '.join([*self._oci_argv(), 'run', '--preserve-fds', '1', '--bundle', str(bundle.path),
                          self.container()])
        script = (f'exec 3< {self.write("three", "3 ")} 4< {self.write("four", "4 ")}; '
                  f'LISTEN_FDS=1 LISTEN_PID=$$ exec {words}')
        self.assertEqual('3 4 1 1\n', self.assert_ok(run(['sh', '-c', script])).out)

    def test_a_sum_that_overflows_preserves_nothing_of_ours(self):
        bundle = self.bundle(['/bin/ls', '/proc/self/fd'])
        words = ' '.join([*self._oci_argv(), 'run', '--preserve-fds', str(2**32 - 5), '--bundle', str(bundle.path),
                          self.container()])
        result = run(['sh', '-c', f'LISTEN_FDS=5 LISTEN_PID=$$ exec {words}'])
        self.assert_fails(result, 1, 'it is not open')

    def test_missing_one_is_an_error(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 does not look')
        result = self.run_bundle(self.bundle(), '--preserve-fds', '5')
        self.assertEqual(1, result.code, result)
        self.assertEqual([], [n for n in os.listdir(self.root) if not n.startswith('.')])

    def test_nothing_else_is_passed_on(self):
        leaked = os.open('/etc', os.O_RDONLY)
        self.addCleanup(os.close, leaked)
        result = self.run_bundle(self.bundle(['/bin/ls', '/proc/self/fd']), pass_fds=[leaked])
        self.assertEqual(['0', '1', '2', '3'], result.out.split())


class Log(RuntimeTest):
    own_only = True

    def test_one_json_object_per_failure(self):
        log = self.path('log.json')
        for words in (['state', 'nosuch'], ['create', '--bundle', '/nosuch', self.container()], ['frobnicate'],
                      ['create', '--bundle', self.bundle(['nosuch']).path, self.container()]):
            with self.subTest(words):
                if os.path.exists(log):
                    os.unlink(log)
                result = run([self.runtime, '--root', self.root, '--log', log, '--log-format=json', *map(str, words)])
                self.assertEqual(1, result.code)
                with open(log, encoding='utf-8') as f:
                    record = json.loads(f.read())  # podman reads the whole file as one object
                self.assertEqual('error', record['level'])
                self.assertEqual(['level', 'msg', 'time'], sorted(record))
                self.assertTrue(re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', record['time']))
                self.assertIn(record['msg'][:20], result.err)

    def test_nothing_on_success(self):
        log = self.path('log.json')
        self.assert_ok(run([self.runtime, '--root', self.root, '--log', log, '--log-format=json', 'run', '--bundle',
                            str(self.bundle().path), self.container()]))
        self.assertEqual(0, os.path.getsize(log))


class BadBundles(RuntimeTest):
    """Each mistake is named, and nothing is left behind (the base class looks)."""
    own_only = True

    def refuse(self, config, *texts):
        bundle = self.bundle()
        target = bundle.path / 'config.json'
        if config is None:
            target.unlink()
        else:
            target.write_text(config if isinstance(config, str) else json.dumps(config))
        name, created = self.create(bundle)
        self.assert_fails(created, 1, 'crun-lite create failed', *texts)
        self.assertEqual([], [n for n in os.listdir(self.root) if not n.startswith('.')])
        self.assertEqual(1, self.oci('state', name).code)

    def config(self, **changes):
        config = self.bundle().config
        config.update(changes)
        return config

    def test_bundle_is_missing(self):
        _, created = self.create(type('NoBundle', (), {'path': '/no/such/bundle'}))
        self.assert_fails(created, 1, 'bundle', '/no/such/bundle', 'No such file or directory')

    def test_config_is_missing(self):
        self.refuse(None, 'config.json', 'No such file or directory')

    def test_not_json(self):
        self.refuse('{\n  "ociVersion": "1.0.0",\n  oops\n}', 'config.json:3:3', 'not JSON')
        self.refuse('', 'config.json:1:1')

    def test_wrong_types(self):
        self.refuse(self.config(process='sh', hostname=7), '/process: expected object, found string',
                    '/hostname: expected string, found number')

    def test_unknown_namespace(self):
        config = self.config()
        config['linux']['namespaces'].append({'type': 'nett'})
        self.refuse(config, '/linux/namespaces/5/type', 'unknown namespace "nett"')

    def test_root_is_missing(self):
        self.refuse(self.config(root={'path': 'nowhere'}), 'nowhere')

    def test_fifo_does_not_block(self):
        bundle = self.bundle()
        (bundle.path / 'config.json').unlink()
        os.mkfifo(bundle.path / 'config.json')
        _, created = self.create(bundle)
        self.assert_fails(created, 1, 'not a regular file')

    def test_mount_that_fails(self):
        config = self.config()
        config['mounts'].append({'destination': '/x', 'type': 'nosuchfs', 'source': 'x'})
        self.refuse(config, 'on /x')

    def test_cgroup_path_that_climbs(self):
        config = self.config()
        config['linux']['cgroupsPath'] = '/a/../../x'
        self.refuse(config, '/a/../../x')
