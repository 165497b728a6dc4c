# SPDX-License-Identifier: Apache-2.0
"""OCI bundles for tests: a root file system of busybox and a config.json equal to what `spec` prints, which a
test edits as the Python value it is."""
import copy
import json
import os
import pathlib
import shutil

BUSYBOX = '/bin/busybox'
APPLETS = ('[ cat chmod chown cp cut date dd df echo env false find grep head hostname id ifconfig ip kill ln ls mkdir '
           'mkfifo mknod mount mv nc nproc od printf ps pwd readlink rm rmdir sed seq sh sleep sort stat stty sync '
           'tail tee test timeout touch tr true tty umount uname wc wget which whoami xargs yes').split()

_CAPS = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE']
_MOUNTS = [
    ('/proc', 'proc', 'proc', []),
    ('/dev', 'tmpfs', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
    ('/dev/pts', 'devpts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']),
    ('/dev/shm', 'tmpfs', 'shm', ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k']),
    ('/dev/mqueue', 'mqueue', 'mqueue', ['nosuid', 'noexec', 'nodev']),
    ('/sys', 'sysfs', 'sysfs', ['nosuid', 'noexec', 'nodev', 'ro']),
    ('/sys/fs/cgroup', 'cgroup', 'cgroup', ['nosuid', 'noexec', 'nodev', 'relatime', 'ro']),
]
_MASKED = ['/proc/acpi', '/proc/asound', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list',
           '/proc/timer_stats', '/proc/sched_debug', '/sys/firmware', '/proc/scsi']
_READONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

SPEC = {
    'ociVersion': '1.0.2',
    'process': {
        'terminal': False,
        'user': {'uid': 0, 'gid': 0},
        'args': ['/bin/true'],
        'env': ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'],
        'cwd': '/',
        'capabilities': {k: _CAPS for k in ('bounding', 'effective', 'permitted')},
        'rlimits': [{'type': 'RLIMIT_NOFILE', 'hard': 1024, 'soft': 1024}],
        'noNewPrivileges': True,
    },
    'root': {'path': 'rootfs', 'readonly': True},
    'hostname': 'test',
    'mounts': [{'destination': d, 'type': t, 'source': s, **({'options': o} if o else {})} for d, t, s, o in _MOUNTS],
    'linux': {
        'resources': {'devices': [{'allow': False, 'access': 'rwm'}]},
        'namespaces': [{'type': t} for t in ('pid', 'network', 'ipc', 'uts', 'mount')],
        'maskedPaths': _MASKED,
        'readonlyPaths': _READONLY,
    },
}


def make_rootfs(path):
    """A root file system of one static busybox with its applets, passwd, group and the usual directories."""
    root = pathlib.Path(path)
    for name in ('bin', 'dev', 'etc', 'home', 'proc', 'root', 'run', 'sys', 'tmp', 'usr/bin', 'var'):
        (root / name).mkdir(parents=True, exist_ok=True)
    os.chmod(root, 0o755)
    os.chmod(root / 'tmp', 0o1777)
    shutil.copy2(BUSYBOX, root / 'bin/busybox')
    os.chmod(root / 'bin/busybox', 0o755)
    for applet in APPLETS:
        (root / 'bin' / applet).symlink_to('busybox')
    (root / 'etc/passwd').write_text('root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home:/bin/sh\n')
    (root / 'etc/group').write_text('root:x:0:\nalice:x:1000:\nvideo:x:44:alice\n')
    return root


class Bundle:
    """A bundle directory. `config` is the Python value; write() puts it on disk (the runtimes read it then)."""

    def __init__(self, path, args=('/bin/true',), cgroup=None):
        self.path = pathlib.Path(path)
        self.rootfs = make_rootfs(self.path / 'rootfs')
        self.config = copy.deepcopy(SPEC)
        self.config['process']['args'] = list(args)
        if cgroup:
            self.config['linux']['cgroupsPath'] = cgroup
        self.write()

    def write(self):
        """Puts the edited config on disk; returns self, so that it can end an edit."""
        (self.path / 'config.json').write_text(json.dumps(self.config, indent=2))
        return self

    def sh(self, script):
        """The container runs this shell script."""
        self.config['process']['args'] = ['/bin/sh', '-c', script]
        return self.write()

    def namespaces(self, *types, **joined):
        """Exactly these namespaces; joined ones by path: namespaces('mount', network='/run/netns/x')."""
        self.config['linux']['namespaces'] = [{'type': t} for t in types] + [
            {'type': t, 'path': p} for t, p in joined.items()]
        return self.write()
