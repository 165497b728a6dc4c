# SPDX-License-Identifier: Apache-2.0
"""The root file system of a test machine, as an initramfs. GuestRoot is that of the small one: busybox, Debian's
python3, a few programs of this machine with their libraries, the kernel's modules, and the tests with the programs that
they test. That of the one with systemd is in debian_root.py."""
import os
import pathlib
import re
import shutil
import subprocess

PROGRAMS = ('python3', 'dash', 'mount', 'umount', 'unshare', 'nsenter', 'setpriv', 'ip', 'ss', 'nft', 'strace',
            'criu', 'tar', 'gzip',  # criu keeps what a tmpfs holds in a tar archive
            'crun', 'runc')  # peers, to test the tests
# Parts of the standard library that no test imports, and extensions that would bring libraries along.
LEFT_OUT = {'test', 'idlelib', 'lib2to3', 'ensurepip', 'distutils', 'tkinter', 'turtledemo', 'pydoc_data',
            'dist-packages', 'config-3.11-x86_64-linux-gnu'}
LEFT_OUT_EXTENSIONS = re.compile(
    r'_(ssl|hashlib|sqlite3|tkinter|curses|curses_panel|dbm|crypt|ctypes_test|lzma|bz2|test\w*)\.')


class Tree:
    """Builds a tree in a directory, then packs it."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)

    def put(self, source, target):
        """Copies a file or tree to a path of the guest."""
        target = self.root / str(target).lstrip('/')
        target.parent.mkdir(parents=True, exist_ok=True)
        if pathlib.Path(source).is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns('__pycache__', '*.pyc'))
        elif not target.exists():
            shutil.copy2(source, target)
        return target

    def put_modules(self, kernel):
        """The modules, and a list of them in load order."""
        paths = []
        for relative in kernel.load_order():
            target = f'{self.modules}/{pathlib.Path(relative).name}'
            self.put(kernel.modules / relative, target)
            paths.append(target)
        (self.root / self.modules.lstrip('/') / 'order').write_text(''.join(f'{p}\n' for p in paths))

    modules = '/lib/modules'

    def pack(self, output):
        """The initramfs (newc), uncompressed: inflating it in the guest costs more than reading it."""
        names = sorted(str(p.relative_to(self.root)) for p in self.root.rglob('*'))
        with open(output, 'wb') as archive:
            subprocess.run(['busybox', 'cpio', '-o', '-H', 'newc'], cwd=self.root, check=True, stdout=archive,
                           stderr=subprocess.DEVNULL, input=''.join(f'{n}\n' for n in names).encode())


class GuestRoot(Tree):
    """The small machine's."""

    def __init__(self, root):
        super().__init__(root)
        for name in ('bin', 'sbin', 'usr/bin', 'usr/sbin', 'dev', 'proc', 'sys', 'run', 'tmp', 'mnt', 'etc', 'root',
                     'var/lib', 'var/tmp', 'lib/modules'):
            (self.root / name).mkdir(parents=True)
        (self.root / 'etc/passwd').write_text('root:x:0:0:root:/root:/bin/sh\n')
        (self.root / 'etc/group').write_text('root:x:0:\n')
        (self.root / 'etc/hosts').write_text('127.0.0.1 localhost\n::1 localhost\n')
        (self.root / 'etc/resolv.conf').write_text('nameserver 192.0.2.53\n')

    def put_program(self, source, target=None, strip=False):
        """Copies a program and the libraries that it loads."""
        source = pathlib.Path(source).resolve()
        placed = self.put(source, target or source)
        if strip:
            subprocess.run(['strip', '--strip-debug', str(placed)], check=True)
        self._put_libraries(source)

    def _put_libraries(self, source):
        listing = subprocess.run(['ldd', str(source)], capture_output=True, text=True, check=False)
        for line in listing.stdout.splitlines():  # "not a dynamic executable" prints none
            if found := re.search(r'(?:=> )?(/\S+) \(0x', line):
                self.put(os.path.realpath(found[1]), found[1])

    def put_busybox(self):
        """Every applet that no program of Debian's stands for already."""
        self.put('/bin/busybox', '/bin/busybox')
        listed = subprocess.run(['/bin/busybox', '--list'], capture_output=True, text=True, check=True)
        for applet in listed.stdout.split():
            places = [self.root / folder / applet for folder in ('bin', 'sbin', 'usr/bin', 'usr/sbin')]
            if not any(place.is_symlink() or place.exists() for place in places):
                places[0].symlink_to('busybox')

    def put_programs(self):
        for name in PROGRAMS:
            path = shutil.which(name, path='/usr/bin:/bin:/usr/sbin:/sbin')
            if path:
                self.put_program(path)
                link = self.root / 'bin' / name
                if not link.exists():
                    link.symlink_to(os.path.realpath(path))
        (self.root / 'bin/sh').symlink_to('dash')
        python = self.root / 'usr/bin/python3'
        if not python.exists():
            python.symlink_to(os.path.basename(os.path.realpath('/usr/bin/python3')))

    def put_python_library(self):
        """Debian's own standard library, with its compiled modules: emulated, compiling takes longer than the tests."""
        version = re.search(r'python(3\.\d+)', os.path.realpath('/usr/bin/python3'))[1]
        library = pathlib.Path(f'/usr/lib/python{version}')

        def left_out(folder, names):
            extensions = folder.endswith('lib-dynload')
            return [n for n in names if n in LEFT_OUT or (extensions and LEFT_OUT_EXTENSIONS.match(n))]

        shutil.copytree(library, self.root / str(library)[1:], ignore=left_out, symlinks=True,
                        ignore_dangling_symlinks=True)
        for extension in (self.root / str(library)[1:] / 'lib-dynload').glob('*.so'):
            self._put_libraries(library / 'lib-dynload' / extension.name)
