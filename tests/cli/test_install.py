# SPDX-License-Identifier: Apache-2.0
"""`crun-lite install`: the configuration of its callers printed, and written below a directory of the test's own.
What the callers make of it is tested in tests/callers; the texts themselves in tests/unit/cmd_install_test.cc."""
import json
import os

from support.harness import ScratchTest, paths, run

CALLERS = ('podman', 'buildah', 'docker', 'containerd', 'buildkit', 'crio', 'kubernetes')
OWN = str(paths.CRUN_LITE)


class Install(ScratchTest):

    def install(self, *args, **kwargs):
        return run([paths.CRUN_LITE, 'install', *args], **kwargs)

    def write_for(self, caller, *args):
        return self.install('--for', caller, '--write', '--root', self.path('machine'), *args)

    def read(self, path):
        with open(self.path('machine', path.lstrip('/')), encoding='utf-8') as f:
            return f.read()

    def files(self):
        return sorted(os.path.join(where, name) for where, _, names in os.walk(self.path('machine')) for name in names)

    def test_prints_the_text_alone(self):
        printed = self.assert_ok(self.install('--for', 'docker'))
        self.assertEqual({'runtimes': {'crun-lite': {'path': OWN}}}, json.loads(printed.out))
        self.assertIn('/etc/docker/daemon.json; --write puts it there', printed.err)
        for caller in CALLERS:
            self.assertTrue(self.assert_ok(self.install('--for', caller)).out)

    def test_writes_what_it_prints_and_says_what_to_restart(self):
        for caller in CALLERS:
            printed = self.assert_ok(self.install('--for', caller)).out
            written = self.assert_ok(self.write_for(caller)).out.splitlines()
            self.assertTrue(written[0].startswith('wrote ' if caller != 'buildah' else 'unchanged: '), written)
            self.assertEqual(printed, self.read(written[0].split()[1][len(self.path('machine')):]))
            self.assertRegex(written[-1], 'restart|reload|kubectl')
            again = self.assert_ok(self.write_for(caller)).out.splitlines()
            self.assertTrue(again[0].startswith('unchanged: '), again)
        self.assertEqual([], [f for f in self.files() if os.path.basename(f).startswith('.')])

    def test_links_of_the_other_machine_stay_in_it(self):
        victim = self.path('victim')
        os.mkdir(victim)
        os.makedirs(self.path('machine/etc'))
        os.symlink(victim, self.path('machine/etc/containers'))
        os.symlink('../' * 20 + victim[1:], self.path('machine/etc/docker'))
        os.makedirs(self.path('machine', victim[1:]))
        for caller in ('podman', 'docker'):
            self.assert_ok(self.write_for(caller))
        self.assertEqual([], os.listdir(victim))
        self.assertEqual(['containers.conf.d', 'daemon.json'], sorted(os.listdir(self.path('machine', victim[1:]))))

    def test_daemon_json_is_added_to(self):
        target = self.write('machine/etc/docker/daemon.json', '{"log-level": "warn"}', mode=0o600)
        self.assert_ok(self.write_for('docker', '--default', '--path', '/opt/crun-lite'))
        self.assertEqual({'log-level': 'warn', 'runtimes': {'crun-lite': {'path': '/opt/crun-lite'}},
                          'default-runtime': 'crun-lite'}, json.loads(self.read('/etc/docker/daemon.json')))
        self.assertEqual(0o600, os.stat(target).st_mode & 0o7777)
        self.assertEqual([target], self.files())

    def test_what_cannot_be_added_to_stays_as_it_is(self):
        broken = '{\n  "log-level": "warn",,\n}\n'
        self.write('machine/etc/docker/daemon.json', broken)
        self.assert_fails(self.write_for('docker'), 1, 'etc/docker/daemon.json:2:')
        self.assertEqual(broken, self.read('/etc/docker/daemon.json'))
        self.write('machine/etc/buildkit/buildkitd.toml', 'debug = true\n')
        self.assert_fails(self.write_for('buildkit'), 1, 'was not written by crun-lite', 'by hand')
        self.assertEqual('debug = true\n', self.read('/etc/buildkit/buildkitd.toml'))
        os.makedirs(self.path('machine/etc/crio/crio.conf.d/10-crun-lite.conf'))
        self.assert_fails(self.write_for('crio'), 1, 'not a regular file')

    def test_symbolic_links_are_not_replaced(self):
        real = self.write('real.json', '{}')
        os.makedirs(self.path('machine/etc/docker'))
        os.symlink(real, self.path('machine/etc/docker/daemon.json'))
        self.assert_fails(self.write_for('docker'), 1, 'symbolic link', '--file')
        self.assert_ok(self.install('--for', 'docker', '--write', '--file', real))
        with open(real, encoding='utf-8') as f:
            self.assertEqual(OWN, json.load(f)['runtimes']['crun-lite']['path'])

    def test_relative_file(self):
        self.assert_ok(self.install('--for', 'podman', '--write', '--file', 'c.conf', cwd=self.scratch))
        with open(self.path('c.conf'), encoding='utf-8') as f:
            self.assertIn(f'crun-lite = ["{OWN}"]\n', f.read())

    def test_mistakes_are_explained(self):
        for args, texts in (([], ['--for is missing', 'podman, buildah, docker']),
                            (['--for', 'lxc'], ['unknown caller "lxc"', 'podman, buildah, docker']),
                            (['--for', 'podman', '--path', 'crun-lite'], ['not absolute']),
                            (['--for', 'podman', '--write', '--file', 'f', '--root', '/x'], ['exclude each other']),
                            (['--for', 'podman', 'now'], ['now']),
                            (['--for', 'kubernetes', '--default'], ['no default runtime class']),
                            (['--for', 'docker', '--write', '--root', '/proc/nowhere'], ['/proc/nowhere'])):
            with self.subTest(args):
                self.assert_fails(self.install(*args), 1, *texts)
