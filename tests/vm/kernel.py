# SPDX-License-Identifier: Apache-2.0
"""Debian's kernel for the test machine: fetched with apt, unpacked below the build directory, never installed. Gives
the image and the modules that a container machine needs, in the order in which they load."""
import pathlib
import re
import shutil
import subprocess

PACKAGE = 'linux-image-cloud-amd64'
# What crun-lite uses and Debian builds as modules. The second group are the parts of nf_tables that our rules name,
# the last are how criu asks about sockets and connections.
MODULES = ('overlay erofs bridge veth br_netfilter '
           'nf_tables nft_ct nft_nat nft_masq nft_chain_nat nft_fib_inet nft_redir nft_reject_inet nft_limit '
           'dummy loop tun '
           'inet_diag tcp_diag udp_diag raw_diag unix_diag af_packet_diag netlink_diag nf_conntrack_netlink').split()


def _command(*argv, **kwargs):
    return subprocess.run(argv, check=True, capture_output=True, text=True, **kwargs).stdout


def _image_package():
    """The package with the files: the name above only depends on the newest one."""
    names = re.findall(r'^\s*Depends: (linux-image-\S+)', _command('apt-cache', 'depends', PACKAGE), re.MULTILINE)
    if not names:
        raise RuntimeError(f'apt knows no kernel behind {PACKAGE}')
    return names[0]


class Kernel:
    """An unpacked kernel package."""

    def __init__(self, tree):
        self.tree = pathlib.Path(tree)
        self.image = next(self.tree.glob('boot/vmlinuz-*'))
        self.version = self.image.name.removeprefix('vmlinuz-')
        self.modules = self.tree / 'lib/modules' / self.version

    @classmethod
    def fetch(cls, cache):
        """Uses what was fetched before; an interrupted fetch leaves nothing that looks finished."""
        tree = pathlib.Path(cache) / _image_package()
        if not tree.exists():
            part = tree.with_suffix('.part')
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            _command('apt-get', '-q', '-o', 'APT::Sandbox::User=root', 'download', tree.name, cwd=part)
            package = next(part.glob('*.deb'))
            _command('dpkg-deb', '-x', str(package), str(part))
            package.unlink()
            _command('busybox', 'depmod', '-b', str(part), next(part.glob('lib/modules/*')).name)
            part.rename(tree)
        return cls(tree)

    def load_order(self):
        """Paths of MODULES and of what they need, below self.modules, dependencies first. A module that this kernel
        has built in, or not at all, is left out: the tests say what is missing."""
        needs, by_name = {}, {}
        for line in (self.modules / 'modules.dep').read_text().splitlines():
            path, _, rest = line.partition(':')
            needs[path] = rest.split()
            by_name[pathlib.Path(path).name.split('.')[0].replace('-', '_')] = path
        order = []

        def add(path):
            if path not in order:
                for needed in needs.get(path, ()):
                    add(needed)
                order.append(path)

        for name in MODULES:
            if name in by_name:
                add(by_name[name])
        return order
