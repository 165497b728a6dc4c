# SPDX-License-Identifier: Apache-2.0
"""A machine of the test's own: private network and mount namespaces with an empty /run, an empty store and an
/etc that may be written to. Ports, bridges, firewall rules and stores of tests that run side by side never meet."""
import os
import subprocess
import tempfile

from . import probe
from .command import CommandTimeout, run

# The holder lives as long as its stdin: when the test process dies in whatever way, so does the machine.
_HOLDER = r'''
set -e
own=$1 temporary=$2/ mine=$3/
# Containers of the real machine and what other tests have mounted: private or not, a mount vanishes from here, too,
# when the directory below it is removed there. One that has vanished already is what we want.
awk -v temporary="$temporary" -v mine="$mine" \
  '$5 ~ "^/(run|var/lib)/crun-lite/" || index($5, temporary) == 1 && index($5, mine) != 1 { print $5 }' \
  /proc/self/mountinfo | tac | while read -r m; do umount -l "$m" 2>/dev/null || true; done
mount -t tmpfs -o mode=0700 host-scratch "$own"
mkdir "$own/cgroup"
mount --rbind /sys/fs/cgroup "$own/cgroup"
# Not covered but gone: podman unmounts what the list of mounts shows below /sys/kernel, and what is covered cannot be.
umount -l /sys
mount -t sysfs -o nosuid,nodev,noexec host-sys /sys
mount --rbind "$own/cgroup" /sys/fs/cgroup
umount -l "$own/cgroup"
mount -t tmpfs -o mode=0755 host-run /run
for d in /etc /var/lib; do
  mkdir -p "$own$d/upper" "$own$d/work"
  mount -t overlay -o "lowerdir=$d,upperdir=$own$d/upper,workdir=$own$d/work" host-overlay "$d"
done
mkdir -p /run/crun-lite /run/netns /run/lock /var/lib/crun-lite
mount -t tmpfs -o mode=0700 host-store /var/lib/crun-lite
ip link set lo up
# A new network takes over the real machine's forwarding, which is on while a container runs there.
echo 0 > /proc/sys/net/ipv4/ip_forward
echo 0 > /proc/sys/net/ipv6/conf/all/forwarding
echo ready
exec cat >/dev/null
'''


class Host:
    """`with Host() as h: h.run(['crun-lite', …])`. Everything in it disappears with it."""

    def __init__(self, scratch):
        own = os.path.join(scratch, 'host-' + os.urandom(3).hex())
        os.makedirs(own)
        self._holder = subprocess.Popen(
            ['unshare', '--mount', '--net', '--propagation', 'private', 'sh', '-c', _HOLDER, 'sh', own,
             os.path.realpath(tempfile.gettempdir()), os.path.realpath(scratch)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self._holder.stdout.readline() != 'ready\n':
            self._holder.stdin.close()
            raise AssertionError(f'no private machine: {self._holder.stderr.read()}')
        self.pid = self._holder.pid
        self.enter = ['nsenter', f'--mount=/proc/{self.pid}/ns/mnt', f'--net=/proc/{self.pid}/ns/net', '--']
        self._before = (self._mounts(), probe.network(self.enter))

    def _mounts(self):
        return [' '.join(m.split()[2:5]) for m in probe.mounts(pid=self.pid)]

    def run(self, argv, **kwargs):
        """Runs argv on this machine, as command.run does. The working directory is kept."""
        return run([*self._enter_at(kwargs.pop('cwd', None)), *argv], **kwargs)

    def popen(self, argv, **kwargs):
        """Starts argv on this machine; the caller ends it (RuntimeTest.background does so by itself)."""
        return subprocess.Popen([*self._enter_at(kwargs.pop('cwd', None)), *map(str, argv)],
                                start_new_session=True, **kwargs)

    def _enter_at(self, cwd):
        return [*self.enter[:-1], f'--wdns={cwd or os.getcwd()}', '--']

    def connect(self, ours, other, theirs, name='lan0'):
        """A cable between two machines: host.connect('192.0.2.1/24', other, '192.0.2.2/24')."""
        self.run(['ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', name, 'netns', str(other.pid)], check=True)
        for host, address in ((self, ours), (other, theirs)):
            host.run(['ip', 'addr', 'add', address, 'dev', name, *(['nodad'] if ':' in address else [])], check=True)
            host.run(['ip', 'link', 'set', name, 'up'], check=True)
        self.settle()
        other.settle()

    def settle(self):
        """What is there now is what must be there at the end."""
        self._before = (self._mounts(), probe.network(self.enter))

    def changes(self):
        """What is not as it was, as messages."""
        mounts_before, network_before = self._before
        mounts_now = self._mounts()
        found = [f'mount: new {m}' for m in mounts_now if m not in mounts_before]
        found += [f'mount: gone {m}' for m in mounts_before if m not in mounts_now]
        return found + probe.difference(network_before, probe.network(self.enter))

    def close(self):
        self._holder.stdin.close()
        try:
            self._holder.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait()
            raise CommandTimeout('the holder of a private machine did not end') from None
        finally:
            self._holder.stdout.close()
            self._holder.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
