# SPDX-License-Identifier: Apache-2.0
"""Documents written by somebody who means harm, or cut off, or expensive on purpose: refused with the place, in little
time and memory, and nothing is left behind. What mutations do inside the parser is in
tests/unit/runtime_hostile_test.cc."""
import json
import os
import resource

from support.harness import RuntimeTest, paths, probe, process

# A document is at most 4 MiB. The limit is on addresses, because a peak of resident memory would count the Python
# that forked; AddressSanitizer needs terabytes of them.
MOST_MEMORY = 96 << 20
MOST_SECONDS = 30  # most of it for a machine that does other things too; without a bound these take minutes or for ever
MOST_MESSAGE = 10_000


def limit_memory():
    if not paths.SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


class HostileTest(RuntimeTest):
    own_only = True

    def bounded(self, *words, stdin=None):
        """One command within little memory and time: (exit code, stderr)."""
        out, err = self.path(self.name('out')), self.path(self.name('err'))
        with open(out, 'wb') as o, open(err, 'wb') as e, open(stdin or os.devnull, 'rb') as i:
            started = self.background([*self._oci_argv(), *words], stdin=i, stdout=o, stderr=e, preexec_fn=limit_memory)
            code = started.wait(timeout=MOST_SECONDS)
        self.assertLess(os.path.getsize(err), MOST_MESSAGE)
        with open(err, encoding='utf-8') as e:  # strict: what is said is UTF-8, whatever was read
            return code, e.read()

    def records(self):
        return [n for n in os.listdir(self.root) if not n.startswith('.')]

    def assert_refused(self, answer, *texts):
        code, err = answer
        self.assertEqual(1, code, err)
        for text in texts:
            self.assertRegex(err, text)
        for bad in ('Sanitizer', 'runtime error:', 'terminate called', 'internal error'):
            self.assertNotIn(bad, err)


class Config(HostileTest):

    def refuse(self, text, *texts):
        bundle = self.bundle()
        with open(bundle.path / 'config.json', 'wb') as f:
            f.write(text if isinstance(text, bytes) else text.encode('utf-8', 'surrogatepass'))
        self.assert_refused(self.bounded('create', '--bundle', bundle.path, self.container()),
                            'crun-lite create failed: .*config.json', *texts)
        self.assertEqual([], self.records())

    def with_process(self, **members):
        config = self.bundle().config
        config['process'].update(members)
        return json.dumps(config)

    def test_cut_off(self):
        whole = self.with_process()
        for size in [0, 1, 2, len(whole) - 1, *range(7, len(whole), len(whole) // 12)]:
            with self.subTest(size):
                self.refuse(whole[:size], r'config\.json:\d+:\d+: not JSON')

    def test_nesting(self):
        self.refuse('[' * 4_000_000, r':1:101: nested deeper than 100 levels')
        self.refuse('{"a":' * 800_000, 'nested deeper than 100 levels')
        self.refuse(self.with_process(x=None).replace('null', '[' * 200 + ']' * 200), 'nested deeper than 100 levels')

    def test_huge_arrays(self):
        for element in ('1', '"A=1"', '{}', '[]', 'null'):
            with self.subTest(element):
                count = 4_000_000 // (len(element) + 1)
                env = '[' + ','.join([element] * count) + ']'
                self.refuse(self.with_process(env=7).replace('"env": 7', '"env": ' + env), 'more than 200000 values')

    def test_many_problems(self):
        self.refuse(self.with_process(env=[1] * 100_000), '/process/env/0: expected string, found number', 'and more')
        config = self.bundle().config
        config['linux']['namespaces'] = [{'type': 'pid'}] * 30_000
        self.refuse(json.dumps(config), '/linux/namespaces/1: namespace pid is there twice')

    def test_ten_megabytes_of_environment(self):
        self.refuse(self.with_process(env=['A=' + 'x' * 10_000_000]), 'larger than 4194304 bytes')
        self.refuse(self.with_process(env=[f'A{i}=' + 'x' * 100 for i in range(100_000)]),
                    'larger than 4194304 bytes')

    def test_more_environment_than_the_kernel_takes(self):
        for env in (['A=' + 'x' * 3_000_000], [f'A{i}=' + 'x' * 100 for i in range(30_000)]):
            bundle = self.bundle()
            bundle.config['process']['env'] = env
            code, err = self.bounded('run', '--bundle', bundle.write().path, self.container())
            self.assertEqual(1, code)
            self.assertRegex(err, '(?i)argument list too long')
            self.assertEqual([], self.records())

    def test_long_strings_make_short_messages(self):
        config = self.bundle().config
        config['linux']['namespaces'].append({'type': 'x' * 1_000_000})
        self.refuse(json.dumps(config), '/linux/namespaces/5/type: unknown namespace', 'bytes more')
        self.refuse(self.with_process(cwd='x' * 1_000_000), '/process/cwd: must be an absolute path')

    def test_duplicate_keys(self):
        self.refuse(self.with_process().replace('"cwd"', '"args": [], "cwd"'),
                    r'config\.json:\d+:\d+: the key "args" stands twice')
        self.refuse(self.with_process().replace('"cwd"', '"a\\u0072gs": [], "cwd"'), 'the key "args" stands twice')

    def test_strings(self):
        self.refuse(self.with_process(args=['/bin/sh', 'a\0b']), '/process/args/1: the string contains a NUL')
        self.refuse(self.with_process().replace('/bin/true', '/bin/true\0'), r'config\.json:\d+:\d+: .*NUL')
        self.refuse(self.with_process(args=['\ud800']), r'config\.json:\d+:\d+: ')
        self.refuse(self.with_process().replace('/bin/true', '\ud800'), r'config\.json:\d+:\d+: ')
        self.refuse(self.with_process().encode().replace(b'/bin/true', b'\xff\xfe'), r'config\.json:\d+:\d+: ')
        self.refuse(self.with_process(hostname='x').replace('"test"', '"a\\u0000b"'), '/hostname: .*NUL')

    def test_numbers(self):
        for number in ('1e9', '1E+400', '-1', '4294967296', '18446744073709551616', '0.5', '1' + '0' * 1_000_000):
            with self.subTest(number[:30]):
                self.refuse(self.with_process(user={'uid': 7, 'gid': 0}).replace('"uid": 7', '"uid": ' + number),
                            r'/process/user/uid: expected a whole number|config\.json:\d+:\d+: ')
        self.refuse(self.with_process(user={'uid': 4294967295, 'gid': 0}), '/process/user/uid: 4294967295 is not')
        for number in ('01', '+1', '0x10', 'NaN', 'Infinity', '1.', '.5', '1e'):
            with self.subTest(number):
                self.refuse(self.with_process(oomScoreAdj=7).replace('"oomScoreAdj": 7', '"oomScoreAdj": ' + number),
                            r'config\.json:\d+:\d+: not JSON')

    def test_not_quite_json(self):
        for text in ('{"a": 1,}', '[1, 2,]', "{'a': 1}", '{a: 1}', '// x\n{}', '/* x */ {}', '{} {}', '\ufeff{}',
                     'nul'):
            with self.subTest(text):
                self.refuse(text, r'config\.json:\d+:\d+: ')
        for text in ('null', '[]', '"x"', '1'):
            self.refuse(text, '/: expected object')

    def test_not_a_file(self):
        bundle = self.bundle()
        config = bundle.path / 'config.json'
        config.unlink()
        os.mkdir(config)
        answer = self.bounded('create', '--bundle', bundle.path, self.container())
        self.assert_refused(answer, 'config.json')
        os.rmdir(config)
        for target in ('/dev/zero', 'config.json', '/proc/kmsg'):
            with self.subTest(target):
                os.symlink(target, config)
                answer = self.bounded('create', '--bundle', bundle.path, self.container())
                self.assert_refused(answer, 'config.json')
                config.unlink()
        with open(config, 'wb') as f:
            f.truncate(1 << 40)
        answer = self.bounded('create', '--bundle', bundle.path, self.container())
        self.assert_refused(answer, 'config.json.*larger than')


class Documents(HostileTest):
    """The other documents that callers send: exec --process, update --resources."""

    def setUp(self):
        super().setUp()
        self.ident, created = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(created)
        self.assert_ok(self.oci('start', self.ident))

    def exec(self, text):
        return self.bounded('exec', '--process', self.write('process.json', text), self.ident)

    def update(self, text, way):
        path = self.write('resources.json', text)
        if way == '-':
            return self.bounded('update', '--resources', '-', self.ident, stdin=path)
        return self.bounded('update', '--resources=' + path, self.ident)

    def test_process(self):
        good = {'args': ['/bin/true'], 'cwd': '/', 'user': {'uid': 0, 'gid': 0}}
        cases = {'[' * 4_000_000: ':1:101: nested deeper', json.dumps(good)[:-1]: r':1:\d+: not JSON',
                 '[]': 'expected object', json.dumps({**good, 'args': 'true'}): '/args: expected array, found string',
                 json.dumps({**good, 'args': ['a\0b']}): '/args/0: .*NUL',
                 json.dumps({**good, 'user': {'uid': -1, 'gid': 0}}): '/user/uid: expected a whole number',
                 json.dumps({**good, 'cwd': 'relative'}): '/cwd: must be an absolute path',
                 json.dumps({**good, 'env': ['A=' + 'x' * 10_000_000]}): 'larger than',
                 json.dumps({**good, 'env': [1] * 100_000}): 'and more',
                 '{"args": ["/bin/true"], "args": [], "cwd": "/"}': 'the key "args" stands twice'}
        for text, why in cases.items():
            with self.subTest(text[:60]):
                code, err = self.exec(text)
                self.assertEqual(255, code, err)
                self.assertRegex(err, why)
        self.assertEqual(0, self.exec(json.dumps(good))[0])

    def test_resources(self):
        cases = {'[' * 4_000_000: ':1:101: nested deeper', '{"pids": {"limit": 5}': r':1:\d+: not JSON',
                 '7': 'expected object', '{"pids": {"limit": "many"}}': '/pids/limit: expected number',
                 '{"pids": {"limit": 1e9}}': '/pids/limit: expected a whole number',
                 '{"memory": {"limit": 99999999999999999999}}': '/memory/limit: expected a whole number',
                 '{"pids": {"limit": 5}, "pids": {"limit": 6}}': 'the key "pids" stands twice',
                 '{"unified": {"a": 7}}': '/unified/a: expected string',
                 '[' + '0,' * 1_900_000 + '0]': 'more than 200000 values'}
        for text, why in cases.items():
            for way in ('-', '='):
                with self.subTest(text=text[:60], way=way):
                    self.assert_refused(self.update(text, way), why)
        self.assertEqual(0, self.update('{"pids": {"limit": 50}}', '-')[0])


class Record(HostileTest):
    """state.json, which only root writes: damage is an error that says so, and delete --force gets rid of it."""

    def running(self):
        name, created = self.create(self.bundle(['/bin/sleep', '1000']))
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        return name, self.state(name)['pid']

    def record(self, name):
        return os.path.join(self.root, name, 'state.json')

    def load(self, name):
        with open(self.record(name), encoding='utf-8') as f:
            return json.load(f)

    def replace(self, name, content):
        with open(self.record(name), 'w', encoding='utf-8') as f:
            f.write(content if isinstance(content, str) else json.dumps(content))

    def assert_gone_after_force(self, name, pid, what):
        code, err = self.bounded('delete', '--force', name)
        self.assertEqual(0, code, (what, err))
        process.reap_orphans()
        self.assertFalse(process.alive(pid), what)
        self.assertEqual([], probe.cgroups(self.token), what)
        self.assertEqual([], self.records(), what)

    def test_expensive(self):
        for what, text in {'nesting': '[' * 4_000_000, 'values': '[' + '0,' * 1_900_000 + '0]',
                           'size': ' ' * 20_000_000, 'string': '"' + 'x' * 4_000_000 + '"'}.items():
            with self.subTest(what):
                name, pid = self.running()
                self.replace(name, text)
                self.assert_refused(self.bounded('state', name), 'state.json')
                self.assertEqual(0, self.bounded('list')[0])
                self.assert_gone_after_force(name, pid, what)

    def test_each_member_mistyped(self):
        name, pid = self.running()
        good = self.load(name)
        self.assertGreater(len(good), 8)
        for key in good:
            with self.subTest(key):
                self.replace(name, {**good, key: 7 if not isinstance(good[key], int) else 'x'})
                self.assert_refused(self.bounded('state', name), f'state.json: .*{key}', 'delete --force')
                self.assertEqual(1, self.bounded('kill', name, '9')[0])
                self.assertEqual(1, self.bounded('delete', name)[0])
        self.assertTrue(process.alive(pid))
        self.assert_gone_after_force(name, pid, 'the last of them')

    def test_not_a_file(self):
        for what, make in {'fifo': os.mkfifo, 'directory': os.mkdir, 'nothing': lambda p: None,
                           'link': lambda p: os.symlink('/dev/zero', p)}.items():
            with self.subTest(what):
                name, pid = self.running()
                os.unlink(self.record(name))
                make(self.record(name))
                self.assert_refused(self.bounded('state', name), 'state.json')
                self.assert_gone_after_force(name, pid, what)

    def test_cgroups_of_somebody_else_are_left_alone(self):
        other, other_pid = self.running()
        name, pid = self.running()
        record = self.load(name)
        record['cgroup'] = {**self.load(other)['cgroup'], 'id': name, 'owner': record['cgroup']['owner']}
        self.replace(name, record)
        self.bounded('delete', '--force', name)
        self.assertTrue(process.alive(other_pid))
        self.assertEqual('running', self.state(other)['status'])
        process.reap_orphans()
        self.assertFalse(process.alive(pid))
        probe.remove_cgroups([c for c in probe.cgroups(self.token) if not self.has(c, other_pid)])

    def has(self, cgroup, pid):
        with open(os.path.join(cgroup, 'cgroup.procs'), encoding='ascii') as f:
            return str(pid) in f.read().split()

    def test_cgroup_paths_that_climb(self):
        name, pid = self.running()
        record = self.load(name)
        for hierarchy in record['cgroup']['hierarchies']:
            hierarchy['path'] = '/../../..' + hierarchy['path']
        self.replace(name, record)
        code, err = self.bounded('delete', '--force', name)
        self.assertIn(code, (0, 1), err)
        self.replace(name, '') if os.path.exists(self.record(name)) else None
        self.bounded('delete', '--force', name)
        process.reap_orphans()
        self.assertFalse(process.alive(pid))
        probe.remove_cgroups(probe.cgroups(self.token))

    def test_notes_of_the_init_that_lie(self):
        stranger = self.background(['/bin/sleep', '1000'])
        for text in (f'{stranger.pid} 1 x', '1 1 x', '-1 0 ', '99999999999 0 x', 'x' * 200, '0 0 0'):
            with self.subTest(text):
                name, pid = self.running()
                self.replace(name, '')
                note = os.path.join(self.root, name, 'init')
                os.unlink(note)
                os.symlink(text, note)
                self.assert_gone_after_force(name, pid, text)
                self.assertIsNone(stranger.poll())

    def test_names_that_are_paths(self):
        outside = self.path('outside')
        os.mkdir(outside)
        self.write('outside/state.json', '{}')
        os.symlink(outside, os.path.join(self.root, 'link'))
        for verb in (['state'], ['delete', '--force'], ['start'], ['kill']):
            for name in ('../outside', 'link', '..', '.', '', 'a/b', '/etc'):
                with self.subTest(verb=verb, name=name):
                    self.assert_refused(self.bounded(*verb, name), '.')
        os.unlink(os.path.join(self.root, 'link'))
        self.assertEqual(['state.json'], os.listdir(outside))
