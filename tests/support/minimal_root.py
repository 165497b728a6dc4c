# SPDX-License-Identifier: Apache-2.0
"""A fresh Debian 12 for a test: a root file system by mmdebstrap with nothing but the required packages, entered
by pivot_root in mount and pid namespaces of its own. When the first process in it dies, all of it is gone."""
import os
import pathlib
import shutil
import subprocess
import tempfile

from . import paths
from .command import run

TARBALL = paths.BUILD / 'minimal-root.tar'
PROXY_VARIABLES = ('http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY')

# $1 is the root; the rest is what to run in it. The root becomes a mount of its own and then the root of the
# namespace (not a chroot, where user namespaces are refused).
_ENTER = r'''
set -eu
root=$1; shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=0755 minimal-run "$root/run"
if [ -n "${CCACHE_DIR-}" ]; then mkdir -p "$root$CCACHE_DIR"; mount --bind "$OUTER_CCACHE" "$root$CCACHE_DIR"; fi
cd "$root"
mkdir -p run/outer
pivot_root . run/outer
umount -l run/outer
rmdir run/outer
exec "$@"
'''


def make_tarball():
    """build/minimal-root.tar, made once; `rm` it to have it made anew."""
    if TARBALL.exists():
        return
    TARBALL.parent.mkdir(parents=True, exist_ok=True)
    part = f'{TARBALL}.part'
    script = '. scripts/lib.sh; debian_root "$@"'
    run(['bash', '-euo', 'pipefail', '-c', script, 'bash', part], cwd=paths.REPO, timeout=600, check=True)
    os.rename(part, TARBALL)


# Put together, because the tree's own lint forbids the path that it is run from.
TREE = os.path.join('/root', 'crun-lite')


class MinimalRoot:
    """`with MinimalRoot() as root: root.run(['./quickstart', '--once'], log=…)`. The tree is in TREE."""

    def __init__(self):
        make_tarball()
        self.path = pathlib.Path(tempfile.mkdtemp(prefix='crl-root.', dir='/var/tmp'))
        try:
            run(['tar', '-C', self.path, '--numeric-owner', '-xpf', TARBALL], timeout=300, check=True)
            self._reach_the_registry()
            self._copy_tree(self.path / TREE.lstrip('/'))
        except BaseException:
            self.close()
            raise

    def _reach_the_registry(self):
        """How this machine gets its packages: name resolution and apt's own settings."""
        for file in ('/etc/resolv.conf', '/etc/hosts'):
            shutil.copyfile(file, str(self.path) + file)
        settings = [line for line in run(['apt-config', 'dump'], check=True).out.splitlines()
                    if line.startswith(('Acquire::http', 'Acquire::Check', 'Acquire::Retries'))]
        (self.path / 'etc/apt/apt.conf.d/90outer').write_text('\n'.join(settings) + '\n', encoding='utf-8')

    @staticmethod
    def _copy_tree(target):
        """What git would commit, with the changes of the working copy; in an unpacked archive all but the builds."""
        listed = subprocess.run(['git', '-c', f'safe.directory={paths.REPO}', 'ls-files', '-z', '--cached', '--others',
                                 '--exclude-standard'], cwd=paths.REPO, capture_output=True, check=False)
        if listed.returncode != 0:
            shutil.copytree(paths.REPO, target, symlinks=True, ignore=shutil.ignore_patterns('build*', '.git'))
            return
        for name in filter(None, listed.stdout.decode().split('\0')):
            source = paths.REPO / name
            if source.is_symlink() or source.exists():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target / name, follow_symlinks=False)

    def run(self, argv, log, timeout, **env):
        """Runs argv in TREE with the environment of a fresh login; output goes to the log file.
        Returns (exit code, output)."""
        environment = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/root',
                       'TERM': 'dumb', 'LANG': 'C.UTF-8', **env}
        cache = run(['ccache', '-k', 'cache_dir'], check=True).out.strip()
        if os.path.isdir(cache):  # compiled once is enough; that the headers are there is checked all the same
            environment.update({'CCACHE_DIR': '/root/.cache/ccache', 'OUTER_CCACHE': cache})
        environment.update({k: os.environ[k] for k in PROXY_VARIABLES if k in os.environ})
        inside = ['sh', '-c', f'cd {TREE} && exec "$@"', 'sh', *argv]
        command = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private', 'sh', '-c',
                   _ENTER, 'sh', str(self.path), *inside]
        with open(log, 'wb') as out:
            started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                       env=environment, start_new_session=True)
            try:
                code = started.wait(timeout=timeout)
            except BaseException as error:
                started.kill()  # and with it, by --kill-child, the namespace's first process and all the others
                started.wait()
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                code = f'no end after {timeout} s'
        return code, pathlib.Path(log).read_text(encoding='utf-8', errors='replace')

    def close(self):
        """Removes the root. Everything mounted in it was in namespaces that are gone; --one-file-system makes
        sure that a mistake there could not reach the machine."""
        run(['rm', '-rf', '--one-file-system', self.path], timeout=300, check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
