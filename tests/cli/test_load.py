# SPDX-License-Identifier: Apache-2.0
"""`load`: what it prints, what it stores, and that nothing short of a whole image is ever in the store."""
import gzip
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import tarfile

from support.harness import ScratchTest, paths, process, run, unittest
from support.images import Image, compress, digest, directory, member, symlink, tar

ROUNDS = int(os.environ.get('CRUN_LITE_KILL_POINTS', '25'))


class LoadTest(ScratchTest):
    def setUp(self):
        super().setUp()
        self.store = self.path('store')

    def load(self, *args, store=None, **kwargs):
        return run([paths.CRUN_LITE_IMAGE, '--store', store or self.store, 'load', *args], **kwargs)

    def archive(self, image, *tags):
        return image.docker_archive(self.path(f'{self.name()}.tar'), *tags)

    def diff(self, layer, store=None):
        return f'{store or self.store}/layers/{digest(layer)[7:]}/diff'

    def record(self, image, store=None):
        with open(f'{store or self.store}/images/{image.id[7:]}', encoding='utf-8') as f:
            return json.load(f)

    def assert_whole(self, store=None):
        """Every name leads to an image, every image to its configuration, manifest and layers, and the next
        command finds no leftovers it could not sweep."""
        store = store or self.store
        for folder, _, files in os.walk(f'{store}/refs'):
            for name in files:
                with open(os.path.join(folder, name), encoding='utf-8') as f:
                    self.assertTrue(os.path.exists(f'{store}/images/{json.load(f)["image"][7:]}'))
        for name in os.listdir(f'{store}/images'):
            with open(f'{store}/images/{name}', encoding='utf-8') as f:
                record = json.load(f)
            for blob in (record['id'], record['manifest']):
                with open(f'{store}/blobs/sha256/{blob[7:]}', 'rb') as f:
                    self.assertEqual(blob, digest(f.read()))
            for folder in record['dirs']:
                self.assertTrue(os.path.isdir(f'{store}/{folder}'), folder)
                if folder.startswith('layers/'):
                    with open(f'{store}/{folder}/../meta.json', encoding='utf-8') as f:
                        self.assertEqual(folder.split('/')[1], json.load(f)['diffID'][7:])


class Words(LoadTest):
    def test_names_are_printed_as_docker_does(self):
        image = Image([tar([member('f', 'x')])])
        result = self.assert_ok(self.load('-i', self.archive(image, 'a:1', 'docker.io/library/b:latest', 'q.io/c/d:2')))
        self.assertEqual('Loaded image: a:1\nLoaded image: b:latest\nLoaded image: q.io/c/d:2\n', result.out)
        self.assertEqual('', result.err)

    def test_without_a_name_the_id_is_printed(self):
        image = Image([tar([member('f', 'x')])])
        result = self.assert_ok(self.load('-q', '-i', self.archive(image)))
        self.assertEqual(f'Loaded image ID: {image.id}\n', result.out)

    def test_a_moved_name_is_said(self):
        old, new = (Image([tar([member('f', x)])]) for x in 'ab')
        self.assert_ok(self.load('-i', self.archive(old, 'a:1')))
        result = self.assert_ok(self.load('-i', self.archive(new, 'a:1')))
        self.assertEqual(f'The image a:1 already exists, renaming the old one with ID {old.id} to empty string\n'
                         'Loaded image: a:1\n', result.out)

    def test_standard_input_plain_and_compressed(self):
        path = self.archive(Image([tar([member('f', 'x')])]), 'a:1')
        with open(path, 'rb') as f:
            data = f.read()
        argv = [paths.CRUN_LITE_IMAGE, '--store', self.store, 'load']
        for packed in (data, gzip.compress(data), compress(data, 'zstd')[0]):
            done = subprocess.run(argv, input=packed, stdout=subprocess.PIPE, timeout=60, check=True)
            self.assertEqual(b'Loaded image: a:1\n', done.stdout)
        with open(path, 'rb') as f:
            done = subprocess.run(argv, stdin=f, stdout=subprocess.PIPE, timeout=60, check=True)
        self.assertEqual(b'Loaded image: a:1\n', done.stdout)

    def test_oci_layouts_in_every_shape(self):
        image = Image([tar([member('f', 'x')])])
        for how in ('none', 'gzip', 'zstd'):
            archive = image.oci_archive(self.path(f'{how}.tar'), f'{how}:1', how)
            self.assertEqual(f'Loaded image: {how}:1\n', self.assert_ok(self.load('-i', archive)).out)
        layout = image.oci_layout(self.path('my-app'), 'v2')
        self.assertEqual('Loaded image: my-app:v2\n', self.assert_ok(self.load('-i', layout)).out)
        self.assertEqual(1, len(os.listdir(f'{self.store}/layers')))
        self.assert_whole()

    def test_another_platforms_image_is_named(self):
        image = Image([tar([member('f', 'x')])])
        files = image.oci_files('a:1')
        index = json.loads(files['index.json'])
        index['manifests'][0]['platform'] = {'os': 'linux', 'architecture': 'mips'}
        files['index.json'] = json.dumps(index).encode()
        path = self.write('a.tar', tar([member(n, d) for n, d in files.items()]))
        self.assert_fails(self.load('-i', path), 1, 'no image for linux/', 'it has linux/mips')
        self.assert_ok(self.load('--platform', 'linux/mips', '-i', path))

    def test_errors_say_what_where_and_what_to_do(self):
        image = Image([tar([member('f', 'x')]), tar([member('g', 'y')])])
        files = image.oci_files('a:1', 'none')
        name = 'blobs/sha256/' + digest(image.layers[1])[7:]
        files[name] = files[name].replace(b'y', b'z')
        path = self.write('a.tar', tar([member(n, d) for n, d in files.items()]))
        self.assert_fails(self.load('-i', path), 1,
                          f'load {path}: layer 2 ({digest(image.layers[1])}): digest mismatch',
                          'the archive says sha256:', 'fetch it again')
        self.assert_fails(self.load('-i', self.path('nowhere')), 1, f'open {self.path("nowhere")}: No such file')
        self.assert_fails(self.load('-x'), 1, 'load: ')
        self.assertEqual([], os.listdir(f'{self.store}/layers'))


class Fidelity(LoadTest):
    """Every attribute of every path, against GNU tar with the same archive."""

    def tree(self, top):
        out = {}
        for folder, directories, files in os.walk(top):
            for name in ['.', *directories, *files]:
                path = os.path.normpath(os.path.join(folder, name))
                st = os.lstat(path)
                kind = stat.S_IFMT(st.st_mode)
                content = None
                if stat.S_ISREG(st.st_mode):
                    with open(path, 'rb') as f:
                        content = f.read()
                elif stat.S_ISLNK(st.st_mode):
                    content = os.readlink(path)
                xattrs = {a: os.getxattr(path, a, follow_symlinks=False)
                          for a in os.listxattr(path, follow_symlinks=False)}
                nlink = st.st_nlink if kind != stat.S_IFDIR else 0
                out[os.path.relpath(path, top)] = (kind, stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, st.st_size
                                                   if kind != stat.S_IFDIR else 0, st.st_mtime_ns, nlink, st.st_rdev,
                                                   xattrs, content)
        return out

    def compare(self, layer, umask=0o077):
        image = Image([layer])
        self.assert_ok(self.load('-i', self.archive(image, 'a:1'), preexec_fn=lambda: os.umask(umask)))
        expected = self.path('expected')
        os.makedirs(expected)
        path = self.write('layer.tar', layer)
        run(['tar', '-C', expected, '--xattrs', '--xattrs-include=*', '--numeric-owner',
             '--delay-directory-restore', '-xpf', path], check=True)
        theirs, ours = self.tree(expected), self.tree(self.diff(layer))
        self.assertEqual(sorted(theirs), sorted(ours))
        for name, attributes in theirs.items():
            self.assertEqual([str(a)[:200] for a in attributes], [str(a)[:200] for a in ours[name]], name)
            self.assertEqual(attributes, ours[name], name)

    def members(self):
        ns = {'mtime': 1600000000.123456789}
        return [
            directory('./', mode=0o755, uid=0, **ns),
            directory('setgid', mode=0o2775, gid=50), member('setgid/inside', 'x', uid=0, gid=0),
            directory('setgid/sub', mode=0o755, gid=0),
            directory('closed', mode=0o000, uid=1000, gid=1000, **ns), member('closed/f', 'x', mode=0o000),
            directory('tmp', mode=0o1777),
            member('suid', 'x' * 5000, mode=0o6755, uid=1000, gid=2000, **ns),
            member('cap', 'x', uid=3, pax_headers={'SCHILY.xattr.security.capability':
                                                   '\x01\x00\x00\x02\x00\x04\x00\x00' + '\x00' * 12}),
            member('xattr', 'x', pax_headers={'SCHILY.xattr.user.note': 'two\nlines'}),
            member('empty'), member('zeros', b'\0' * 300000), member('big', os.urandom(700000)),
            member('holes', b'a' + b'\0' * 1000000 + b'b'),
            symlink('link', 'nowhere/at all', uid=7, gid=8, **ns), symlink('abs', '/etc/passwd'),
            member('hard', type=tarfile.LNKTYPE, linkname='suid'),
            member('hardlink-to-link', type=tarfile.LNKTYPE, linkname='link'),
            member('fifo', type=tarfile.FIFOTYPE, mode=0o640),
            member('null', type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
            member('disk', type=tarfile.BLKTYPE, devmajor=8, devminor=1, mode=0o660, gid=6),
            member('n' * 255, 'x'), member('/'.join(['long' * 20] * 12), 'deep'),
            member('größe', 'x'), member('cafe\u0301', 'x'), member('new\nline', 'x'),
            member('big-ids', 'x', uid=4000000000, gid=4294967294), member('old', 'x', mtime=-86400),
            member('future', 'x', mtime=4102444800),
        ]

    def test_pax(self):
        self.compare(tar(self._with_parents(self.members())))

    def test_gnu(self):
        plain = [m for m in self.members() if not m[0].pax_headers]
        self.compare(tar(self._with_parents(plain), tarfile.GNU_FORMAT), umask=0)

    def _with_parents(self, members):
        """GNU tar would give missing parents the time of day."""
        parts = ['long' * 20] * 11
        return members[:1] + [directory('/'.join(parts[:n])) for n in range(1, 12)] + members[1:]

    def test_gnu_tars_own_archives(self):
        top = self.path('top')
        os.makedirs(f'{top}/d')
        self.write('top/d/latin', 'x')
        os.rename(f'{top}/d/latin', f'{top}/d/caf\udce9')
        with open(f'{top}/sparse', 'wb') as f:
            f.truncate(50 << 20)
            f.seek(20 << 20)
            f.write(b'data')
        os.link(f'{top}/sparse', f'{top}/d/hard')
        for options in (['--format=gnu', '-S'], ['--format=pax', '-S'], ['--format=pax'], ['--format=ustar']):
            path = self.path('own.tar')
            run(['tar', '-C', top, *options, '-cf', path, '.'], check=True)
            with open(path, 'rb') as f:
                self.compare(f.read())
            shutil.rmtree(self.path('expected'))
            shutil.rmtree(self.store)

    def test_holes_stay_holes(self):
        layer = tar([member('zeros', b'\0' * (20 << 20))])
        self.assert_ok(self.load('-i', self.archive(Image([layer]), 'a:1')))
        self.assertLess(os.stat(self.diff(layer) + '/zeros').st_blocks * 512, 1 << 20)

    def test_store_is_private_whatever_the_umask(self):
        layer = tar([member('f', 'x', mode=0o666)])
        self.assert_ok(self.load('-i', self.archive(Image([layer]), 'a:1'), preexec_fn=lambda: os.umask(0)))
        for folder, directories, files in os.walk(self.store):
            if 'diff' in directories:
                directories.remove('diff')
            for name in directories + files:
                mode = stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode)
                self.assertEqual(0, mode & 0o077, os.path.join(folder, name))

    def test_a_directory_without_an_entry_keeps_the_lower_layers_attributes(self):
        image = Image([tar([directory('etc', mode=0o750, uid=5), member('etc/a', '1')]), tar([member('etc/b', '2')])])
        self.assert_ok(self.load('-i', self.archive(image, 'a:1')))
        dirs = self.record(image)['dirs']
        self.assertEqual(3, len(dirs))
        st = os.stat(f'{self.store}/{dirs[0]}/etc')
        self.assertEqual((0o750, 5), (stat.S_IMODE(st.st_mode), st.st_uid))

    def test_loads_at_once(self):
        path = self.archive(Image([tar([member(f'f{i}', os.urandom(1000)) for i in range(500)])]), 'a:1')
        argv = [paths.CRUN_LITE_IMAGE, '--store', self.store, 'load', '-i', path]
        # Often enough to meet a sweep between another's mkdir and its lock, which took one load in twenty.
        for _ in range(12):
            started = [subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(6)]
            ended = [(p.communicate(timeout=60)[1], p.returncode) for p in started]
            self.assertEqual([(b'', 0)] * 6, ended)
            self.assert_whole()
            self.assertEqual([], os.listdir(f'{self.store}/tmp'))
            shutil.rmtree(self.store)


class Faults(LoadTest):
    def image(self):
        return Image([tar([directory('etc')] + [member(f'etc/f{i}-{n}', os.urandom(2000)) for i in range(20)])
                      for n in range(3)])

    def test_killed_anywhere_the_store_stays_whole(self):
        strace = shutil.which('strace')
        if not strace:
            self.skipTest('strace is not installed')
        image = self.image()
        path = self.archive(image, 'a:1')
        env = process.NO_LEAK_CHECK
        # Which system calls one load makes, and then one kill at a spread of them.
        trace = self.path('trace')
        argv = [paths.CRUN_LITE_IMAGE, '--store', self.path('first'), 'load', '-i', path]
        calls = 'openat,mkdirat,write,pwrite64,renameat2,syncfs,fsync,flock,unlinkat,linkat'
        run([strace, '-f', '-qq', '-e', f'trace={calls}', '-o', trace, *argv], check=True, env=env)
        counts = {}
        with open(trace, encoding='utf-8') as f:
            for line in f:
                begun = re.match(r'(\d+) +(\w+)\(', line)
                if not begun:
                    continue
                thread, call = begun.groups()
                counts[thread, call] = counts.get((thread, call), 0) + 1
        points = [(call, n) for (_, call), count in counts.items() for n in range(1, count + 1)]
        killed = 0
        for call, n in points[::max(1, len(points) // ROUNDS)]:
            argv[2] = self.store
            done = run([strace, '-f', '-qq', '-e', f'trace={call}', '-e',
                        f'inject={call}:signal=KILL:when={n}',
                        '-o', '/dev/null', *argv], env=env)
            killed += done.code != 0
            if os.path.exists(f'{self.store}/version'):
                self.assert_whole()
            self.assert_ok(self.load('-i', path))
            self.assert_whole()
            self.assertEqual([], os.listdir(f'{self.store}/tmp'))
            shutil.rmtree(self.store)
        self.assertGreaterEqual(killed, ROUNDS // 2)

    def test_a_full_disk_leaves_a_whole_store(self):
        image = Image([tar([member('big', os.urandom(6 << 20))])])
        small = Image([tar([member('f', 'x')])])
        mount = self.path('disk')
        os.mkdir(mount)
        run(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'test', mount], check=True)
        self.addCleanup(run, ['umount', '-l', mount])
        store = f'{mount}/store'
        self.assert_fails(self.load('-i', self.archive(image, 'big:1'), store=store), 1, 'No space left on device')
        self.assertEqual([], os.listdir(f'{store}/tmp'))
        self.assertEqual([], os.listdir(f'{store}/layers'))
        self.assert_ok(self.load('-i', self.archive(small, 'small:1'), store=store))
        self.assert_whole(store)

    def test_inodes_run_out(self):
        image = Image([tar([member(f'f{i}') for i in range(300)])])
        mount = self.path('disk')
        os.mkdir(mount)
        run(['mount', '-t', 'tmpfs', '-o', 'nr_inodes=100', 'test', mount], check=True)
        self.addCleanup(run, ['umount', '-l', mount])
        result = self.load('-i', self.archive(image, 'a:1'), store=f'{mount}/store')
        self.assert_fails(result, 1, 'No space left on device')
        self.assertEqual([], os.listdir(f'{mount}/store/tmp'))

    def test_ended_by_a_signal_leaves_no_name(self):
        path = self.archive(self.image(), 'a:1')
        reader, writer = os.pipe()
        process = subprocess.Popen([paths.CRUN_LITE_IMAGE, '--store', self.store, 'load'], stdin=reader)
        os.close(reader)
        with open(path, 'rb') as f, os.fdopen(writer, 'wb') as out:
            out.write(f.read(30000))
            out.flush()
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=10)
        self.assert_ok(self.load('-i', path))
        self.assert_whole()
        self.assertEqual([], os.listdir(f'{self.store}/tmp'))


if __name__ == '__main__':
    unittest.main()
