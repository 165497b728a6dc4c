# SPDX-License-Identifier: Apache-2.0
"""`docker build` with crun-lite behind RUN: the builder of old, where each step is a container of the default
runtime, and BuildKit inside dockerd, which starts the program called `runc` in the foreground (`run --bundle`)."""
from docker_builds import Builds
from docker_support import DockerTest
from support.harness import process, wait_until

DEADLINE = 300

class Classic(Builds, DockerTest):

    environment = {'DOCKER_BUILDKIT': '0'}

    def test_limits_and_cache(self):
        limit = 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max'
        result = self.assert_ok(self.build(f'FROM base\nRUN {limit}\n', '--memory', '64m'))
        self.assertIn(str(64 << 20), result.out)
        self.assertIn('Using cache', self.assert_ok(self.build(f'FROM base\nRUN {limit}\n', '--memory', '64m')).out)


class BuildKit(Builds, DockerTest):

    environment = {'DOCKER_BUILDKIT': '1', 'BUILDKIT_PROGRESS': 'plain'}

    @staticmethod
    def offline(dockerfile):
        """Without `# syntax=docker/dockerfile:1`, for which BuildKit fetches its parser from Docker Hub."""
        first, rest = dockerfile.split('\n', 1)
        assert first == '# syntax=docker/dockerfile:1', first
        return rest

    def test_mounts(self):
        name = self.image()
        result = self.build('''\
            FROM base
            RUN --mount=type=tmpfs,target=/t stat -f -c %T /t >> /log
            RUN --mount=type=bind,source=kept,target=/k cat /k >> /log
            RUN --mount=type=cache,target=/c echo cached > /c/file
            RUN --mount=type=cache,target=/c cat /c/file >> /log
            RUN --mount=type=secret,id=key cat /run/secrets/key >> /log
            RUN ls -A /c /run/secrets >> /log; cat /log
            CMD ["cat", "/log"]
            ''', '-t', name, '--secret', f'id=key,src={self.write("key", "secret" + chr(10))}', kept='context\n')
        self.assert_ok(result)
        lines = self.assert_ok(self.run_once(image=name)).out.splitlines()
        self.assertEqual(['tmpfs', 'context', 'cached', 'secret'], lines[:4])

    def test_steps_side_by_side(self):
        stages = ''.join(f'FROM base AS s{i}\nRUN sleep 0.2; echo {i} > /{i}\n' for i in range(4))
        copies = ''.join(f'COPY --from=s{i} /{i} /{i}\n' for i in range(4))
        name = self.image()
        self.assert_ok(self.build(f'{stages}FROM base\n{copies}CMD cat /0 /1 /2 /3\n', '-t', name))
        self.assertEqual('0\n1\n2\n3\n', self.assert_ok(self.run_once(image=name)).out)

    def test_interrupted(self):
        """The client ends, BuildKit kills the step: the runtime gets SIGKILL and its container must go with it."""
        self.write('context/Dockerfile', 'FROM base\nRUN echo ready; exec sleep 2222\n')
        with open(self.path('log'), 'wb') as out:
            build = self.background(['/usr/bin/docker', 'build', self.path('context')], self.engine.host, stdout=out,
                                    stderr=out, env={**self.engine.env, **self.environment})
        def sleeping():
            return [p for p in process.descendants() if process.describe(p).startswith(f'{p} sleep 2222')]
        wait_until(sleeping, 'the step runs', timeout=60)
        build.terminate()
        self.assertNotEqual(0, build.wait(timeout=30))
        wait_until(lambda: not sleeping(), 'the step has ended', timeout=30)
        wait_until(lambda: not self.engine.runtime_state(), 'its state has gone', timeout=20)
