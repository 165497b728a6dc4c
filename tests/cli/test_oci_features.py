# SPDX-License-Identifier: Apache-2.0
"""`features` (runtime-spec, features.md): complete, and true: what it lists is taken, what it does not is not."""
import json
import os
import shutil

from support.harness import RuntimeTest, run

HOOKS = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop']


class FeaturesTest(RuntimeTest):
    own_only = True

    def setUp(self):
        super().setUp()
        self.raw = self.assert_ok(run([self.runtime, 'features']))
        self.features = json.loads(self.raw.out)
        self.linux = self.features['linux']

    def taken(self, edit):
        """Does `create` take a bundle edited like that? Gives its Result when not."""
        bundle = self.bundle()
        edit(bundle.config)
        name, created = self.create(bundle.write())
        self.oci('delete', '--force', name)
        return None if created.code == 0 else created


class Document(FeaturesTest):

    def test_how_it_is_printed(self):
        # CRI-O and go-runc read it with standard error mixed in.
        self.assertEqual('', self.raw.err)
        self.assertTrue(self.raw.out.startswith('{\n    "ociVersionMin": "1.0.0",\n    "ociVersionMax": "1.3.0",\n'))
        self.assertTrue(self.raw.out.endswith('}\n'))
        self.assertEqual(self.raw.out, json.dumps(self.features, indent=4) + '\n')
        # Neither a state root nor an environment is needed.
        self.assertEqual(self.raw.out, self.assert_ok(run([self.runtime, 'features'], env={})).out)

    def test_members(self):
        self.assertEqual(['ociVersionMin', 'ociVersionMax', 'hooks', 'mountOptions', 'linux', 'annotations',
                          'potentiallyUnsafeConfigAnnotations'], list(self.features))
        self.assertEqual(HOOKS, self.features['hooks'])
        self.assertEqual(sorted('pid network mount ipc uts user cgroup time'.split()), sorted(self.linux['namespaces']))
        self.assertLessEqual({'CAP_CHOWN', 'CAP_CHECKPOINT_RESTORE'}, set(self.linux['capabilities']))
        self.assertEqual({'v1', 'v2', 'systemd', 'systemdUser', 'rdma'}, set(self.linux['cgroup']))
        self.assertTrue(self.linux['cgroup']['v1'] and self.linux['cgroup']['v2'])
        for name in ('apparmor', 'selinux'):
            self.assertTrue(self.linux[name]['enabled'])
        self.assertTrue(self.linux['mountExtensions']['idmap']['enabled'])  # containerd asks for pods with users
        self.assertIn('rro', self.features['mountOptions'])  # dockerd asks for recursive read-only mounts
        self.assertRegex(self.features['annotations']['io.github.seccomp.libseccomp.version'], r'^\d+\.\d+\.\d+$')
        for name in ('run.oci.hooks.stdout', 'run.oci.seccomp_bpf_data', 'org.systemd.property.'):
            self.assertIn(name, self.features['potentiallyUnsafeConfigAnnotations'])

    def test_no_name_twice(self):
        def lists(value):
            if isinstance(value, dict):
                for member in value.values():
                    yield from lists(member)
            elif isinstance(value, list):
                yield value
        for names in lists(self.features):
            self.assertEqual(len(set(names)), len(names), names)

    def test_seccomp(self):
        seccomp = self.linux['seccomp']
        self.assertTrue(seccomp['enabled'])
        self.assertEqual(9, len(seccomp['actions']))
        self.assertEqual(7, len(seccomp['operators']))
        self.assertEqual(23, len(seccomp['archs']))
        self.assertEqual(4, len(seccomp['knownFlags']))
        self.assertLessEqual(set(seccomp['supportedFlags']), set(seccomp['knownFlags']))
        self.assertIn('SECCOMP_FILTER_FLAG_LOG', seccomp['supportedFlags'])

    def test_a_word_too_many(self):
        self.assertNotEqual(0, run([self.runtime, 'features', 'more']).code)


class BesideRunc(FeaturesTest):
    """Callers were written with runc's document at hand."""

    # acl and noacl are options of some file systems; runc 1.2 no longer lists them either.
    LACKING = {'/mountOptions': {'acl', 'noacl'}}

    def test_nothing_of_runcs_is_missing(self):
        runc = shutil.which('runc')
        if not runc:
            self.skipTest('runc is not installed')
        self.compare(json.loads(self.assert_ok(run([runc, 'features'])).out), self.features)

    def compare(self, theirs, ours, path=''):
        for key, value in theirs.items():
            where = f'{path}/{key}'
            if '.runc.' in key or where == '/ociVersionMax':
                continue
            with self.subTest(where):
                self.assertIn(key, ours)
                self.assertIs(type(value), type(ours[key]))
                if isinstance(value, dict):
                    self.compare(value, ours[key], where)
                elif isinstance(value, list):
                    self.assertLessEqual(set(value) - self.LACKING.get(where, set()), set(ours[key]))
                elif not key.endswith('.libseccomp.version'):
                    self.assertEqual(value, ours[key])


class Truth(FeaturesTest):

    def test_mount_options(self):
        # Each alone on a tmpfs; those that make it another kind of mount, or that need a partner, on what they need.
        special = {'bind': 'bind', 'rbind': 'bind', 'idmap': None, 'ridmap': None, 'remount': None}
        for option in self.features['mountOptions']:
            kind = special.get(option, 'tmpfs')
            if kind is None:
                continue

            def edit(config, option=option, kind=kind):
                config['mounts'].append({'destination': '/tmp', 'type': kind, 'source': '/tmp' if kind == 'bind' else
                                         'tmpfs', 'options': [option]})
            with self.subTest(option):
                self.assertIsNone(self.taken(edit))

    def test_mount_options_that_are_not_there(self):
        # They become data of the file system, and tmpfs knows no such thing.
        def edit(config):
            config['mounts'].append({'destination': '/tmp', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['nosuch']})
        self.assertNotIn('nosuch', self.features['mountOptions'])
        self.assertIsNotNone(self.taken(edit))

    def test_namespaces(self):
        for name in self.linux['namespaces']:
            def edit(config, name=name):
                config['linux']['namespaces'] = [{'type': t} for t in sorted({'mount', 'pid', name} - {'user'})]
                if name == 'user':
                    config['linux']['namespaces'].append({'type': 'user'})
                    ids = [{'containerID': 0, 'hostID': 0, 'size': 65536}]
                    config['linux'].update(uidMappings=ids, gidMappings=ids)
                    config['mounts'] = config['mounts'][:1]  # the others are of namespaces that it does not own
                if name != 'uts':
                    del config['hostname']
            with self.subTest(name):
                if not os.path.exists(f'/proc/self/ns/{ {"network": "net", "mount": "mnt"}.get(name, name)}'):
                    self.skipTest(f'this kernel has no {name} namespaces')
                self.assertIsNone(self.taken(edit))

        def unknown(config):
            config['linux']['namespaces'].append({'type': 'nosuch'})
        self.assertIn('nosuch', self.taken(unknown).err)

    def test_seccomp(self):
        seccomp = self.linux['seccomp']
        cases = [{'defaultAction': a, 'syscalls': [{'names': ['getppid'], 'action': 'SCMP_ACT_ALLOW'}]}
                 for a in seccomp['actions']
                 if a != 'SCMP_ACT_NOTIFY']  # that one needs an agent: test_oci_seccomp_notify
        cases += [{'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': [a]} for a in seccomp['archs']]
        cases += [{'defaultAction': 'SCMP_ACT_ALLOW', 'flags': [f]} for f in seccomp['supportedFlags']]
        cases += [{'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [
            {'names': ['getppid'], 'action': 'SCMP_ACT_ERRNO', 'args': [{'index': 0, 'value': 1, 'op': o}]}]}
                  for o in seccomp['operators']]
        for case in cases:
            with self.subTest(str(case)):
                self.assertIsNone(self.taken(lambda config, c=case: config['linux'].update(seccomp=c)))

    def test_sections_that_are_off_are_refused_and_those_that_are_on_are_not(self):
        sections = {
            'netDevices': ({'nosuchlink': {'name': 'eth7'}}, self.linux.get('netDevices', {}).get('enabled')),
            'intelRdt': ({'closID': 'nosuch', 'l3CacheSchema': 'L3:0=1'},
                         self.linux.get('intelRdt', {}).get('enabled')),
            'memoryPolicy': ({'mode': 'MPOL_DEFAULT', 'nodes': ''},
                             bool(self.linux.get('memoryPolicy', {}).get('modes'))),
        }
        for name, (value, on) in sections.items():
            with self.subTest(name):
                refused = self.taken(lambda config, n=name, v=value: config['linux'].update({n: v}))
                says_so = bool(refused) and 'is not supported by this version' in refused.err
                self.assertEqual(bool(on), not says_so, refused)

    def test_capabilities(self):
        def edit(config):
            config['process']['capabilities']['bounding'] = self.linux['capabilities']
        self.assertIsNone(self.taken(edit))
