# SPDX-License-Identifier: Apache-2.0
"""The invariant probe: what the machine holds that a container could leave behind. Every check is filtered by
a token that is part of each name a test makes, so tests can run side by side on a machine in use."""
import json
import os
import pathlib

from . import process
from .command import run

CGROUP_ROOT = '/sys/fs/cgroup'


def mounts(token='', pid='self'):
    """Lines of mountinfo that mention the token."""
    with open(f'/proc/{pid}/mountinfo', encoding='utf-8', errors='replace') as f:
        return [line.rstrip('\n') for line in f if token in line]


def cgroups(token):
    """Cgroup directories, in every hierarchy, with the token in their path (only the topmost of each tree)."""
    found = []
    for path, names, _ in os.walk(CGROUP_ROOT, followlinks=False):
        hits = [n for n in names if token in n]
        found += [os.path.join(path, n) for n in hits]
        names[:] = [n for n in names if n not in hits]
    return found


def paths(token, below=('/run', '/run/crun-lite', '/run/crun-lite/net', '/run/netns', '/run/lock', '/dev/shm',
                        '/var/lib/crun-lite', '/var/lib/crun-lite/containers', '/var/lib/crun-lite/tmp')):
    """Entries with the token in their name, in the directories where runtimes keep things."""
    found = []
    for directory in below:
        try:
            found += [f'{directory}/{n}' for n in os.listdir(directory) if token in n]
        except (FileNotFoundError, NotADirectoryError):
            pass
    return found


def remove_cgroups(found, keep=()):
    """Cleans up after a failed test, so that one failure does not become many: kills what is inside, then removes."""
    for top in found:
        for path, _, _ in os.walk(top, topdown=False):
            try:
                for pid in pathlib.Path(path, 'cgroup.procs').read_text(encoding='ascii').split():
                    os.kill(int(pid), 9)
            except OSError:
                pass
    process.end_leftovers(grace=0, keep=keep)
    for top in found:
        for path, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(path)
            except OSError:
                pass


def leftovers(token):
    """Everything on this machine that carries the token, as messages. Empty means: as if never run."""
    found = [f'mount: {m}' for m in mounts(token)]
    found += [f'cgroup: {c}' for c in cgroups(token)]
    found += [f'file: {p}' for p in paths(token)]
    return found


def network(enter=()):
    """Links, addresses, routes and the nft rule set, as one comparable value. `enter` is an argv prefix that
    goes into a namespace (Host.enter)."""
    def ip(*what):
        return json.loads(run([*enter, 'ip', '-j', *what], check=True).out or '[]')
    # Not the operational state: the kernel follows a cable's other end in its own time.
    links = sorted((link['ifname'], link.get('master', ''), 'UP' in link['flags']) for link in ip('link'))
    addresses = sorted(f"{a['ifname']} {i['local']}/{i['prefixlen']}" for a in ip('addr')
                       for i in a.get('addr_info', []) if i.get('scope') != 'link')
    routes = sorted(f"{r['dst']} {r.get('gateway', '')} {r.get('dev', '')}" for r in ip('route', 'show', 'table', 'all')
                    if r.get('type') not in ('multicast', 'anycast') and 'fe80' not in r['dst'])
    rules = [line for line in run([*enter, 'nft', '-s', 'list', 'ruleset'], check=True).out.splitlines()
             if 'counter packets' not in line]
    return {'links': links, 'addresses': addresses, 'routes': routes, 'nft': rules}


def difference(before, after):
    """What changed between two values of network(), as messages."""
    changes = []
    for key, old in before.items():
        changes += [f'{key}: new {x}' for x in after[key] if x not in old]
        changes += [f'{key}: gone {x}' for x in old if x not in after[key]]
    return changes
