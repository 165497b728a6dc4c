# SPDX-License-Identifier: Apache-2.0
"""Hostile layers and images, each with its verdict. Judged by one oracle (tests/cli/test_load_hostile.py):
what lies outside the store does not change, the program ends in time, and a refused image leaves nothing.

Verdicts: 'reject'; 'accept'; 'harmless' (either, as long as the oracle is content). A check may be given to
say what an accepted layer must look like."""
import gzip
import io
import json
import os
import tarfile

from . import images
from .images import Image, digest, directory, member, symlink, tar

CASES = {}  # name -> Case


class Case:
    """One hostile input. `build(path, victim)` writes an archive; `check(diff)` looks at the top layer."""

    def __init__(self, name, verdict, build, check=None):
        self.name, self.verdict, self.build, self.check = name, verdict, build, check


def hard(name, target, **fields):
    return member(name, type=tarfile.LNKTYPE, linkname=target, **fields)


def device(name, major, minor, **fields):
    return member(name, type=tarfile.CHRTYPE, devmajor=major, devminor=minor, **fields)


def _write(path, data):
    with open(path, 'wb') as f:
        f.write(data)
    return path


def layer(name, verdict, *tars, check=None, tar_format=tarfile.PAX_FORMAT):
    """Registers an image of these layers; each is bytes, or members, or a function of the victim directory."""

    def build(path, victim):
        raw = []
        for t in tars:
            t = t(victim) if callable(t) else t
            raw.append(t if isinstance(t, bytes) else tar(t, tar_format))
        return Image(raw).docker_archive(path, 'hostile:latest')

    assert name not in CASES, name
    CASES[name] = Case(name, verdict, build, check)


def archive(name, verdict, change):
    """Registers an OCI layout after change(files, manifest, config) had its way; files is {path: bytes}."""

    def build(path, _victim):
        image = Image([tar([member('f', 'content')])])
        return _write(path, change(image))

    CASES[name] = Case(name, verdict, build)


# --- raw headers, for what tarfile will not write --------------------------------------------------------------
def header(name, size=0, typeflag=b'0', link=b'', magic=b'ustar\x0000', mode=0o644, checksum=None, uid=0):
    block = bytearray(512)

    def put(offset, data):
        block[offset:offset + len(data)] = data

    put(0, name[:100])
    put(100, b'%07o\0' % mode)
    put(108, b'%07o\0' % uid)
    put(116, b'%07o\0' % 0)
    put(124, b'%011o\0' % size if size < 8**11 else b'\x80' + size.to_bytes(11, 'big'))
    put(136, b'%011o\0' % 1600000000)
    put(148, b' ' * 8)
    put(156, typeflag)
    put(157, link[:100])
    put(257, magic)
    put(148, b'%06o\0 ' % (sum(block) if checksum is None else checksum))
    return bytes(block)


def padded(data):
    return data + b'\0' * (-len(data) % 512)


def pax(*records, claim=None):
    """An 'x' header with these (key, value) byte pairs; `claim` is another size for its header."""
    body = b''
    for key, value in records:
        length = len(key) + len(value) + 3
        while len(str(length)) + len(key) + len(value) + 3 != length:
            length = len(str(length)) + len(key) + len(value) + 3
        body += str(length).encode() + b' ' + key + b'=' + value + b'\n'
    return header(b'PaxHeaders/x', len(body) if claim is None else claim, b'x') + padded(body)


END = b'\0' * 1024


def exists(*names):
    def check(diff):
        for name in names:
            assert os.path.lexists(os.path.join(diff, name)), name
    return check


def absent(*names):
    def check(diff):
        for name in names:
            assert not os.path.lexists(os.path.join(diff, name)), name
    return check


def no_xattr(name, attribute):
    def check(diff):
        path = os.path.join(diff, name)
        assert attribute not in os.listxattr(path, follow_symlinks=False), os.listxattr(path)
    return check


def xattr(name, value):
    return {'pax_headers': {f'SCHILY.xattr.{name}': value}}


# --- names that leave the root ---------------------------------------------------------------------------------
layer('dotdot_file', 'reject', [member('../escape', 'x')])
layer('dotdot_deep', 'reject', [member('a/../../../escape', 'x')])
layer('dotdot_inside', 'harmless', [directory('a'), member('a/../b', 'x')])
layer('dotdot_last', 'reject', [directory('a'), directory('a/..', mode=0o777)])
layer('abs_name', 'harmless', lambda v: [member(f'{v}/sentinel', 'x')])
layer('abs_dir', 'harmless', lambda v: [directory(v, mode=0o777)])
layer('double_slash', 'accept', [member('//a//b', 'x')], check=exists('a/b'))
layer('dot_names', 'accept', [directory('./'), member('./a/./b', 'x')], check=exists('a/b'))
layer('empty_name', 'harmless', header(b'', 0) + END)
layer('name_nul_pax', 'harmless', pax((b'path', b'ok\0/../../escape')) + header(b'f') + END)
layer('name_long_component', 'reject', [member('x' * 256, 'x')])
layer('name_too_long', 'reject', [member('/'.join(['d' * 200] * 25), 'x')])

# --- through symbolic links ------------------------------------------------------------------------------------
layer('sym_abs_then_file', 'harmless', lambda v: [symlink('link', v), member('link/sentinel', 'x')])
layer('sym_rel_then_file', 'harmless', lambda v: [symlink('link', '../' * 40 + v[1:]), member('link/new', 'x')])
layer('sym_chain', 'harmless', lambda v: [symlink('a', 'b'), symlink('b', v), member('a/new', 'x')])
layer('sym_loop', 'reject', [symlink('a', 'b'), symlink('b', 'a'), member('a/new', 'x')])
layer('sym_dangling_parent', 'reject', [symlink('a', 'nowhere'), member('a/new', 'x')])
layer('sym_to_root', 'harmless', [symlink('a', '/'), member('a/new', 'x')])
layer('sym_inside', 'accept', [directory('usr/lib'), symlink('lib', 'usr/lib'), member('lib/x', 'x')],
      check=exists('usr/lib/x'))
layer('sym_replaced_by_file', 'accept', lambda v: [symlink('a', f'{v}/sentinel'), member('a', 'new')])
layer('sym_replaced_by_dir', 'accept', lambda v: [symlink('a', v), directory('a', mode=0o777), member('a/n', 'x')],
      check=exists('a/n'))
layer('dir_replaced_by_sym', 'harmless', lambda v: [directory('a'), member('a/x', '1'), symlink('a', v),
                                                    member('a/sentinel', 'x')])
layer('dir_to_sym_layers', 'harmless', lambda v: [symlink('a', v)], [member('a/sentinel', 'x')])
layer('sym_proc_self', 'harmless', [symlink('a', '/proc/self/cwd'), member('a/new', 'x')])
layer('sym_empty_target', 'reject', header(b'a', 0, b'2') + END)
layer('path_max_sym', 'harmless', lambda v: [symlink('l', v)] + [member('l/' + '/'.join(['x' * 100] * 35), 'x')])
layer('file_as_parent', 'reject', [member('a', 'x'), member('a/b', 'x')])

# --- hard links ------------------------------------------------------------------------------------------------
layer('hard_abs', 'reject', lambda v: [hard('a', f'{v}/sentinel')])
layer('hard_rel_up', 'reject', lambda v: [hard('a', '../' * 40 + f'{v[1:]}/sentinel')])
layer('hard_cwd', 'reject', [hard('a', 'manifest.json')])
layer('hard_via_sym', 'reject', lambda v: [symlink('l', v), hard('a', 'l/sentinel')])
layer('hard_via_sym_inside', 'harmless', [directory('d'), member('d/f', 'x'), symlink('l', 'd'), hard('a', 'l/f')])
layer('hard_dir', 'reject', [directory('d'), hard('a', 'd')])
layer('hard_self', 'reject', [member('a', 'x'), hard('a', 'a')])
layer('hard_root', 'reject', [hard('a', '/')])
layer('hard_lower_layer', 'reject', [member('a', 'x')], [hard('b', 'a')])
layer('hard_to_symlink', 'accept', lambda v: [symlink('l', f'{v}/sentinel'), hard('a', 'l')])
layer('hard_to_whiteout', 'reject', [member('.wh.gone'), hard('a', 'gone')])
layer('hard_then_write', 'accept', [member('f', 'old'), hard('g', 'f'), member('g', 'new')])
layer('hard_empty_target', 'reject', header(b'a', 0, b'1') + END)
layer('hard_dotdot', 'reject', [member('f', 'x'), hard('a', 'd/../f')])

# --- attributes through links ----------------------------------------------------------------------------------
layer('chmod_via_hardlink_to_symlink', 'accept',
      lambda v: [symlink('l', f'{v}/sentinel'), hard('a', 'l', mode=0o777, uid=7, mtime=1)])
layer('chmod_dir_via_sym', 'harmless', lambda v: [symlink('d', v), directory('d', mode=0o777, uid=7)])
layer('xattr_via_sym', 'harmless', lambda v: [symlink('l', f'{v}/sentinel', **xattr('user.x', 'y'))])
layer('chown_via_sym', 'accept', lambda v: [symlink('l', f'{v}/sentinel', uid=7, gid=7)])
layer('mtime_via_sym', 'accept', lambda v: [symlink('l', f'{v}/sentinel', mtime=1)])

# --- the root --------------------------------------------------------------------------------------------------
layer('root_symlink', 'reject', lambda v: [symlink('./', v), member('sentinel', 'x')])
layer('root_symlink2', 'reject', lambda v: [symlink('.', v)])
layer('root_hardlink', 'reject', lambda v: [hard('.', f'{v}/sentinel')])
layer('root_file', 'reject', [member('.', 'x')])
layer('root_device', 'reject', [device('/', 1, 3)])
layer('root_attributes', 'accept', [directory('./', mode=0o711, uid=5)],
      check=lambda diff: None if os.stat(diff).st_uid == 5 else 1 / 0)

# --- whiteouts -------------------------------------------------------------------------------------------------
layer('wh_bare', 'reject', [member('.wh.')])
layer('wh_dot', 'reject', [member('.wh..')])
layer('wh_dotdot', 'reject', [member('.wh...')])
layer('wh_dotdot_nested', 'reject', [directory('a'), member('a/.wh...')])
layer('wh_via_sym', 'harmless', lambda v: [symlink('a', v), member('a/.wh.sentinel')])
layer('wh_own_file', 'accept', [member('f', 'x'), member('.wh.f')], check=exists('f'))
layer('wh_own_dir_later', 'accept', [member('.wh.d'), directory('d'), member('d/x', '1')], check=exists('d/x'))
layer('wh_component', 'reject', [member('.wh.d/x', '1')])
layer('wh_missing', 'accept', [member('a/b/.wh.c')])
layer('wh_device_smuggle', 'reject', [device('etc', 0, 0)])
layer('wh_hardlink', 'harmless', [member('f', 'x'), hard('.wh.g', 'f')])
layer('opq_first', 'accept', [directory('d'), member('d/.wh..wh..opq'), member('d/x', '1')], check=exists('d/x'))
layer('opq_last', 'accept', [directory('d'), member('d/x', '1'), member('d/.wh..wh..opq')], check=exists('d/x'))
layer('opq_via_sym', 'harmless', lambda v: [symlink('a', v), member('a/.wh..wh..opq')])
layer('opq_root', 'accept', [member('f', 'x')], [member('.wh..wh..opq'), member('g', 'x')])
layer('wh_aufs', 'accept', [member('.wh..wh.plnk/1.2', 'x'), member('.wh..wh.aufs', 'x'), member('f', 'x')],
      check=absent('.wh..wh.plnk', '.wh..wh.aufs'))

# --- extended attributes, owners, devices ----------------------------------------------------------------------
for key in ('trusted.overlay.opaque', 'trusted.overlay.redirect', 'trusted.overlay.metacopy',
            'user.overlay.opaque', 'security.selinux'):
    layer('xattr_' + key.replace('.', '_'), 'accept', [directory('d', **xattr(key, 'y'))], check=no_xattr('d', key))
layer('xattr_root_opaque', 'accept', [directory('./', **xattr('trusted.overlay.opaque', 'y'))])
layer('xattr_huge', 'harmless', [member('f', 'x', **xattr('user.big', 'v' * 200000))])
layer('uid_minus1', 'reject', pax((b'uid', b'4294967295')) + header(b'f') + END)
layer('gid_minus1', 'reject', pax((b'gid', b'4294967295')) + header(b'f') + END)
layer('uid_huge', 'reject', pax((b'uid', b'99999999999')) + header(b'f') + END)
layer('uid_negative', 'reject', pax((b'uid', b'-5')) + header(b'f') + END)
layer('uid_largest', 'accept', pax((b'uid', b'4294967294')) + header(b'f') + END)
layer('dev_nodes', 'accept', [device('null', 1, 3), member('fifo', type=tarfile.FIFOTYPE)])
layer('device_file_swap', 'accept', [device('null', 1, 3), member('null', 'content')])

# --- the format ------------------------------------------------------------------------------------------------
layer('pax_size_smuggle', 'harmless',
      pax((b'size', b'1024')) + header(b'outer', 0) + header(b'../escape', 0) + b'\0' * 512 + END)
layer('pax_bad_len', 'harmless', header(b'PaxHeaders/x', 20, b'x') + padded(b'99 path=../escape\nxx') + header(b'f')
      + END)
layer('pax_claim_huge', 'reject', pax((b'path', b'x'), claim=10**9) + header(b'f') + END)
layer('pax_dotdot', 'reject', pax((b'path', b'../escape')) + header(b'f') + END)
layer('gnu_longname_huge', 'reject', header(b'././@LongLink', 10**9, b'L') + b'x' * 65536 + END)
layer('gnu_sparse_huge', 'reject',
      pax((b'GNU.sparse.major', b'1'), (b'GNU.sparse.minor', b'0'), (b'GNU.sparse.realsize', str(2**62).encode()),
          (b'GNU.sparse.name', b'f')) + header(b'f', 512) + padded(b'1\n0\n0\n') + END)
layer('gnu_sparse_bad_map', 'harmless',
      pax((b'GNU.sparse.major', b'1'), (b'GNU.sparse.minor', b'0'), (b'GNU.sparse.realsize', b'100'),
          (b'GNU.sparse.name', b'f')) + header(b'f', 512) + padded(b'99999999\n0\n') + END)
layer('size_huge', 'reject', header(b'f', 2**62) + b'x' * 512 + END)
layer('truncated_data', 'reject', header(b'f', 10000) + b'x' * 100)
layer('bad_checksum', 'reject', header(b'f', checksum=1) + END)
layer('bad_checksum_second', 'reject', header(b'a') + header(b'f', checksum=1) + END)
layer('garbage', 'reject', b'this is not a tar archive at all' * 100)
layer('zero_bytes', 'accept', b'')
layer('empty_tar', 'accept', END)
layer('trailing_zeros', 'accept', header(b'f') + END + b'\0' * (1 << 20), check=exists('f'))
layer('trailing_entries', 'harmless', header(b'f') + END + header(b'../escape') + END)
layer('unknown_type', 'harmless', header(b'f', 0, b'Q') + END)
layer('name_newline', 'accept', [member('a\nb\x1b[31m', 'x')])
layer('name_nonutf8', 'accept', pax((b'path', b'caf\xe9')) + header(b'f') + END,
      check=exists(b'caf\xe9'.decode('utf-8', 'surrogateescape')))
layer('name_decomposed', 'accept', pax((b'path', 'cafe\u0301'.encode())) + header(b'f') + END,
      check=exists('cafe\u0301'))
layer('name_deep', 'accept', [directory('/'.join(['d'] * n)) for n in range(1, 1000)])
layer('name_deep_implicit', 'accept', [member('/'.join(['d'] * 2000), 'x')])
layer('duplicate_file', 'harmless', [member('f', '1'), member('f', '2')])
layer('duplicate_dir_file', 'harmless', [directory('d'), member('d/x', '1'), member('d', '2')])


# --- documents -------------------------------------------------------------------------------------------------
def oci(image=None, **change):
    """A layout as a tar, after functions named files=, index=, manifest=, config= have changed their part (and
    digests above it have been made right again)."""
    image = image or Image([tar([member('f', 'content')])])
    config = json.loads(image.config_bytes())
    config = change.get('config', lambda c: c)(config)
    config_bytes = config if isinstance(config, bytes) else json.dumps(config).encode()
    layers = []
    files = {'oci-layout': b'{"imageLayoutVersion":"1.0.0"}'}
    for raw in image.layers:
        packed, suffix = images.compress(raw, 'gzip')
        files['blobs/sha256/' + digest(packed)[7:]] = packed
        layers.append({'mediaType': images.MEDIA + suffix, 'digest': digest(packed), 'size': len(packed)})
    files['blobs/sha256/' + digest(config_bytes)[7:]] = config_bytes
    manifest = {'schemaVersion': 2, 'mediaType': images.MEDIA + 'manifest.v1+json', 'layers': layers,
                'config': {'mediaType': images.MEDIA + 'config.v1+json', 'digest': digest(config_bytes),
                           'size': len(config_bytes)}}
    manifest = change.get('manifest', lambda m: m)(manifest)
    manifest_bytes = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    files['blobs/sha256/' + digest(manifest_bytes)[7:]] = manifest_bytes
    entry = {'mediaType': images.MEDIA + 'manifest.v1+json', 'digest': digest(manifest_bytes),
             'size': len(manifest_bytes), 'annotations': {'org.opencontainers.image.ref.name': 'hostile:latest'}}
    index = change.get('index', lambda i: i)({'schemaVersion': 2, 'manifests': [entry]})
    files['index.json'] = index if isinstance(index, bytes) else json.dumps(index).encode()
    files = change.get('files', lambda f: f)(files)
    return tar([member(n, d) for n, d in files.items()])


def document(name, verdict, **change):
    archive(name, verdict, lambda image: oci(image, **change))


def put(*path_and_value):
    *path, value = path_and_value

    def change(doc):
        place = doc
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        return doc
    return change


def corrupt(files):
    name = max((n for n in files if n.startswith('blobs/')), key=lambda n: files[n][:2] == b'\x1f\x8b')
    data = bytearray(files[name])
    data[len(data) // 2] ^= 1
    return {**files, name: bytes(data)}


def drop_layer_blob(files):
    return {n: d for n, d in files.items() if d[:2] != b'\x1f\x8b'}


document('layout_good', 'accept')
document('digest_mismatch', 'reject', files=corrupt)
document('blob_missing', 'reject', files=drop_layer_blob)
document('size_mismatch', 'reject', manifest=put('layers', 0, 'size', 5))
document('size_mismatch_manifest', 'reject', index=put('manifests', 0, 'size', 5))
document('size_neg_desc', 'reject', manifest=put('layers', 0, 'size', -1))
document('size_huge_desc', 'reject', manifest=put('config', 'size', 2**62))
document('diffid_wrong', 'reject', config=put('rootfs', 'diff_ids', 0, 'sha256:' + '0' * 64))
document('diffid_count', 'reject', config=put('rootfs', 'diff_ids', []))
document('diffid_count_more', 'reject', config=put('rootfs', 'diff_ids', ['sha256:' + '0' * 64] * 3))
document('digest_traversal', 'reject', manifest=put('layers', 0, 'digest', 'sha256:../../../../etc/passwd'))
document('digest_short', 'reject', manifest=put('layers', 0, 'digest', 'sha256:abcd'))
document('digest_upper', 'reject', manifest=put('layers', 0, 'digest', 'sha256:' + 'A' * 64))
document('digest_alg', 'reject', manifest=put('layers', 0, 'digest', 'md5:' + '0' * 32))
document('diffid_traversal', 'reject', config=put('rootfs', 'diff_ids', 0, '../../../etc'))
document('ambiguous', 'reject', manifest=put('manifests', []))
document('ambiguous_index', 'reject', index=put('layers', []))
document('mt_mismatch_manifest', 'reject', manifest=put('mediaType', images.MEDIA + 'index.v1+json'))
document('mt_mismatch_layer', 'reject', manifest=put('layers', 0, 'mediaType', images.MEDIA + 'layer.v1.tar'))
document('mt_zstd_is_gzip', 'reject', manifest=put('layers', 0, 'mediaType', images.MEDIA + 'layer.v1.tar+zstd'))
document('mt_unknown_layer', 'reject', manifest=put('layers', 0, 'mediaType', 'application/x-evil'))
document('mt_config_not_image', 'reject', manifest=put('config', 'mediaType', 'application/vnd.cncf.helm.config'))
document('schema_1', 'reject', manifest=put('schemaVersion', 1))
document('json_deep', 'reject', config=lambda c: b'[' * 100000 + b']' * 100000)
document('json_dupkey', 'reject', config=lambda c: json.dumps(c).encode()[:-1] + b',"os":"linux","os":"evil"}')
document('json_nul', 'reject', config=put('config', 'User', 'root\0'))
document('json_trailing', 'reject', config=lambda c: json.dumps(c).encode() + b'{}')
document('json_huge', 'reject', config=lambda c: json.dumps(c).encode() + b' ' * (5 << 20))
document('json_many_keys', 'harmless', config=put('config', 'Labels', {str(i): '' for i in range(200000)}))
document('json_wrong_types', 'reject', config=put('config', 'Env', 5))
document('layers_none', 'accept', manifest=put('layers', []), config=put('rootfs', 'diff_ids', []))
document('ref_evil', 'reject',
         index=put('manifests', 0, 'annotations', {'org.opencontainers.image.ref.name': '../../x:1'}))
document('layout_version', 'reject', files=lambda f: {**f, 'oci-layout': b'{"imageLayoutVersion":"9"}'})
document('index_self', 'reject', index=lambda i: {**i, 'manifests': []})


def gzip_bomb(_image):
    """4 GiB of zeros in one file."""
    import zlib
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    out = io.BytesIO()
    out.write(packer.compress(header(b'bomb', 4 << 30)))
    zeros = b'\0' * (4 << 20)
    for _ in range(1024):
        out.write(packer.compress(zeros))
    out.write(packer.compress(END))
    out.write(packer.flush())
    packed = out.getvalue()
    config = json.dumps({'os': 'linux', 'architecture': 'amd64',
                         'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + '0' * 64]}}).encode()
    manifest = json.dumps([{'Config': 'c.json', 'RepoTags': ['hostile:latest'], 'Layers': ['l.tar']}])
    return tar([member('l.tar', packed), member('c.json', config), member('manifest.json', manifest)])


def docker(layer_bytes, diff_id=None, tags=('hostile:latest',), config_name=None, layers=None, extra=()):
    config = json.dumps({'os': 'linux', 'architecture': 'amd64',
                         'rootfs': {'type': 'layers', 'diff_ids': [diff_id or digest(layer_bytes)]}}).encode()
    config_name = config_name or digest(config)[7:] + '.json'
    manifest = json.dumps([{'Config': config_name, 'RepoTags': list(tags), 'Layers': layers or ['l.tar']}])
    return tar([member('l.tar', layer_bytes), member(config_name, config), *extra, member('manifest.json', manifest)])


GOOD = tar([member('f', 'content')])
archive('bomb_gzip', 'reject', gzip_bomb)
archive('gzip_members', 'accept',
        lambda _i: docker(gzip.compress(GOOD[:700]) + gzip.compress(GOOD[700:]), digest(GOOD)))
archive('gzip_1000_members', 'accept', lambda _i: docker(
    b''.join(gzip.compress(GOOD[i:i + 11]) for i in range(0, len(GOOD), 11)), digest(GOOD)))
archive('gzip_truncated', 'reject', lambda _i: docker(gzip.compress(GOOD)[:-9], digest(GOOD)))
archive('gzip_bad_crc', 'reject', lambda _i: docker(gzip.compress(GOOD)[:-8] + b'\0' * 8, digest(GOOD)))
archive('gzip_garbage_after', 'reject', lambda _i: docker(gzip.compress(GOOD) + b'garbage!', digest(GOOD)))
archive('zstd_window_2g', 'reject', lambda _i: docker(
    b'\x28\xb5\x2f\xfd' + b'\x00' + bytes([21 << 3]) + b'\x01\x00\x00' + b'x' * 64, digest(GOOD)))
archive('layer_xz', 'reject', lambda _i: docker(b'\xfd7zXZ\0' + b'x' * 100, digest(GOOD)))
archive('config_name_lies', 'reject', lambda _i: docker(GOOD, config_name='0' * 64 + '.json'))
archive('config_traversal', 'reject', lambda _i: docker(GOOD, layers=['../../../../etc/passwd']))
archive('layer_link_outside', 'reject', lambda _i: docker(GOOD, layers=['x'], extra=[symlink('x', '/etc/passwd')]))
archive('layer_link_loop', 'reject', lambda _i: docker(
    GOOD, layers=['x'], extra=[symlink('x', 'y'), symlink('y', 'x')]))
archive('layer_link', 'accept', lambda _i: docker(
    GOOD, layers=['d/layer.tar'], extra=[symlink('d/layer.tar', '../l.tar')]))
archive('tags_evil', 'reject', lambda _i: docker(GOOD, tags=['../../etc:1']))
archive('tags_upper', 'reject', lambda _i: docker(GOOD, tags=['Foo:1']))
archive('tags_none', 'accept', lambda _i: docker(GOOD, tags=[]))
archive('not_an_image', 'reject', lambda _i: GOOD)
archive('empty_file', 'reject', lambda _i: b'')
archive('text_file', 'reject', lambda _i: b'hello world\n' * 1000)
archive('archive_cut', 'reject', lambda _i: docker(GOOD)[:3000])
archive('archive_cut_in_layer', 'reject', lambda _i: docker(tar([member('f', 'x' * 100000)]))[:20000])
archive('layers_10000', 'reject', lambda _i: tar([
    member('l.tar', GOOD),
    member('c.json', json.dumps({'os': 'linux', 'architecture': 'amd64', 'rootfs': {
        'type': 'layers', 'diff_ids': [digest(GOOD)] * 10000}})),
    member('manifest.json', json.dumps([{'Config': 'c.json', 'RepoTags': ['h:1'], 'Layers': ['l.tar'] * 10000}]))]))
archive('layers_same_twice', 'accept', lambda _i: tar([
    member('l.tar', GOOD),
    member('c.json', json.dumps({'os': 'linux', 'architecture': 'amd64', 'rootfs': {
        'type': 'layers', 'diff_ids': [digest(GOOD)] * 2}})),
    member('manifest.json', json.dumps([{'Config': 'c.json', 'RepoTags': ['h:1'], 'Layers': ['l.tar'] * 2}]))]))
