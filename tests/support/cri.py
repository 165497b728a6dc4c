# SPDX-License-Identifier: Apache-2.0
"""A client for the Kubernetes container runtime interface (runtime.v1), as much of it as a kubelet needs for one pod.
Messages are written by field number, which k8s.io/cri-api's api.proto gives; no generated code."""
FIELD_LIMIT = 1 << 64
CONTAINER_STATES = ('created', 'running', 'exited', 'unknown')


def varint(value):
    value %= FIELD_LIMIT  # negative int64: two's complement
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def encode(fields):
    """Bytes of a message given as [(number, value)]: int, str, bytes, or such a list for a message within."""
    out = b''
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
            continue
        data = encode(value) if isinstance(value, list) else value.encode() if isinstance(value, str) else value
        out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def _read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def decode(data):
    """{number: [values]} of a message; a value is an int or bytes (decode() those that are messages)."""
    fields, at = {}, 0
    while at < len(data):
        key, at = _read_varint(data, at)
        if key & 7 == 0:
            value, at = _read_varint(data, at)
        elif key & 7 == 2:
            size, at = _read_varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            raise ValueError(f'wire type {key & 7} is none that CRI uses')
        fields.setdefault(key >> 3, []).append(value)
    return fields


class Cri:
    """Calls to a CRI server on a unix socket. A refused call raises grpc.RpcError with the server's words."""

    def __init__(self, socket):
        try:
            import grpc
        except ImportError:
            raise AssertionError('not installed: python3-grpcio; ./tests/run installs it') from None
        self._channel = grpc.insecure_channel(f'unix:{socket}')

    def close(self):
        self._channel.close()

    def _call(self, method, *fields):
        call = self._channel.unary_unary(f'/runtime.v1.RuntimeService/{method}')
        return decode(call(encode(list(fields)), timeout=60, wait_for_ready=True))

    def _first(self, message, *numbers):
        """The field at the end of a path of numbers."""
        for number in numbers[:-1]:
            message = decode(message[number][0])
        return message.get(numbers[-1], [b''])[0]

    def ready(self):
        """Both conditions of Status: RuntimeReady and NetworkReady."""
        conditions = decode(self._first(self._call('Status'), 1))[1]
        return all(decode(c).get(2, [0])[0] == 1 for c in conditions)

    @staticmethod
    def pod_config(name, cgroup_parent, log_directory):
        return [(1, [(1, name), (2, name), (3, 'default')]), (2, name), (3, log_directory),
                (8, [(1, cgroup_parent), (2, [(1, [(1, 0), (2, 1), (3, 0)])])])]

    def run_pod_sandbox(self, config, handler):
        return self._first(self._call('RunPodSandbox', (1, config), (2, handler)), 1).decode()

    def pod_address(self, sandbox):
        return self._first(self._call('PodSandboxStatus', (1, sandbox)), 1, 5, 1).decode()

    def pod_handler(self, sandbox):
        return self._first(self._call('PodSandboxStatus', (1, sandbox)), 1, 9).decode()

    def stop_pod_sandbox(self, sandbox):
        self._call('StopPodSandbox', (1, sandbox))

    def remove_pod_sandbox(self, sandbox):
        self._call('RemovePodSandbox', (1, sandbox))

    def create_container(self, sandbox, pod_config, name, image, command, log_path):
        config = [(1, [(1, name)]), (2, [(1, image)]), *[(3, word) for word in command], (11, log_path),
                  (15, [(1, [(4, 128 << 20)])])]
        return self._first(self._call('CreateContainer', (1, sandbox), (2, config), (3, pod_config)), 1).decode()

    def start_container(self, container):
        self._call('StartContainer', (1, container))

    def container_state(self, container):
        return CONTAINER_STATES[self._first(self._call('ContainerStatus', (1, container)), 1, 3) or 0]

    def exec_sync(self, container, command, timeout=20):
        """(exit code, stdout, stderr) of a command inside a container."""
        answer = self._call('ExecSync', (1, container), *[(2, word) for word in command], (3, timeout))
        return (self._first(answer, 3) or 0, self._first(answer, 1).decode(), self._first(answer, 2).decode())

    def update_memory(self, container, limit):
        self._call('UpdateContainerResources', (1, container), (2, [(4, limit)]))

    def stop_container(self, container, timeout):
        self._call('StopContainer', (1, container), (2, timeout))

    def remove_container(self, container):
        self._call('RemoveContainer', (1, container))
