# SPDX-License-Identifier: Apache-2.0
"""Small images made in Python, bit by bit, so that a test can also make the ones that no tool would: wrong
digests, members that leave the root, archives cut short."""
import gzip
import hashlib
import io
import json
import os
import tarfile

from .bundle import APPLETS, BUSYBOX
from .command import run

MEDIA = 'application/vnd.oci.image.'
DEFAULT_ENV = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']


def digest(data):
    """'sha256:<hex>' of bytes."""
    return 'sha256:' + hashlib.sha256(data).hexdigest()


def member(name, data=b'', **fields):
    """A tar member as (TarInfo, bytes): a file, or what type=, linkname=, mode=, uid=, pax_headers= … say."""
    info = tarfile.TarInfo(name)
    kind = fields.pop('type', tarfile.REGTYPE)
    info.type = kind
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    info.mtime = 1600000000
    for key, value in fields.items():
        setattr(info, key, value)
    if isinstance(data, str):
        data = data.encode()
    info.size = len(data)
    return info, data


def directory(name, **fields):
    return member(name, type=tarfile.DIRTYPE, **fields)


def symlink(name, target, **fields):
    return member(name, type=tarfile.SYMTYPE, linkname=target, mode=0o777, **fields)


def tar(members, tar_format=tarfile.PAX_FORMAT):
    """An uncompressed tar of (TarInfo, bytes) members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tar_format) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def busybox_layer():
    """A layer with busybox, passwd and the usual directories: enough for `sh -c`."""
    with open(BUSYBOX, 'rb') as f:
        program = f.read()
    members = [directory(d) for d in ('bin', 'dev', 'etc', 'home', 'proc', 'root', 'sys', 'usr', 'var')]
    members.append(directory('tmp', mode=0o1777))
    members.append(member('bin/busybox', program, mode=0o755))
    members += [symlink(f'bin/{a}', 'busybox') for a in APPLETS]
    members.append(member('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home:/bin/sh\n'))
    members.append(member('etc/group', 'root:x:0:\nalice:x:1000:\nvideo:x:44:alice\n'))
    return tar(members)


def compress(data, how):
    """Layer bytes as 'none', 'gzip' or 'zstd', and the suffix of their media type."""
    if how == 'none':
        return data, 'layer.v1.tar'
    if how == 'gzip':
        return gzip.compress(data, 1, mtime=0), 'layer.v1.tar+gzip'
    if how == 'zstd':
        argv = ['zstd', '-q', '-1', '-c']
        import subprocess
        return subprocess.run(argv, input=data, stdout=subprocess.PIPE, check=True,
                              timeout=60).stdout, 'layer.v1.tar+zstd'
    raise ValueError(how)


class Image:
    """Layers (uncompressed tars) and a config; written in the format a test needs. `config` is the inner
    'config' object: Cmd, Entrypoint, Env, User, WorkingDir, …"""

    def __init__(self, layers=None, **config):
        self.layers = list(layers) if layers is not None else [busybox_layer()]
        self.config = {'Env': DEFAULT_ENV, 'Cmd': ['/bin/sh'], **config}
        self.history = None

    def config_bytes(self, **overrides):
        """The image config blob; its digest is the image id."""
        value = {'architecture': 'amd64', 'os': 'linux', 'created': '2020-09-13T12:26:40Z', 'config': self.config,
                 'rootfs': {'type': 'layers', 'diff_ids': [digest(t) for t in self.layers]},
                 'history': self.history or [{'created_by': f'layer {i}'} for i, _ in enumerate(self.layers)],
                 **overrides}
        return json.dumps(value).encode()

    @property
    def id(self):
        return digest(self.config_bytes())

    def docker_archive(self, path, *tags):
        """What `docker save` and buildah's docker-archive: write."""
        config = self.config_bytes()
        config_name = digest(config)[7:] + '.json'
        names = [digest(t)[7:] + '.tar' for t in self.layers]
        manifest = [{'Config': config_name, 'RepoTags': list(tags) or None, 'Layers': names}]
        members = [member(n, t) for n, t in zip(names, self.layers)]
        members += [member(config_name, config), member('manifest.json', json.dumps(manifest))]
        return _write(path, tar(members, tarfile.GNU_FORMAT))

    def oci_blobs(self, compression='gzip'):
        """({digest: bytes}, the manifest's descriptor)."""
        blobs, layers = {}, []

        def add(data, media_type):
            blobs[digest(data)] = data
            return {'mediaType': MEDIA + media_type, 'digest': digest(data), 'size': len(data)}

        for layer in self.layers:
            layers.append(add(*compress(layer, compression)))
        manifest = {'schemaVersion': 2, 'mediaType': MEDIA + 'manifest.v1+json',
                    'config': add(self.config_bytes(), 'config.v1+json'), 'layers': layers}
        descriptor = add(json.dumps(manifest).encode(), 'manifest.v1+json')
        return blobs, descriptor

    def oci_files(self, name=None, compression='gzip'):
        """{path in the layout: bytes}."""
        blobs, descriptor = self.oci_blobs(compression)
        if name:
            descriptor['annotations'] = {'org.opencontainers.image.ref.name': name}
        index = {'schemaVersion': 2, 'mediaType': MEDIA + 'index.v1+json', 'manifests': [descriptor]}
        files = {'oci-layout': b'{"imageLayoutVersion":"1.0.0"}', 'index.json': json.dumps(index).encode()}
        files.update({'blobs/sha256/' + d[7:]: data for d, data in blobs.items()})
        return files

    def oci_layout(self, path, name=None, compression='gzip'):
        """A directory in OCI image layout."""
        for file_name, data in self.oci_files(name, compression).items():
            _write(os.path.join(path, file_name), data)
        return str(path)

    def oci_archive(self, path, name=None, compression='gzip'):
        """The same as one tar."""
        files = self.oci_files(name, compression)
        return _write(path, tar([member(n, d) for n, d in files.items()]))

    def unpacked(self, path):
        """The root file system as a directory, by Debian's tar: what a store should come to."""
        os.makedirs(path, exist_ok=True)
        for i, layer in enumerate(self.layers):
            file_name = _write(f'{path}.{i}.tar', layer)
            run(['tar', '-C', path, '--xattrs', '-xpf', file_name], check=True)
            os.unlink(file_name)
        return str(path)


def _write(path, data):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data)
    return str(path)
