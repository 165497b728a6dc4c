# SPDX-License-Identifier: Apache-2.0
"""What the tests of `run IMAGE` share: a machine with a busybox image called `bb`, and an eye on what is left."""
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.harness import HostTest, Image, paths, probe, wait_until  # noqa: E402

STORE = '/var/lib/crun-lite'


class RunTest(HostTest):
    """self.run_bb('echo', 'hi') runs that in a new container of the image `bb`."""

    def setUp(self):
        super().setUp()
        self.load(self.image(), 'bb')
        self._cids = []
        self.addCleanup(self._assert_no_container_left)

    def image(self):
        """The image behind `bb`; a class may override it."""
        return Image()

    def argv(self, *args, image='bb', flags=()):
        """`run` with a file that tells the container's id, without knowing it in advance."""
        self._cids.append(self.path(f'{self.name("cid")}'))
        return [paths.CRUN_LITE, 'run', '--cidfile', self._cids[-1], *flags, image, *args]

    def run_bb(self, *args, flags=(), image='bb', **kwargs):
        return self.host.run(self.argv(*args, image=image, flags=flags), **kwargs)

    def start_bb(self, *args, flags=(), **popen):
        """In the background; give it a way to say that it has started, and wait for that."""
        return self.background(self.argv(*args, flags=flags), host=self.host, **popen)

    def container_id(self):
        """Of the container started last, once its program may run."""
        path = self._cids[-1]
        return wait_until(lambda: os.path.exists(path) and Path(path).read_text(encoding='ascii'), 'the cidfile')

    def on_host(self, *argv):
        return self.assert_ok(self.host.run(argv)).out

    def containers_left(self):
        return self.on_host('find', f'{STORE}/containers', '-mindepth', '1', '-maxdepth', '1').split()

    def _assert_no_container_left(self):
        # A run that was killed while it wrote its cidfile has left it empty: no id, and no cgroup yet.
        ids = [Path(cid).read_text(encoding='ascii') for cid in self._cids if os.path.exists(cid)]
        left = [f'cgroup: {path}' for cid in filter(None, ids) for path in probe.cgroups(cid)]
        left += [f'record: {path}' for path in self.containers_left()]
        self.assertEqual([], left, 'left behind')
