# SPDX-License-Identifier: Apache-2.0
"""What `crun-lite install --write` leaves in /etc, read by the callers themselves. podman, buildah and
dockerd run with theirs in their own tests."""
import os
import shutil

from support.harness import HostTest, paths

# What Debian's containerd comes with.
CONTAINERD = '''version = 2

[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "/usr/lib/cni"
      conf_dir = "/etc/cni/net.d"
'''


class Installed(HostTest):

    def setUp(self):
        super().setUp()
        if os.environ.get('CRUN_LITE_TESTS_NESTED'):
            self.skipTest('the callers are not among the packages of the minimal root; the outer run does it')
        if paths.runtime_under_test() != 'crun-lite':
            self.skipTest('crun-lite writes configuration for itself alone')

    def needs(self, program):
        if not shutil.which(program):
            self.fail(f'{program} is not there; ./tests/run installs it')

    def on_host(self, *argv, **kwargs):
        return self.assert_ok(self.host.run(argv, **kwargs)).out

    def put(self, path, text):
        self.on_host('sh', '-c', 'mkdir -p "$(dirname "$0")" && cat > "$0"', path, stdin=text)

    def test_containerd_reads_it_and_keeps_the_rest(self):
        self.needs('containerd')
        self.put('/etc/containerd/config.toml', CONTAINERD)
        self.on_host(paths.CRUN_LITE, 'install', '--for', 'containerd', '--write', '--default', '--systemd-cgroup')
        dump = self.containerd_dump()
        for line in ('default_runtime_name = "crun-lite"', '.runtimes.crun-lite]', '.runtimes.crun-lite.options]',
                     f'BinaryName = "{paths.CRUN_LITE}"', 'SystemdCgroup = true', 'bin_dir = "/usr/lib/cni"',
                     '.runtimes.runc]'):
            self.assertIn(line, dump)
        # What containerd says is its whole configuration, every table of it there, can be added to as well.
        self.put('/etc/containerd/config.toml', self.on_host('containerd', 'config', 'default'))
        self.on_host(paths.CRUN_LITE, 'install', '--for', 'containerd', '--write', '--default')
        dump = self.containerd_dump()
        for line in ('default_runtime_name = "crun-lite"', '.runtimes.crun-lite.options]', '.runtimes.runc]'):
            self.assertIn(line, dump)
        self.assertNotIn('default_runtime_name = "runc"', dump)

    def containerd_dump(self):
        return self.on_host('containerd', 'config', 'dump')
