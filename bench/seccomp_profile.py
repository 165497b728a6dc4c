# SPDX-License-Identifier: Apache-2.0
"""A seccomp profile of the size that docker and podman give every container: Debian's copy of podman's default, as the
OCI section that runtimes read and as the BPF program that the kernel takes (for bench/floor)."""
import ctypes
import ctypes.util
import json
import os
import pathlib

SOURCE = pathlib.Path('/usr/share/containers/seccomp.json')  # Debian: golang-github-containers-common
CAPABILITIES = {'CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'}
ACTIONS = {'SCMP_ACT_ALLOW': 0x7fff0000, 'SCMP_ACT_ERRNO': 0x00050000}
OPERATORS = {name: number for number, name in enumerate(
    ('SCMP_CMP_NE', 'SCMP_CMP_LT', 'SCMP_CMP_LE', 'SCMP_CMP_EQ', 'SCMP_CMP_GE', 'SCMP_CMP_GT', 'SCMP_CMP_MASKED_EQ'),
    start=1)}
ARCHITECTURES = {'SCMP_ARCH_X86_64': 0xC000003E, 'SCMP_ARCH_X86': 0x40000003, 'SCMP_ARCH_X32': 0x4000003E}


def oci_section():
    """linux.seccomp for the capabilities of the default bundle, or None where the profile is not installed."""
    if not SOURCE.exists():
        return None
    profile = json.loads(SOURCE.read_text())
    rules = []
    for rule in profile['syscalls']:
        includes, excludes = rule.get('includes') or {}, rule.get('excludes') or {}
        if not set(includes.get('caps', ())) <= CAPABILITIES or set(excludes.get('caps', ())) & CAPABILITIES:
            continue
        if 'amd64' not in includes.get('arches', ['amd64']) or 'amd64' in excludes.get('arches', ()):
            continue
        rules.append({k: rule[k] for k in ('names', 'action', 'args', 'errnoRet') if rule.get(k)})
    return {'defaultAction': profile['defaultAction'], 'defaultErrnoRet': profile.get('defaultErrnoRet', 1),
            'architectures': list(ARCHITECTURES), 'syscalls': rules}


class _Argument(ctypes.Structure):
    _fields_ = [('arg', ctypes.c_uint), ('op', ctypes.c_int), ('a', ctypes.c_uint64), ('b', ctypes.c_uint64)]


def write_program(section, path):
    """Compiles the section with libseccomp, as a runtime would, and writes the instructions."""
    lib = ctypes.CDLL(ctypes.util.find_library('seccomp') or 'libseccomp.so.2')
    lib.seccomp_init.restype = ctypes.c_void_p
    lib.seccomp_init.argtypes = [ctypes.c_uint32]
    lib.seccomp_arch_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    lib.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint,
                                           ctypes.POINTER(_Argument)]
    lib.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    lib.seccomp_release.argtypes = [ctypes.c_void_p]

    def action(name, errno):
        return ACTIONS[name] | (errno if name == 'SCMP_ACT_ERRNO' else 0)

    context = lib.seccomp_init(action(section['defaultAction'], section['defaultErrnoRet']))
    for name in section['architectures']:
        lib.seccomp_arch_add(context, ARCHITECTURES[name])
    for rule in section['syscalls']:
        arguments = [_Argument(a['index'], OPERATORS[a['op']], a['value'], a.get('valueTwo', 0))
                     for a in rule.get('args', ())]
        for name in rule['names']:
            number = lib.seccomp_syscall_resolve_name(name.encode())
            if number != -1:
                lib.seccomp_rule_add_array(context, action(rule['action'], rule.get('errnoRet', 1)), number,
                                           len(arguments), (_Argument * len(arguments))(*arguments))
    with open(path, 'wb') as out:
        code = lib.seccomp_export_bpf(context, out.fileno())
    lib.seccomp_release(context)
    if code != 0:
        raise OSError(-code, os.strerror(-code), str(path))
