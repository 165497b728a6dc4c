# SPDX-License-Identifier: Apache-2.0
"""The root file system of the test machine with systemd: Debian's packages, by mmdebstrap, made once and kept below the
build directory; and on top of it, made for each run, the kernel's modules, the tests and the programs that they test.
The kernel unpacks both, one after the other, as its initramfs."""
import hashlib
import pathlib
import shutil
import subprocess
import tarfile

from guest_root import Tree

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parents[1]
# Beyond Debian's essential packages. The second line is what crun-lite's programs and the tests need, the third are
# the peers, to test the tests.
PACKAGES = ('systemd systemd-sysv dbus dbus-user-session libpam-systemd '
            'uidmap python3 iproute2 busybox-static mount libstdc++6 '
            'crun runc').split()
# Once the packages are installed, these take time to unpack and nobody reads them.
LEFT_OUT = tuple('dev/ var/cache/ var/lib/apt/ var/lib/dpkg/ var/log/ usr/share/doc/ usr/share/man/ usr/share/locale/ '
                 'usr/share/info/ usr/share/zoneinfo/ usr/share/bash-completion/ usr/share/i18n/ usr/bin/perl '
                 'usr/lib/x86_64-linux-gnu/perl-base/ usr/lib/x86_64-linux-gnu/gconv/ usr/lib/python3.11/test/ '
                 'usr/lib/python3.11/lib2to3/ usr/lib/python3.11/pydoc_data/ usr/lib/systemd/catalog/ '
                 'usr/lib/udev/'.split())
USER, UID = 'tester', 1000
# name, text: what a person would have done on such a machine
FILES = (
    ('etc/hostname', 'machine\n'),
    ('etc/machine-id', '0123456789abcdef0123456789abcdef\n'),
    ('etc/hosts', '127.0.0.1 localhost\n::1 localhost\n'),
    ('etc/resolv.conf', 'nameserver 192.0.2.53\n'),
    ('etc/fstab', ''),
    ('etc/subuid', f'{USER}:100000:65536\n'),
    ('etc/subgid', f'{USER}:100000:65536\n'),
    (f'var/lib/systemd/linger/{USER}', ''),  # the user's manager runs without a login
)
ACCOUNT = {'etc/passwd': f'{USER}:x:{UID}:{UID}::/home/{USER}:/bin/sh\n', 'etc/group': f'{USER}:x:{UID}:\n',
           'etc/shadow': f'{USER}:*:19000:0:99999:7:::\n', 'etc/gshadow': f'{USER}:!::\n'}


class Archive:
    """A newc archive (Linux, driver-api/early-userspace/buffer-format.rst), written member by member."""

    def __init__(self, stream):
        self.stream, self.inode = stream, 0

    def add(self, name, mode, uid, gid, content=b''):
        self.inode += 1
        fields = (self.inode, mode, uid, gid, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        self._padded(b'070701' + b''.join(b'%08X' % f for f in fields) + name.encode() + b'\0')
        self._padded(content)

    def close(self):
        self.add('TRAILER!!!', 0, 0, 0)

    def _padded(self, data):
        self.stream.write(data + b'\0' * (-len(data) % 4))


def _members(tar):
    """(name, member, content) of what the guest needs."""
    for member in tar:
        name = member.name.removeprefix('./').rstrip('/')
        if not name or name == '.' or name.startswith(LEFT_OUT) or member.isdev():
            continue
        if member.isdir():
            yield name, member, b''
        elif member.issym():
            yield name, member, member.linkname.encode()
        elif member.isreg() or member.islnk():
            yield name, member, tar.extractfile(member).read()


def _pack_debian(tarball, output):
    kinds = {tarfile.DIRTYPE: 0o040000, tarfile.SYMTYPE: 0o120000}
    with tarfile.open(tarball) as tar, open(output, 'wb') as stream:
        archive = Archive(stream)
        for name, member, content in _members(tar):
            content += ACCOUNT.get(name, '').encode()
            if name in dict(FILES):
                continue
            archive.add(name, kinds.get(member.type, 0o100000) | member.mode, member.uid, member.gid, content)
        archive.add(f'home/{USER}', 0o040755, UID, UID)
        archive.add('var/lib/systemd/linger', 0o040755, 0, 0)
        for name, text in FILES:
            archive.add(name, 0o100644, 0, 0, text.encode())
        archive.close()


def debian_part(work):
    """The archive with Debian's packages. `rm` it to have it made anew."""
    recipe = hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()[:12]
    made = work / f'debian-{recipe}.cpio'
    if made.exists():
        return made
    for old in work.glob('debian-*.cpio'):
        old.unlink()
    tarball = work / 'debian.tar'
    script = 'set -euo pipefail; . scripts/lib.sh; debian_root "$@"'
    options = ['--variant=essential', f'--include={",".join(PACKAGES)}']
    subprocess.run(['bash', '-c', script, 'bash', str(tarball), *options], cwd=REPO, check=True)
    part = made.with_suffix('.part')
    _pack_debian(tarball, part)
    tarball.unlink()
    part.rename(made)
    return made


class DebianRoot(Tree):
    """What is new in each run."""

    modules = '/usr/lib/modules'  # /lib is a link

    def __init__(self, work):
        super().__init__(work / 'systemd')
        self.debian = debian_part(work)
        self.put(HERE / 'guest/systemd-init', '/init')
        self.put(HERE / 'guest/crun-lite-tests.service', '/usr/lib/systemd/system/crun-lite-tests.service')

    def put_program(self, source, target, strip=False):
        """Debian's libraries of this machine are those of the guest."""
        placed = self.put(source, target)
        if strip:
            subprocess.run(['strip', '--strip-debug', str(placed)], check=True)

    def pack(self, output):
        new = output.with_suffix('.new')
        super().pack(new)
        with open(output, 'wb') as whole:
            for part in (self.debian, new):
                with open(part, 'rb') as stream:
                    shutil.copyfileobj(stream, whole, 1 << 20)
        new.unlink()
