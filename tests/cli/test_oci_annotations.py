# SPDX-License-Identifier: Apache-2.0
"""Annotations that the runtime acts on: crun's vocabulary (crun(1)); and labels of security modules, which this
machine may not have."""
import array
import json
import os
import socket

from support.harness import RuntimeTest


def selinux_here():
    """Registered only when it was not switched off at boot."""
    with open('/proc/filesystems', encoding='ascii') as f:
        return '\tselinuxfs\n' in f.read()


def apparmor_here():
    """What runc asks, too."""
    try:
        with open('/sys/module/apparmor/parameters/enabled', encoding='ascii') as f:
            return f.read().startswith('Y')
    except FileNotFoundError:
        return False


class AnnotationTest(RuntimeTest):

    def setUp(self):
        super().setUp()
        if self.runtime_name == 'runc':
            self.skipTest('crun\'s vocabulary')

    def annotated(self, script, **annotations):
        """A bundle with run.oci.… annotations, whose names are given with __ for a dot."""
        bundle = self.bundle().sh(script)
        bundle.config['annotations'] = {'run.oci.' + k.replace('__', '.'): v for k, v in annotations.items()}
        return bundle


class Groups(AnnotationTest):

    def test_keep_original_groups(self):
        def own_groups():
            os.setgroups([12345, 54321])
        for annotations, want in (({'keep_original_groups': '1'}, {'12345', '54321'}), ({}, {'44'})):
            bundle = self.annotated('id -G', **annotations)
            bundle.config['process']['user'] = {'uid': 1000, 'gid': 1000, 'additionalGids': [44]}
            result = self.assert_ok(self.run_bundle(bundle.write(), preexec_fn=own_groups))
            self.assertEqual(want | {'1000'}, set(result.out.split()), result)

    def test_switched_off(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 keeps them for any value')
        bundle = self.annotated('id -G', keep_original_groups='0')
        self.assertEqual('0\n', self.run_bundle(bundle.write()).out)


class HookOutput(AnnotationTest):

    def test_files(self):
        if self.runtime_name == 'crun':
            self.skipTest('its poststart hooks do not wait for the program')
        bundle = self.annotated('true', hooks__stdout=self.path('out'), hooks__stderr=self.path('err'))
        host = {phase: [{'path': '/bin/sh', 'args': ['sh', '-c', f'echo {phase}; echo {phase} >&2']}]
                for phase in ('prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop')}
        bundle.config['hooks'] = {**host, 'startContainer': [
            {'path': '/bin/sh', 'args': ['sh', '-c', 'echo startContainer; echo startContainer >&2']}]}
        result = self.assert_ok(self.run_bundle(bundle.write()))
        want = 'prestart createRuntime createContainer startContainer poststart poststop'.split()
        for name in ('out', 'err'):
            with open(self.path(name), encoding='utf-8') as f:
                self.assertEqual(want, f.read().split())
        self.assertEqual(('', ''), (result.out, result.err))

    def test_a_relative_path_is_refused(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('crun opens it in whatever directory it is')
        bundle = self.annotated('true', hooks__stdout='out')
        bundle.config['hooks'] = {'prestart': [{'path': '/bin/true'}]}
        self.assert_fails(self.run_bundle(bundle.write()), 1, 'run.oci.hooks.stdout: must be an absolute path')


class PidfdReceiver(AnnotationTest):

    def test_it_gets_the_init(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('newer than the crun of Debian 12')
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(self.path('receiver'))
            server.listen()
            bundle = self.annotated('sleep 1000', pidfd_receiver=self.path('receiver'))
            name, created = self.create(bundle.write())
            self.assert_ok(created)
            connection, _ = server.accept()
            with connection:
                fds = array.array('i')
                _, ancillary, _, _ = connection.recvmsg(256, socket.CMSG_SPACE(4))
                fds.frombytes(ancillary[0][2])
            with open(f'/proc/self/fdinfo/{fds[0]}', encoding='ascii') as f:
                pid, = [line.split()[1] for line in f if line.startswith('Pid:')]
            os.close(fds[0])
            self.assertEqual(self.state(name)['pid'], int(pid))

    def test_nobody_there(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('newer than the crun of Debian 12')
        bundle = self.annotated('true', pidfd_receiver=self.path('nobody'))
        name, created = self.create(bundle.write())
        self.assert_fails(created, 1, self.path('nobody'))
        self.assert_fails(self.oci('state', name), 1, 'does not exist')


class Refused(AnnotationTest):
    own_only = True

    def test_what_would_be_another_container(self):
        for name in ('handler', 'seccomp__plugins', 'systemd__force_cgroup_v1'):
            full = 'run.oci.' + name.replace('__', '.')
            self.assert_fails(self.run_bundle(self.annotated('true', **{name: 'x'}).write()), 1, full, 'not supported')

    def test_all_others_only_show_in_the_state(self):
        bundle = self.annotated('sleep 1000', nobody__knows='this')
        name, created = self.create(bundle.write())
        self.assert_ok(created)
        self.assertEqual({'run.oci.nobody.knows': 'this'}, self.state(name)['annotations'])


class Labels(RuntimeTest):
    """process.apparmorProfile, process.selinuxLabel, linux.mountLabel. Callers look for the path in backquotes."""
    own_only = True

    def assert_refused(self, module, edit):
        bundle = self.bundle()
        edit(bundle.config)
        result = self.assert_fails(self.run_bundle(bundle.write()), 1, module, '`/proc/self/attr/exec`')
        # Podman would take these for a program that is missing or may not be run.
        for misleading in ('no such file', 'not found', 'permission denied', 'not permitted'):
            self.assertNotIn(misleading, result.err.lower())

    def test_without_apparmor(self):
        if apparmor_here():
            self.skipTest('this kernel has AppArmor')
        self.assert_refused('AppArmor', lambda c: c['process'].update(apparmorProfile='profile'))

    def test_without_selinux(self):
        if selinux_here():
            self.skipTest('this kernel has SELinux')
        self.assert_refused('SELinux', lambda c: c['process'].update(selinuxLabel='a:b:c:s0'))
        self.assert_refused('SELinux', lambda c: c['linux'].update(mountLabel='a:b:c:s0'))

    def test_an_apparmor_profile_that_is_not_loaded(self):
        if not apparmor_here():
            self.skipTest('this kernel has no AppArmor')
        bundle = self.bundle()
        bundle.config['process']['apparmorProfile'] = 'no-such-profile-' + self.token
        self.assert_fails(self.run_bundle(bundle.write()), 1, 'attr/', 'the profile is not loaded')

    def test_apparmor_unconfined(self):
        if not apparmor_here():
            self.skipTest('this kernel has no AppArmor')
        bundle = self.bundle(['/bin/cat', '/proc/self/attr/current'])
        bundle.config['process']['apparmorProfile'] = 'unconfined'
        self.assertEqual('unconfined\n', self.assert_ok(self.run_bundle(bundle.write())).out)

    def test_a_mount_context_that_does_not_exist(self):
        bundle = self.bundle()
        bundle.config['linux']['mountLabel'] = 'a:b:c:s0'
        bundle.config['annotations'] = {'run.oci.mount_context_type': 'nosuch'}
        self.assertIn('run.oci.mount_context_type', json.dumps(self.run_bundle(bundle.write()).err))
