#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speaks criu's part of its RPC (`criu swrk 3`) without looking at a process: what is said to criu can be tested on
machines whose kernel criu does not know, and so can every way in which it may fail. What it is to do stands in the JSON
file that CRIU_STAND_IN names, and what it was told goes to the end of `log` in there.

    version     [major, minor, sublevel]
    mem_track   the answer to the question whether there is memory tracking
    notify      names of the scripts that are told before the answer; "orphan-pts-master" brings a terminal
    log_text    written to the log file that the request names
    fail        the answer is no
    die         it ends, with this exit status, when it is asked for more than its version
    freeze      it freezes this cgroup first
    restored    argv of what stands for the restored process
"""
import ctypes
import json
import os
import signal
import socket
import struct
import sys

DUMP, RESTORE, PRE_DUMP, NOTIFY, FEATURE_CHECK, VERSION = 1, 2, 4, 6, 9, 10
CLONE_PARENT, SYS_CLONE = 0x8000, 56


def varint(number):
    """An unsigned number as protobuf writes it."""
    out = b''
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(tag, value):
    """One field: a number, or bytes (a text or a message)."""
    if isinstance(value, int):
        return varint(tag << 3) + varint(value)
    return varint(tag << 3 | 2) + varint(len(value)) + value


def fields(data):
    """{tag: [values]} of a message."""
    out, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        key = number()
        if key & 7 == 0:
            value = number()
        else:
            size = number()
            value, at = data[at:at + size], at + size
        out.setdefault(key >> 3, []).append(value)
    return out


def text_of(opts, tag):
    """The text of a field that may be missing."""
    return opts.get(tag, [b''])[0].decode()


def note(plan, entry):
    """What it was told, for the test to read."""
    with open(plan['log'], 'a', encoding='utf-8') as f:
        f.write(json.dumps(entry) + '\n')


def plain(message):
    """A message's fields as JSON can say them."""
    return {str(tag): [v if isinstance(v, int) else v.decode(errors='replace') for v in values]
            for tag, values in message.items()}


def start_restored(argv):
    """A child of our parent's, as criu makes it with rst_sibling; in our cgroup and with our 0, 1 and 2."""
    pid = ctypes.CDLL(None).syscall(SYS_CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os.closerange(3, 256)
        os.execv(argv[0], argv)
    return pid


def main():
    with open(os.environ['CRIU_STAND_IN'], encoding='utf-8') as f:
        plan = json.load(f)
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=int(sys.argv[2]))

    def answer(call, success, rest=b''):
        peer.send(field(1, call) + field(2, int(success)) + rest)

    request = fields(peer.recv(1 << 16))
    call = request[1][0]
    if call == VERSION:
        major, minor, sublevel = plan.get('version', [3, 17, 1])
        answer(call, True, field(10, field(1, major) + field(2, minor) + field(4, sublevel)))
        return 0
    if call == FEATURE_CHECK:
        answer(call, True, field(8, field(1, int(plan.get('mem_track', True)))))
        return 0
    opts = fields(request[2][0])
    with open('/proc/self/cgroup', encoding='ascii') as f:
        told = {'call': call, 'opts': plain(opts), 'cgroup': f.read(),
                'external': [e.decode() for e in opts.get(37, [])],
                'inherited': [[text_of(fields(m), 1), os.readlink(f'/proc/self/fd/{fields(m)[2][0]}')]
                              for m in opts.get(27, [])],
                'root': sorted(os.listdir(text_of(opts, 13))) if call == RESTORE else []}
    note(plan, told)
    if plan.get('freeze'):
        freeze(plan['freeze'])
    if 'die' in plan:
        return plan['die']
    directory = f'/proc/{os.getppid()}/fd/{opts.get(17, opts[1])[0]}'
    if plan.get('log_text'):
        with open(f'{directory}/{text_of(opts, 10)}', 'w', encoding='utf-8') as f:
            f.write(plan['log_text'])
    pid = start_restored(plan['restored']) if call == RESTORE and plan.get('restored') else 0
    if not tell(peer, plan, pid):
        return 1
    if plan.get('fail'):
        answer(call, False, field(7, plan.get('errno', 0)))
        return 1
    if call == DUMP and 3 not in opts:
        os.kill(opts[2][0], signal.SIGKILL)
    answer(call, True, field(4, field(1, pid)) if call == RESTORE else b'')
    return 0


def freeze(cgroup):
    """Stops all its processes, as criu does for a while."""
    for name, value in (('freezer.state', 'FROZEN'), ('cgroup.freeze', '1')):
        if os.path.exists(f'{cgroup}/{name}'):
            with open(f'{cgroup}/{name}', 'w', encoding='ascii') as f:
                f.write(value)


def tell(peer, plan, pid):
    """The notifications; False when the other side did not like one."""
    for script in plan.get('notify', []):
        message = field(1, NOTIFY) + field(2, 1) + field(5, field(1, script.encode()) + field(2, pid))
        extra = []
        if script == 'orphan-pts-master':
            master, _ = os.openpty()
            extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack('i', master))]
        peer.sendmsg([message], extra)
        reply = fields(peer.recv(1 << 16))
        note(plan, {'script': script, 'success': reply[3][0]})
        if not reply[3][0]:
            if pid:
                os.kill(pid, signal.SIGKILL)
            peer.send(field(1, RESTORE) + field(2, 0))
            return False
    return True


if __name__ == '__main__':
    sys.exit(main())
