# SPDX-License-Identifier: Apache-2.0
"""The base class of the tests on a machine where systemd is process 1 (tests/vm/run --machine systemd, legacy)."""
import pathlib

from support.harness import RuntimeTest, run, wait_until

CGROUP = pathlib.Path('/sys/fs/cgroup')
BOOTED = pathlib.Path('/run/systemd/system').exists()
ON_V2 = (CGROUP / 'cgroup.controllers').exists()
MEBIBYTE = 1 << 20


class SystemdTest(RuntimeTest):
    """Containers whose cgroup is a scope. Only create and run are told so, as callers do it."""

    def setUp(self):
        self.addCleanup(self._stop_units)  # the last one: by then the containers have been deleted
        super().setUp()
        self._globals = []

    def _stop_units(self):
        for unit in self.units():
            run(['systemctl', 'kill', '--signal=KILL', unit])
            run(['systemctl', 'reset-failed', unit])

    def _oci_argv(self, runtime=None):
        return [*super()._oci_argv(runtime), *self._globals]

    def create(self, bundle, *options, **kwargs):
        self._globals = ['--systemd-cgroup']
        try:
            return super().create(bundle, *options, **kwargs)
        finally:
            self._globals = []

    def run_bundle(self, bundle, *options, **kwargs):
        self._globals = ['--systemd-cgroup']
        try:
            return super().run_bundle(bundle, *options, **kwargs)
        finally:
            self._globals = []

    def bundle(self, args=('/bin/sleep', '1000'), hint='b', **resources):
        """A bundle in system.slice with a unit of the test's own."""
        made = super().bundle(args, hint)
        made.config['linux']['resources'].update(resources)
        made.config['linux']['cgroupsPath'] = f'system.slice:crl:{self.name("u")}'
        if self.runtime_name == 'crun':  # else it takes a cgroup inside the scope
            made.config['annotations'] = {'run.oci.systemd.subgroup': ''}
        return made.write()

    def started(self, bundle):
        """The same, and it runs."""
        made = self.created(bundle)
        self.assert_ok(self.oci('start', made[0]))
        return made

    def created(self, bundle):
        """(id, unit, directory of its cgroup) of a container made of the bundle."""
        name, result = self.create(bundle)
        self.assert_ok(result)
        cgroup = self.cgroup_of(self.state(name)['pid'])
        return name, cgroup.name, cgroup

    def cgroup_of(self, pid):
        line = pathlib.Path(f'/proc/{pid}/cgroup').read_text().strip()
        self.assertTrue(line.startswith('0::/'), line)
        return CGROUP / line.removeprefix('0::/')

    def shown(self, unit, *properties):
        """{property: value} as systemd has them."""
        out = self.assert_ok(run(['systemctl', 'show', unit, *(f'--property={p}' for p in properties)])).out
        return dict(line.split('=', 1) for line in out.splitlines() if '=' in line)

    def units(self):
        """The test's transient units that systemd still knows; emulated, asking systemctl takes seconds."""
        return [unit.name for unit in pathlib.Path('/run/systemd/transient').glob('*.scope') if self.token in unit.name]

    def assert_gone(self, unit):
        wait_until(lambda: unit not in self.units(), f'{unit} is gone')
