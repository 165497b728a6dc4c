# SPDX-License-Identifier: Apache-2.0
"""Looking at a container's cgroups on v1, v2 and both: the directory of a process, the files of a controller."""
import pathlib

from . import probe
from .harness import RuntimeTest

ROOT = pathlib.Path(probe.CGROUP_ROOT)
ON_V2 = (ROOT / 'cgroup.controllers').exists()
UNIFIED = ROOT if ON_V2 else ROOT / 'unified'
MEBIBYTE = 1 << 20


def directory(pid, controller):
    """Where a process is in the hierarchy that has this controller; '' is v2's. None when nothing has it."""
    for line in pathlib.Path(f'/proc/{pid}/cgroup').read_text(encoding='utf-8').splitlines():
        _, names, path = line.split(':', 2)
        if names == '' and (controller == '' or controller in _v2_controllers()):
            return UNIFIED / path.lstrip('/') if UNIFIED.exists() else None
        if controller and controller in names.split(','):
            return next((ROOT / place / path.lstrip('/') for place in (names, controller)
                         if (ROOT / place / 'cgroup.procs').exists()), None)
    return None


def _v2_controllers():
    file = UNIFIED / 'cgroup.controllers'
    return file.read_text(encoding='ascii').split() if file.exists() else []


class CgroupTest(RuntimeTest):
    """Containers with limits, and the files that hold them."""

    def limited(self, resources=None, args=('/bin/sleep', '1000'), start=False, **linux):
        """A created container with these resources; returns its id."""
        bundle = self.bundle(args)
        bundle.config['linux']['resources'].update(resources or {})
        bundle.config['linux'].update(linux)
        name, result = self.create(bundle.write())
        self.assert_ok(result)
        if start:
            self.assert_ok(self.oci('start', name))
        return name

    def refused(self, resources, *words, path=None):
        """create fails with these words, and leaves nothing."""
        bundle = self.bundle()
        if path:
            bundle.config['linux']['cgroupsPath'] = path
        bundle.config['linux']['resources'].update(resources)
        _, result = self.create(bundle.write())
        self.assertEqual(1, result.code, result)
        for word in words:
            self.assertIn(word, result.err)
        self.assertNotIn('no such file or directory', result.err.lower())
        self.assertEqual([], probe.cgroups(self.token))

    def file(self, name, controller, v1, v2):
        """The path of a file of the container's cgroup: its name in v1, its name in v2."""
        found = directory(self.state(name)['pid'], controller)
        if found is None and ON_V2:
            found = directory(self.state(name)['pid'], '')
        if found is None:
            self.skipTest(f'no hierarchy with {controller} is mounted here')
        return found / (v2 if str(found).startswith(str(UNIFIED) + '/') else v1)

    def value(self, name, controller, v1, v2):
        """What it holds."""
        path = self.file(name, controller, v1, v2)
        if not path.exists():
            self.skipTest(f'this kernel has no {path.name}')
        return path.read_text(encoding='utf-8').strip()
