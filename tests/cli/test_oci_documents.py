# SPDX-License-Identifier: Apache-2.0
"""What `spec`, `list` and `state` write, field by field. Run against runc as well it says that runc writes the same;
the documents of `spec` are also held against runc's directly."""
import json
import os
import re
import shutil

from support.harness import RuntimeTest, run

# What other members the same container may have in another runtime's document, and why.
RUNCS_OTHERWISE = {
    '/ociVersion',  # the newest that is supported
    '/hostname',  # the runtime's name
    '/process/capabilities/ambient',  # a user gets none by the example; runc 1.2 has left them out as well
}


def members(value, path=''):
    """{JSON pointer: value} of a document; lists are values."""
    if not isinstance(value, dict):
        return {path: value}
    return {where: v for key in value for where, v in members(value[key], f'{path}/{key}').items()}


def differences(ours, theirs):
    """The pointers under which two documents differ."""
    ours, theirs = members(ours), members(theirs)
    return {p for p in ours.keys() | theirs.keys() if ours.get(p) != theirs.get(p)}


class Spec(RuntimeTest):

    def spec(self, *flags, program=None, cwd=None):
        """The document that `spec` with these flags writes into a new directory."""
        directory = cwd or self.path(self.name('spec'))
        os.makedirs(directory, exist_ok=True)
        result = self.assert_ok(run([*([program] if program else self._oci_argv()), 'spec', *flags], cwd=directory))
        self.assertEqual(('', ''), (result.out, result.err))
        with open(os.path.join(directory, 'config.json'), encoding='utf-8') as f:
            return json.load(f)

    def compare(self, *flags, otherwise=()):
        if self.runtime_name != 'crun-lite':
            self.skipTest('holds crun-lite\'s document against runc\'s')
        runc = shutil.which('runc')
        if not runc:
            self.skipTest('runc is not installed')
        ours, theirs = self.spec(*flags), self.spec(*flags, program=runc)
        self.assertLessEqual(differences(ours, theirs), RUNCS_OTHERWISE | set(otherwise))
        return ours, theirs

    def test_is_runcs(self):
        self.compare()

    def test_rootless_is_runcs(self):
        ours, theirs = self.compare('--rootless', otherwise={'/mounts'})
        # Somebody without privileges cannot mount a cgroup hierarchy of v1.
        self.assertEqual([m for m in theirs['mounts'] if m['destination'] != '/sys/fs/cgroup'], ours['mounts'])

    def test_where_it_is_written(self):
        directory = self.path('there')
        os.mkdir(directory)
        for words in (['--bundle', directory], [f'--bundle={directory}'], ['-b', directory]):
            self.assert_ok(self.oci('spec', *words))
            config = os.path.join(directory, 'config.json')
            self.assertEqual(0o644, os.stat(config).st_mode & 0o7777)
            os.unlink(config)
        for words in (['--bundle', self.path('nosuch')], ['-b', '/etc/passwd']):
            self.assert_fails(self.oci('spec', *words), 1)

    def test_rootless_maps_the_caller(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 writes no mappings')
        user = ['setpriv', '--reuid', '65534', '--regid', '65533', '--clear-groups']
        directory = self.path('rootless')
        os.mkdir(directory)
        os.chown(directory, 65534, 65533)
        self.assert_ok(run([*user, self.runtime, 'spec', '--rootless'], cwd=directory))
        with open(os.path.join(directory, 'config.json'), encoding='utf-8') as f:
            linux = json.load(f)['linux']
        for member, host in (('uidMappings', 65534), ('gidMappings', 65533)):
            self.assertEqual([{'containerID': 0, 'hostID': host, 'size': 1}], linux[member])
        self.assertNotIn('network', [n['type'] for n in linux['namespaces']])
        self.assertNotIn('resources', linux)


class Containers(RuntimeTest):
    MEMBERS = {'ociVersion': str, 'id': str, 'pid': int, 'status': str, 'bundle': str, 'rootfs': str, 'created': str,
               'annotations': dict, 'owner': str}
    TIME = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z'

    def setUp(self):
        super().setUp()
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 has other members and columns')

    def three(self):
        """Containers that are created, running, and stopped: their ids, in order of the alphabet."""
        names = []
        for status in ('created', 'running', 'stopped'):
            bundle = self.bundle(['/bin/true'] if status == 'stopped' else ['/bin/sleep', '1000'])
            bundle.config['annotations'] = {'a': status}
            name, created = self.create(bundle.write())
            self.assert_ok(created)
            if status != 'created':
                self.assert_ok(self.oci('start', name))
            self.wait_status(name, status)
            names.append(name)
        return names

    def check(self, container, name, status):
        self.assertEqual(self.MEMBERS, {key: type(value) for key, value in container.items()})
        self.assertEqual((name, status, {'a': status}), tuple(container[k] for k in ('id', 'status', 'annotations')))
        self.assertEqual(status == 'stopped', container['pid'] == 0)
        self.assertEqual(os.path.join(container['bundle'], 'rootfs'), container['rootfs'])
        self.assertRegex(container['created'], f'^{self.TIME}$')

    def test_json(self):
        names = self.three()
        for words in (['--format', 'json'], ['--format=json'], ['-f', 'json']):
            listed = json.loads(self.assert_ok(self.oci('list', *words)).out)
            self.assertEqual(names, [c['id'] for c in listed])
            for container, status in zip(listed, ('created', 'running', 'stopped')):
                self.check(container, container['id'], status)
        for container in listed:  # who owns it only `list` says
            self.assertEqual({**container, 'owner': ''}, self.state(container['id']))
            self.assertEqual('root', container['owner'])

    def test_state_is_indented(self):
        name = self.three()[1]
        answer = self.assert_ok(self.oci('state', name))
        self.assertEqual('', answer.err)
        self.check(json.loads(answer.out), name, 'running')
        self.assertEqual(json.dumps(json.loads(answer.out), indent=2), answer.out.rstrip('\n'))

    def test_table(self):
        """Go's tabwriter: cells of at least 12, with at least 3 blanks between."""
        names = self.three()
        lines = self.assert_ok(self.oci('list')).out.splitlines()
        rows = [['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER']]
        rows += [[str(c[k]) for k in ('id', 'pid', 'status', 'bundle', 'created')] + ['root']
                 for c in map(self.state, names)]
        widths = [max(12, *(len(row[i]) + 3 for row in rows)) for i in range(5)]
        self.assertEqual([''.join(cell.ljust(w) for cell, w in zip(row, widths)) + row[5] for row in rows], lines)

    def test_ids(self):
        names = self.three()
        for flag in ('--quiet', '-q'):
            self.assertEqual(names, self.assert_ok(self.oci('list', flag)).out.split('\n')[:-1])

    def test_none(self):
        for words in (['list'], ['list', '-q'], ['list', '--format', 'json']):
            answer = self.assert_ok(self.oci(*words))
            self.assertEqual('', answer.err)
            if words == ['list']:
                self.assertTrue(re.fullmatch(r'ID +PID +STATUS +BUNDLE +CREATED +OWNER\n', answer.out), answer.out)
            elif '-q' in words:
                self.assertEqual('', answer.out)
            else:
                self.assertEqual(None if self.runtime_name == 'runc' else [], json.loads(answer.out))

    def test_unknown_format(self):
        self.assert_fails(self.oci('list', '--format', 'xml'), 1)
