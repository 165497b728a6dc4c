# SPDX-License-Identifier: Apache-2.0
"""linux.resources at create: each controller's values in the kernel's files, and an error in words for what this
kernel has not got."""
import os
import pathlib

from support import paths
from support.cgroups import MEBIBYTE, ON_V2, UNIFIED, CgroupTest, directory

DISK = next((path.read_text().strip() for path in sorted(pathlib.Path('/sys/block').glob('*/dev'))
             if path.parent.name.startswith(('vd', 'sd', 'nvme', 'loop', 'ram'))), None)
MAJOR, MINOR = map(int, DISK.split(':')) if DISK else (0, 0)


class Values(CgroupTest):

    def test_throttles(self):
        if not DISK:
            self.skipTest('this machine has no block device')
        device = {'major': MAJOR, 'minor': MINOR}
        name = self.limited({'blockIO': {'throttleReadBpsDevice': [{**device, 'rate': 1048576}],
                                         'throttleWriteIOPSDevice': [{**device, 'rate': 200}]}})
        controller = 'io' if ON_V2 else 'blkio'
        read = self.value(name, controller, 'blkio.throttle.read_bps_device', 'io.max')
        write = self.value(name, controller, 'blkio.throttle.write_iops_device', 'io.max')
        self.assertIn(read, (f'{DISK} 1048576', f'{DISK} rbps=1048576 wbps=max riops=max wiops=200'))
        self.assertIn(write, (f'{DISK} 200', read))

    def test_weight(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 knows blkio.weight alone, not that of BFQ')
        file = None
        name = self.limited()
        for candidate in ('blkio.weight', 'blkio.bfq.weight', 'io.bfq.weight', 'io.weight'):
            path = self.file(name, 'io' if ON_V2 else 'blkio', candidate, candidate)
            file = file or (path.name if path.exists() else None)
        if not file:
            self.skipTest('this kernel weighs no block devices')
        name = self.limited({'blockIO': {'weight': 500}})
        value = self.value(name, 'io' if ON_V2 else 'blkio', file, file)
        self.assertEqual('4950' if file == 'io.weight' else '500', value.split()[-1])

    def test_hugepages(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc 1.1 looks for hugetlb on v1 alone')
        name = self.limited()
        path = self.file(name, 'hugetlb', 'hugetlb.2MB.limit_in_bytes', 'hugetlb.2MB.max')
        if self.runtime_name != 'crun-lite' and not path.exists():
            self.skipTest('only crun-lite uses a controller of a hybrid\'s v2')
        name = self.limited({'hugepageLimits': [{'pageSize': '2MB', 'limit': 4 * MEBIBYTE}]})
        self.assertEqual(str(4 * MEBIBYTE),
                         self.value(name, 'hugetlb', 'hugetlb.2MB.limit_in_bytes', 'hugetlb.2MB.max'))
        if self.runtime_name != 'crun':
            self.assertEqual(str(4 * MEBIBYTE), self.value(name, 'hugetlb', 'hugetlb.2MB.rsvd.limit_in_bytes',
                                                           'hugetlb.2MB.rsvd.max'))

    def test_swappiness_and_the_killer(self):
        if ON_V2:
            self.skipTest('of cgroup v1 only')
        name = self.limited({'memory': {'limit': 32 * MEBIBYTE, 'swappiness': 33, 'disableOOMKiller': True}})
        self.assertEqual('33', self.value(name, 'memory', 'memory.swappiness', ''))
        self.assertIn('oom_kill_disable 1', self.value(name, 'memory', 'memory.oom_control', ''))

    def test_idle_and_burst(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('runc 1.1 and crun 1.8 do not know them')
        name = self.limited({'cpu': {'quota': 20000, 'period': 50000, 'burst': 10000, 'idle': 1}})
        self.assertEqual('10000', self.value(name, 'cpu', 'cpu.cfs_burst_us', 'cpu.max.burst'))
        self.assertEqual('1', self.value(name, 'cpu', 'cpu.idle', 'cpu.idle'))

    def test_realtime(self):
        path = directory(os.getpid(), 'cpu')
        if ON_V2 or not path or not (path / 'cpu.rt_runtime_us').exists():
            self.skipTest('this kernel gives no realtime to cgroups')

        def share(cgroup):
            runtime, period = (int((cgroup / f'cpu.rt_{n}_us').read_text()) for n in ('runtime', 'period'))
            return runtime / period
        if share(path) - sum(share(file.parent) for file in path.glob('*/cpu.rt_runtime_us')) < 0.01:
            self.skipTest('other cgroups have all the realtime')
        name = self.limited({'cpu': {'realtimeRuntime': 1000, 'realtimePeriod': 500000}})
        self.assertEqual('1000', self.value(name, 'cpu', 'cpu.rt_runtime_us', ''))
        self.assertEqual('500000', self.value(name, 'cpu', 'cpu.rt_period_us', ''))

    def test_old_members_are_harmless(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 wants a net_cls hierarchy for them')
        self.limited({'memory': {'limit': 32 * MEBIBYTE, 'kernel': 0, 'kernelTCP': 0, 'useHierarchy': True,
                                 'checkBeforeUpdate': True},
                      'blockIO': {}, 'hugepageLimits': [], 'network': {}, 'rdma': {}, 'unified': {}})

    def test_no_processes_at_all(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('runc and crun take 0 for "no limit"')
        name = self.limited({'pids': {'limit': 0}})
        self.assertEqual('0', self.value(name, 'pids', 'pids.max', 'pids.max'))


class Refused(CgroupTest):
    """What is missing is named, with what to do about it."""

    own_only = True

    def has(self, controller):
        return directory(os.getpid(), controller) is not None

    def test_rdma(self):
        if self.has('rdma'):
            self.skipTest('this machine has the rdma controller')
        self.refused({'rdma': {'mlx5_1': {'hcaHandles': 3}}}, 'rdma', '/proc/cgroups')

    def test_network(self):
        if self.has('net_cls') or self.has('net_prio'):
            self.skipTest('this machine has the controllers of network')
        self.refused({'network': {'classID': 1}}, 'net_cls')
        self.refused({'network': {'priorities': [{'name': 'lo', 'priority': 1}]}}, 'net_prio')

    def test_a_page_size_that_is_not_there(self):
        if not self.has('hugetlb'):
            self.skipTest('no hugetlb controller here')
        self.refused({'hugepageLimits': [{'pageSize': '3MB', 'limit': 1}]}, 'hugetlb.3MB', '2MB')

    def test_leaf_weight(self):
        self.refused({'blockIO': {'leafWeight': 10}}, 'leaf')

    def test_a_disk_that_is_not_there(self):
        device = {'major': 250, 'minor': 999, 'rate': 1}
        self.refused({'blockIO': {'throttleReadBpsDevice': [device]}}, '250:999', 'block device')

    def test_realtime_without_a_share_above(self):
        # A new cgroup has no realtime of its own to give to the one inside.
        self.refused({'cpu': {'realtimeRuntime': 500000, 'realtimePeriod': 1000000}},
                     'realtime' if ON_V2 else 'cpu.rt_runtime_us', path=f'/crl-{self.token}/inner')

    def test_members_of_v1_on_v2(self):
        if not ON_V2:
            self.skipTest('cgroup v1 has them')
        self.refused({'memory': {'swappiness': 10}}, 'swappiness', 'cgroup v1')
        self.refused({'memory': {'limit': 32 * MEBIBYTE, 'disableOOMKiller': True}}, 'disableOOMKiller', 'cgroup v1')
        self.refused({'network': {'classID': 1}}, 'cgroup v1')

    def test_unified_names(self):
        self.refused({'unified': {'nosuch.max': '1'}}, 'nosuch' if UNIFIED.exists() else 'cgroup v2')


class SmallMemory(CgroupTest):
    """A container starts with as little memory as the kernel and the peers allow (docs/benchmarks.md)."""

    SMALLEST = 512 << 10 if ON_V2 else MEBIBYTE

    def test_run(self):
        if self.runtime_name == 'runc':
            self.skipTest('runc itself needs more than that')
        if paths.SANITIZED:
            self.skipTest('AddressSanitizer alone takes more')
        bundle = self.bundle().sh('echo started')
        bundle.config['linux']['resources']['memory'] = {'limit': self.SMALLEST, 'swap': self.SMALLEST}
        bundle.config['linux']['namespaces'].append({'type': 'cgroup'})
        result = self.run_bundle(bundle.write())
        self.assert_ok(result)
        self.assertEqual('started\n', result.out)
