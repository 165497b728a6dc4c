# SPDX-License-Identifier: Apache-2.0
"""A container that stays, for commands that need one: exec, ps."""
import json
import os
import subprocess

from .command import DEADLINE, Result
from .harness import RuntimeTest


class RunningTest(RuntimeTest):
    """self.running() starts a container that sleeps; self.exec() runs something in it."""

    def running(self, bundle=None, *options, script='while :; do sleep 1000; done'):
        """Its id. Edit the bundle before; without one a plain bundle is made."""
        bundle = bundle or self.bundle()
        if bundle.config['process']['args'] == ['/bin/true']:
            bundle.sh(script)
        name, created = self.create(bundle, *options)
        self.assert_ok(created)
        self.assert_ok(self.oci('start', name))
        return name

    def exec(self, *args, **kwargs):
        """exec args… to its end. A detached one must not have our pipes: exec_detached()."""
        return self.oci('exec', *args, **kwargs)

    def exec_detached(self, *args, **popen):
        """exec --detach: (Result, path of the file that has the program's output)."""
        output = self.path(self.name('out'))
        with open(output, 'wb') as out, open(output + '.err', 'w+b') as err:
            argv = [*self._oci_argv(), 'exec', '--detach', *map(str, args)]
            code = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=DEADLINE,
                                  check=False, **popen).returncode
            err.seek(0)
            return Result(argv, code, '', err.read().decode(errors='replace')), output

    def process_file(self, **changes):
        """The path of a process.json: a plain process with these members changed."""
        process = {'user': {'uid': 0, 'gid': 0}, 'args': ['/bin/true'], 'cwd': '/',
                   'env': ['PATH=/usr/bin:/bin', 'TERM=xterm']}
        process.update(changes)
        return self.write(self.name('process') + '.json',
                          json.dumps({k: v for k, v in process.items() if v is not None}))


def read(path):
    """The text of a file."""
    with open(path, encoding='utf-8', errors='replace') as f:
        return f.read()


def pid_in(path):
    """The number in a pid file, which must hold nothing else."""
    text = read(path)
    if not text.isdigit():
        raise AssertionError(f'{path} holds {text!r}')
    return int(text)


def namespaces_of(pid):
    """{type: identity} of a process."""
    return {n: os.readlink(f'/proc/{pid}/ns/{n}') for n in os.listdir(f'/proc/{pid}/ns') if 'children' not in n}
