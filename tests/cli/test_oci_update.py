# SPDX-License-Identifier: Apache-2.0
"""update: every flag and the JSON document, in the files of the kernel; what happens when a value is refused."""
import json
import os

from support.cgroups import MEBIBYTE, ON_V2, CgroupTest
from support.harness import wait_until


class Flags(CgroupTest):

    def update(self, name, *flags, **kwargs):
        return self.assert_ok(self.oci('update', *flags, name, **kwargs))

    def memory(self, name):
        return self.value(name, 'memory', 'memory.limit_in_bytes', 'memory.max')

    def test_memory_up_and_down(self):
        name = self.limited({'memory': {'limit': 64 * MEBIBYTE, 'swap': 64 * MEBIBYTE}})
        for mebibytes in (256, 32, 128):
            size = mebibytes * MEBIBYTE
            self.update(name, '--memory', size, '--memory-swap', size)
            self.assertEqual(str(size), self.memory(name))

    def test_memory_with_a_unit(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 knows no units')
        name = self.limited()
        self.update(name, '--memory=64m')
        self.assertEqual(str(64 * MEBIBYTE), self.memory(name))
        self.update(name, '--memory', '1G')
        self.assertEqual(str(1024 * MEBIBYTE), self.memory(name))

    def test_memory_without_a_limit(self):
        name = self.limited({'memory': {'limit': 64 * MEBIBYTE}})
        self.update(name, '--memory', '-1')
        self.assertIn(self.memory(name), ('max', '9223372036854771712'))

    def test_memory_reservation(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 knows no units')
        name = self.limited()
        self.update(name, '--memory-reservation', '32m')
        self.assertEqual(str(32 * MEBIBYTE), self.value(name, 'memory', 'memory.soft_limit_in_bytes', 'memory.low'))

    def test_memory_above_the_sum_with_swap(self):
        name = self.limited({'memory': {'limit': 32 * MEBIBYTE, 'swap': 64 * MEBIBYTE}})
        self.value(name, 'memory', 'memory.memsw.limit_in_bytes', 'memory.swap.max')
        if self.runtime_name != 'crun-lite':
            self.skipTest('crun raises the sum without being asked')
        self.assert_fails(self.oci('update', '--memory', '128m', name), 1, '--memory-swap')
        self.assertEqual(str(32 * MEBIBYTE), self.memory(name))

    def test_swap_is_a_sum(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 knows no units')
        name = self.limited({'memory': {'limit': 32 * MEBIBYTE, 'swap': 32 * MEBIBYTE}})
        self.update(name, '--memory', '64m', '--memory-swap', '96m')
        expected = 32 if ON_V2 else 96
        self.assertEqual(str(expected * MEBIBYTE),
                         self.value(name, 'memory', 'memory.memsw.limit_in_bytes', 'memory.swap.max'))

    def test_cpu_quota_and_period(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 does not know -1')
        name = self.limited()
        self.update(name, '--cpu-quota', '25000', '--cpu-period', '50000')
        self.assertIn(self.value(name, 'cpu', 'cpu.cfs_quota_us', 'cpu.max'), ('25000', '25000 50000'))
        self.update(name, '--cpu-quota', '10000')
        self.assertIn(self.value(name, 'cpu', 'cpu.cfs_quota_us', 'cpu.max'), ('10000', '10000 50000'))
        self.update(name, '--cpu-quota', '-1')
        self.assertIn(self.value(name, 'cpu', 'cpu.cfs_quota_us', 'cpu.max'), ('-1', 'max 50000'))
        self.assertIn(self.value(name, 'cpu', 'cpu.cfs_period_us', 'cpu.max'), ('50000', 'max 50000'))

    def test_cpu_share(self):
        name = self.limited()
        self.update(name, '--cpu-share', '512')
        self.assertIn(self.value(name, 'cpu', 'cpu.shares', 'cpu.weight'), ('512', '59', '20'))

    def test_cpu_burst_and_idle(self):
        if self.runtime_name != 'crun-lite':
            self.skipTest('runc 1.1 and crun 1.8 have no such flags')
        name = self.limited({'cpu': {'quota': 20000, 'period': 50000}})
        self.value(name, 'cpu', 'cpu.cfs_burst_us', 'cpu.max.burst')
        self.update(name, '--cpu-burst', '5000')
        self.assertEqual('5000', self.value(name, 'cpu', 'cpu.cfs_burst_us', 'cpu.max.burst'))
        self.update(name, '--cpu-idle', '1')
        self.assertEqual('1', self.value(name, 'cpu', 'cpu.idle', 'cpu.idle'))
        # An idle group has no weight: the kernel wants the end of idleness first.
        self.update(name, '--cpu-share', '512', '--cpu-idle', '0')
        self.assertEqual('0', self.value(name, 'cpu', 'cpu.idle', 'cpu.idle'))

    def test_cpuset(self):
        name = self.limited()
        self.update(name, '--cpuset-cpus', '0', '--cpuset-mems', '0')
        self.assertEqual('0', self.value(name, 'cpuset', 'cpuset.cpus', 'cpuset.cpus'))
        self.assertEqual('0', self.value(name, 'cpuset', 'cpuset.mems', 'cpuset.mems'))

    def test_pids_limit(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 does not know -1')
        name = self.limited({'pids': {'limit': 20}})
        self.update(name, '--pids-limit', '10')
        self.assertEqual('10', self.value(name, 'pids', 'pids.max', 'pids.max'))
        self.update(name, '--pids-limit', '-1')
        self.assertEqual('max', self.value(name, 'pids', 'pids.max', 'pids.max'))

    def test_blkio_weight(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun 1.8 knows blkio.weight alone, not that of BFQ')
        name = self.limited()
        file = self.file(name, 'io' if ON_V2 else 'blkio', 'blkio.bfq.weight', 'io.bfq.weight')
        if not file.exists() and not (file.parent / 'io.weight').exists():
            self.skipTest('this kernel weighs no block devices')
        self.update(name, '--blkio-weight', '200')
        values = [(file.parent / n).read_text().split()[-1] for n in (file.name, 'io.weight')
                  if (file.parent / n).exists()]
        self.assertTrue({'200', '1920'} & set(values), values)

    def test_old_kernel_limits_are_taken(self):
        if self.runtime_name == 'crun':
            self.skipTest('crun writes them')
        self.update(self.limited(), '--kernel-memory', '100m', '--kernel-memory-tcp', '0')

    def test_a_running_and_a_paused_container(self):
        name = self.limited(start=True)
        self.update(name, '--pids-limit', '12')
        self.assert_ok(self.oci('pause', name))
        self.update(name, '--pids-limit', '13')
        self.assertEqual('paused', self.state(name)['status'])
        self.assertEqual('13', self.value(name, 'pids', 'pids.max', 'pids.max'))


class Document(CgroupTest):
    """--resources, as podman (a file), containerd and CRI-O (standard input) use it."""

    RESOURCES = {'memory': {'limit': 64 * MEBIBYTE, 'swap': 64 * MEBIBYTE, 'reservation': 16 * MEBIBYTE},
                 'cpu': {'shares': 512, 'quota': 30000, 'period': 60000, 'cpus': '0', 'mems': '0'},
                 'pids': {'limit': 77}, 'blockIO': {'weight': 0}}

    def check(self, name):
        self.assertEqual(str(64 * MEBIBYTE), self.value(name, 'memory', 'memory.limit_in_bytes', 'memory.max'))
        self.assertEqual('77', self.value(name, 'pids', 'pids.max', 'pids.max'))
        self.assertIn(self.value(name, 'cpu', 'cpu.cfs_quota_us', 'cpu.max'), ('30000', '30000 60000'))
        self.assertEqual('0', self.value(name, 'cpuset', 'cpuset.cpus', 'cpuset.cpus'))

    def test_a_file(self):
        file = self.write('resources.json', json.dumps(self.RESOURCES))
        for flag in ([f'--resources={file}'], ['--resources', file], ['-r', file]):
            with self.subTest(flag):
                name = self.limited()
                self.assert_ok(self.oci('update', *flag, name))
                self.check(name)

    def test_standard_input(self):
        for flag in (['--resources=-'], ['--resources', '-'], ['-r', '-']):
            with self.subTest(flag):
                if self.runtime_name == 'crun' and len(flag) == 1:
                    continue
                name = self.limited()
                self.assert_ok(self.oci('update', *flag, name, stdin=json.dumps(self.RESOURCES)))
                self.check(name)

    def test_what_is_not_given_stays(self):
        name = self.limited({'memory': {'limit': 32 * MEBIBYTE}, 'pids': {'limit': 9}})
        self.assert_ok(self.oci('update', '-r', '-', name, stdin='{"pids": {"limit": 8}}'))
        self.assertEqual('8', self.value(name, 'pids', 'pids.max', 'pids.max'))
        self.assertEqual(str(32 * MEBIBYTE), self.value(name, 'memory', 'memory.limit_in_bytes', 'memory.max'))

    def test_an_empty_document(self):
        name = self.limited({'pids': {'limit': 9}})
        self.assert_ok(self.oci('update', '-r', '-', name, stdin='{}'))
        self.assertEqual('9', self.value(name, 'pids', 'pids.max', 'pids.max'))


class DeviceRules(CgroupTest):
    """A running container gets other devices, and keeps those that it has."""

    own_only = True  # runc ignores the devices of an update, crun replaces them by the given list alone
    LOOP = {'path': '/dev/loop-control', 'type': 'c', 'major': 10, 'minor': 237, 'fileMode': 0o666, 'uid': 0, 'gid': 0}
    ALLOW = [{'allow': False, 'access': 'rwm'}, {'allow': True, 'type': 'c', 'major': 10, 'minor': 237, 'access': 'r'}]

    def test_devices(self):
        bundle = self.bundle().sh('''while read -r line; do
          (: </dev/loop-control) 2>/dev/null && echo open || echo denied; : </dev/null && echo null; done </fifo''')
        bundle.config['linux']['devices'] = [self.LOOP]
        os.mkfifo(bundle.rootfs / 'fifo')
        name, created = self.create(bundle.write())
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        with open(bundle.rootfs / 'fifo', 'w', encoding='ascii') as ask:
            for rules, expected in ((None, 'denied'), (self.ALLOW, 'open'), (self.ALLOW[:1], 'denied')):
                if rules:
                    document = json.dumps({'devices': rules})
                    self.assert_ok(self.oci('update', '-r', '-', name, stdin=document))
                before = self.output(name)
                ask.write('ask\n')
                ask.flush()
                self.wait_output(name, before + expected + '\nnull\n')

    def wait_output(self, name, text):
        wait_until(lambda: len(self.output(name)) >= len(text), 'an answer')
        self.assertEqual(text, self.output(name))


class Refused(CgroupTest):

    own_only = True

    def test_words(self):
        self.assert_fails(self.oci('update', '--pids-limit', '1', self.name()), 1, 'container does not exist')
        name = self.limited(args=('/bin/true',), start=True)
        self.wait_status(name, 'stopped')
        self.assert_fails(self.oci('update', '--pids-limit', '1', name), 1, 'container not running')

    def test_values_that_are_no_values(self):
        name = self.limited({'pids': {'limit': 9}})
        for flag, value in (('--memory', 'much'), ('--cpu-quota', '1.5'), ('--pids-limit', 'ten'),
                            ('--blkio-weight', '70000'), ('--cpu-share', '-3'), ('--memory-swap', '-2')):
            with self.subTest(flag):
                self.assert_fails(self.oci('update', flag, value, name), 1, flag, value)

    def test_documents_that_are_no_documents(self):
        name = self.limited()
        for text, word in (('', 'standard input'), ('[]', 'object'), ('{"memory": {"limit": "1g"}}', '/memory/limit'),
                           ('{"pids": {"limit": 1}', 'standard input:1:')):
            with self.subTest(text):
                self.assert_fails(self.oci('update', '-r', '-', name, stdin=text), 1, word)
        self.assert_fails(self.oci('update', '-r', self.path('missing'), name), 1, 'missing')

    def test_a_failure_in_the_middle_takes_back_what_was_set(self):
        name = self.limited({'memory': {'limit': 32 * MEBIBYTE, 'swap': 32 * MEBIBYTE},
                             'cpu': {'shares': 100, 'quota': 20000, 'period': 50000}, 'pids': {'limit': 9}})

        def values():
            return [self.value(name, *where) for where in (
                ('memory', 'memory.limit_in_bytes', 'memory.max'), ('cpu', 'cpu.shares', 'cpu.weight'),
                ('memory', 'memory.memsw.limit_in_bytes', 'memory.swap.max'),
                ('cpu', 'cpu.cfs_quota_us', 'cpu.max'), ('pids', 'pids.max', 'pids.max'))]

        before = values()
        document = {'memory': {'limit': 64 * MEBIBYTE, 'swap': 96 * MEBIBYTE}, 'cpu': {'shares': 900, 'quota': 1000},
                    'pids': {'limit': 5}, 'hugepageLimits': [{'pageSize': '3MB', 'limit': 0}]}
        result = self.oci('update', '-r', '-', name, stdin=json.dumps(document))
        self.assert_fails(result, 1, 'nothing was changed', 'hugetlb')
        self.assertNotIn('no such file or directory', result.err.lower())
        self.assertEqual(before, values())

    def test_a_cpu_that_is_not_there(self):
        name = self.limited()
        self.assert_fails(self.oci('update', '--cpuset-cpus', '4000', name), 1, 'cpuset.cpus', 'CPU')
