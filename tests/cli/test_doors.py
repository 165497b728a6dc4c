# SPDX-License-Identifier: Apache-2.0
"""Verbs with two meanings on a machine where both live: a container made from an image, and one that an OCI caller
made. The whole rule is in tests/unit/cmd_dispatch_test.cc; here is what it looks up."""
import json
import os

from run_support import RunTest

from support.harness import Bundle, paths, wait_until


class Doors(RunTest):

    def setUp(self):
        super().setUp()
        self.web = self.start_bb('sh', '-c', 'trap "exit 9" INT; echo ready; while :; do sleep 0.05; done',
                                 flags=['--name', self.name('web')], stdout=-1)
        self.assertEqual(b'ready\n', self.web.stdout.readline())
        self.name_of_web, self.ident = self.name_of_last(), self.container_id()

    def name_of_last(self):
        return next(w for w in self.web.args if 'web' in str(w))

    def oci(self, *words):
        return self.cli('oci', *words)

    def make_bundle(self):
        name = self.name('b')
        return Bundle(self.path(name), ['/bin/sleep', '1000'], cgroup=f'/crl-{name}')

    def tearDown(self):
        self.cli('oci', 'kill', self.ident, 'KILL')
        self.web.wait(timeout=20)
        super().tearDown()

    def assert_dockers(self, *words):
        self.assert_fails(self.cli(*words), 1, f'docker\'s "{words[0]}"', 'is not in this version')

    def test_by_name_id_and_beginning_of_the_id(self):
        for name in (self.name_of_web, self.ident, self.ident[:12]):
            for words in (['start', name], ['kill', name], ['kill', '-s', 'INT', name]):
                with self.subTest(words):
                    self.assert_dockers(*words)
        self.assertIsNone(self.web.poll())

    def test_the_oci_meaning_reaches_it_too(self):
        self.assertEqual('running', json.loads(self.cli('state', self.ident).out)['status'])
        self.assert_ok(self.cli('kill', self.ident, 'INT'))
        self.assertEqual(9, self.web.wait(timeout=20))

    def test_said_explicitly(self):
        self.assert_ok(self.oci('kill', self.ident, 'INT'))
        self.assertEqual(9, self.web.wait(timeout=20))

    def test_nobodys_name(self):
        for words in (['start', 'nobody'], ['kill', 'nobody', '9'], ['kill', 'nobody']):
            self.assert_fails(self.cli(*words), 1, 'container does not exist')

    def test_an_oci_container_beside_it(self):
        # Its id is the beginning of the other's: a whole id means itself.
        bundle, name = self.make_bundle(), self.ident[:6]
        creating = self.background([paths.CRUN_LITE, 'create', '--bundle', bundle.path, name], host=self.host)
        self.assertEqual(0, creating.wait(timeout=20))
        self.assert_ok(self.cli('start', name))
        self.assertEqual('running', json.loads(self.cli('state', name).out)['status'])
        self.assert_ok(self.cli('kill', name, '9'))
        wait_until(lambda: json.loads(self.cli('state', name).out)['status'] == 'stopped', 'the end')
        self.assert_ok(self.cli('delete', name))
        self.assertIsNone(self.web.poll())

    def test_create(self):
        self.assert_fails(self.cli('create', 'bb'), 1, 'docker\'s "create"', 'crun-lite run IMAGE')
        bundle, name = self.make_bundle(), self.name('c')
        # In the bundle's directory the same words make a container.
        creating = self.background([paths.CRUN_LITE, 'create', name], host=self.host, cwd=bundle.path)
        self.assertEqual(0, creating.wait(timeout=20))
        self.assert_fails(self.cli('create', 'bb', cwd=bundle.path), 1, 'docker\'s "create"')
        self.assert_ok(self.cli('delete', '--force', name))

    def test_called_by_another_name(self):
        for name, words in (('docker', ['kill', self.ident, '9']), ('docker', ['create', '--bundle', 'x', 'y'])):
            link = self.path(name)
            if not os.path.lexists(link):
                os.symlink(paths.CRUN_LITE, link)
            self.assert_fails(self.host.run([link, *words]), 1, f'docker\'s "{words[0]}"')
        os.symlink(paths.CRUN_LITE, self.path('runc'))
        self.assert_ok(self.host.run([self.path('runc'), 'kill', self.ident, 'INT']))
        self.assertEqual(9, self.web.wait(timeout=20))

    def test_looking_up_makes_nothing(self):
        other = self.machine()
        for words in (['start', 'nobody'], ['kill', 'nobody'], ['create', 'nobody']):
            other.run([paths.CRUN_LITE, *words])
        self.assertEqual('', other.run(['find', '/var/lib/crun-lite', '/run/crun-lite', '-mindepth', '1']).out)
