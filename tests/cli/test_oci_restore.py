# SPDX-License-Identifier: Apache-2.0
"""restore on any kernel: what criu is told, what becomes of its answers, and that a failure leaves nothing; with a
stand-in for it. That what was stopped goes on is tests/vm's to see."""
import json
import os
import pathlib

from checkpoint_support import CheckpointTest
from support.harness import ConsoleSocket, process, wait_until


class Restore(CheckpointTest):

    def image(self, keys=('/dev/null', '/dev/null', '/dev/null')):
        os.mkdir(self.path('image'), 0o700)
        self.write('image/descriptors.json', json.dumps(list(keys)))

    def restored(self, bundle, *options, **plan):
        """A restored container, of which the stand-in has made a sleep."""
        plan.setdefault('notify', ['setup-namespaces', 'post-restore'])
        self.stand_in(restored=['/bin/sleep', '1000'], **plan)
        name, result = self.restore(bundle, *options)
        self.assert_ok(result)
        return name

    def test_a_container_like_any_other(self):
        self.image()
        bundle = self.bundle()
        name = self.restored(bundle, '--pid-file', self.path('pid'))
        state = self.state(name)
        self.assertEqual(('running', str(bundle.path)), (state['status'], state['bundle']))
        self.assertEqual(str(state['pid']), pathlib.Path(self.path('pid')).read_text(encoding='ascii'))
        cgroup = pathlib.Path(f'/proc/{state["pid"]}/cgroup').read_text(encoding='ascii')
        self.assertIn(bundle.config['linux']['cgroupsPath'], cgroup)
        self.assertEqual(str(state['pid']), self.assert_ok(self.oci('ps', '--format', 'json', name)).out.strip('[]\n'))
        self.assert_ok(self.oci('pause', name))
        self.assert_ok(self.oci('resume', name))
        self.assert_ok(self.oci('kill', name, 'KILL'))
        self.wait_status(name, 'stopped')
        self.assert_ok(self.oci('delete', name))

    def test_what_criu_is_told(self):
        self.image(['/dev/null', 'pipe:[7]', 'file[1d:5f3]'])
        bundle = self.bundle()
        os.mkdir(self.path('volume'))
        bundle.config['mounts'].append({'destination': '/made/for/data', 'type': 'bind', 'source': self.path('volume'),
                                        'options': ['bind']})
        bundle.config['mounts'].append({'destination': '/made/for/data/more', 'type': 'tmpfs', 'source': 'tmpfs'})
        bundle.config['mounts'].append({'destination': '/dev/below', 'type': 'bind', 'source': self.path('volume'),
                                        'options': ['bind']})
        name = self.restored(bundle.write(), '--tcp-close', '--lsm-profile', 'selinux:x', '--lsm-mount-context', 'y',
                             '--lazy-pages')
        told = self.told()[0]
        opts = told['opts']
        self.assertEqual(2, told['call'])
        for switch in ('6', '12', '26', '48', '50', '52'):
            self.assertEqual([1], opts[switch], switch)
        self.assertEqual((['restore.log'], ['selinux:x'], ['y']), (opts['10'], opts['53'], opts['63']))
        self.assertEqual([['pipe:[7]', self.path(name + '.out')], ['file[1d:5f3]', self.path('restore.err')]],
                         told['inherited'])
        self.assertIn(f'mnt[/made/for/data]:{self.path("volume")}', told['external'])
        self.assertIn('mnt[/dev/null]:/dev/null', told['external'])
        self.assertIn(bundle.config['linux']['cgroupsPath'], told['cgroup'])
        self.assertTrue(any(bundle.config['linux']['cgroupsPath'] in root for root in opts['25']), opts['25'])
        # Its root is the container's, at a place of its own; and of that nothing is seen here.
        self.assertLessEqual({'bin', 'made', 'proc'}, set(told['root']))
        self.assertNotEqual([str(bundle.rootfs)], opts['13'])
        self.assertFalse(os.path.exists(opts['13'][0]))
        self.assertTrue((bundle.rootfs / 'made/for/data').is_dir())
        self.assertTrue(os.path.isdir(self.path('volume/more')))
        self.assertFalse((bundle.rootfs / 'dev/below').exists())

    def test_joined_namespaces(self):
        other = self.running()
        pid = self.state(other)['pid']
        self.image()
        bundle = self.bundle().namespaces('pid', 'uts', 'mount', network=f'/proc/{pid}/ns/net',
                                          ipc=f'/proc/{pid}/ns/ipc')
        self.restored(bundle)
        told = self.told()[0]
        self.assertEqual([['extRootNetNS', os.readlink(f'/proc/{pid}/ns/net')]], told['inherited'])
        self.assertEqual([f'\n\x03ipc\x12{chr(len(f"/proc/{pid}/ns/ipc"))}/proc/{pid}/ns/ipc'], told['opts']['39'])

    def test_hooks(self):
        self.image()
        bundle = self.bundle()
        hook = lambda phase: [{'path': '/bin/sh', 'args': ['sh', '-c', f'cat > {self.path(phase)}']}]
        bundle.config['hooks'] = {phase: hook(phase) for phase in ('prestart', 'createRuntime', 'poststart',
                                                                   'poststop')}
        name = self.restored(bundle.write())
        for phase in ('prestart', 'createRuntime'):
            state = json.loads(pathlib.Path(self.path(phase)).read_text(encoding='utf-8'))
            self.assertEqual(self.state(name)['pid'], state['pid'])
        self.assertFalse(os.path.exists(self.path('poststart')))  # it was started long ago
        self.delete_by_force(name)
        self.assertTrue(os.path.exists(self.path('poststop')))

    def test_a_hook_that_fails_ends_it(self):
        self.image()
        bundle = self.bundle()
        bundle.config['hooks'] = {'createRuntime': [{'path': '/bin/false'}],
                                  'poststop': [{'path': '/bin/sh',
                                                'args': ['sh', '-c', f'cat > {self.path("after")}']}]}
        self.stand_in(restored=['/bin/sleep', '1000'], notify=['setup-namespaces', 'post-restore'])
        name, result = self.restore(bundle.write())
        self.assert_fails(result, 1, 'crun-lite restore failed:', 'createRuntime')
        self.assertEqual(0, self.told()[-1]['success'])
        self.assert_fails(self.oci('state', name), 1, 'does not exist')
        self.assertTrue(os.path.exists(self.path('after')))

    def test_in_the_foreground(self):
        self.image()
        self.stand_in(restored=['/bin/sh', '-c', 'trap "exit 7" TERM; echo ready; while :; do /bin/sleep 0.05; done'])
        name = self.container('r')
        out = self.path('foreground.out')
        with open(out, 'wb') as f:
            started = self.background([*self._oci_argv(), 'restore', '--image-path', self.path('image'), '--bundle',
                                       self.bundle().path, name], stdout=f, env=self.env)
            wait_until(lambda: 'ready' in pathlib.Path(out).read_text(encoding='ascii'), 'it runs')
            started.terminate()
            self.assertEqual(7, started.wait(timeout=20))
        self.assert_fails(self.oci('state', name), 1, 'does not exist')

    def test_its_terminal_goes_to_the_socket(self):
        self.image(['/dev/pts/0', '/dev/pts/0', '/dev/pts/0'])
        bundle = self.bundle()
        bundle.config['process']['terminal'] = True
        bundle.write()
        self.stand_in(restored=['/bin/sleep', '1000'], notify=['orphan-pts-master', 'post-restore'])
        self.assert_fails(self.restore(bundle)[1], 1, 'without setting console socket')
        console = ConsoleSocket(self.path('console.sock'))
        self.addCleanup(console.close)
        self.assert_ok(self.restore(bundle, '--console-socket', self.path('console.sock'))[1])
        terminal, payload = console.receive()
        terminal.close()
        self.assertRegex(payload, r'^/dev/pts/\d+$')

    def test_failures_leave_nothing(self):
        self.image()
        bundle = self.bundle()
        self.stand_in(fail=True, log_text='(00.1) Error (criu/files.c:1): no such file\n')
        name, result = self.restore(bundle)
        self.assert_fails(result, 1, 'criu failed to restore', 'criu/files.c', self.path('image/restore.log'))
        self.assert_fails(self.oci('state', name), 1, 'does not exist')
        self.stand_in(die=4)
        self.assert_fails(self.restore(bundle)[1], 1, 'criu ended without an answer')
        # Restored, and then something of ours fails: it has to go again.
        self.stand_in(restored=['/bin/sleep', '1000'])
        self.assert_fails(self.restore(bundle, '--pid-file', self.path('none/pid'))[1], 1, 'pid file')
        self.assertEqual([], [n for n in os.listdir(self.root) if not n.startswith('.')])
        process.reap_orphans()

    def test_a_name_that_is_taken(self):
        self.image()
        bundle = self.bundle()
        name = self.restored(bundle)
        again = self.oci('restore', '--detach', '--image-path', self.path('image'), '--bundle', bundle.path, name,
                         env=self.env)
        self.assert_fails(again, 1, 'container with given ID already exists')
        self.assertEqual('running', self.state(name)['status'])

    def test_what_is_no_image(self):
        self.stand_in()
        bundle = self.bundle()
        self.assert_fails(self.restore(bundle)[1], 1, 'image')
        os.mkdir(self.path('image'))
        self.assert_fails(self.restore(bundle)[1], 1, 'not that of a container', 'descriptors.json')
        for text in ('{}', '[1]', '["a","b","c","d"]', '[', ''):
            self.write('image/descriptors.json', text)
            with self.subTest(text):
                self.assert_fails(self.restore(bundle)[1], 1, 'descriptors.json')
        os.unlink(self.path('image/descriptors.json'))
        os.mkfifo(self.path('image/descriptors.json'))
        self.assert_fails(self.restore(bundle)[1], 1, 'descriptors.json')
        self.assertFalse(os.path.exists(self.path('told')))

    def test_as_containerd_says_it(self):
        """go-runc writes -no-subreaper with one dash."""
        self.image()
        self.stand_in(restored=['/bin/sleep', '1000'], notify=['post-restore'])
        _, result = self.restore(self.bundle(), '-no-subreaper', '--work-path', self.path('work'), '--no-pivot')
        self.assert_ok(result)
