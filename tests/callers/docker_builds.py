# SPDX-License-Identifier: Apache-2.0
"""What both builders of dockerd must do, as a mixin: test_docker_build.py says which builder."""
import os
import textwrap

from support import paths

GUIDE = paths.REPO / 'examples/python-docker'
GUIDE_IMAGE = paths.BUILD / 'quickstart/python-docker.tar'

STEPS = '''\
    FROM base AS made
    ARG GIVEN=default
    WORKDIR /work
    COPY given given
    ENV NAME=value
    RUN echo "out: $NAME $GIVEN in $(pwd) as $(id -u)" | tee /log; cat given >> /log
    RUN ["/bin/sh", "-c", "echo exec form >> /log"]
    RUN chmod 666 /log
    USER alice
    RUN id -u >> /log; touch /tmp/by-alice
    USER root
    RUN stat -c '%n %U' /tmp/by-alice >> /log; grep ^CapEff /proc/self/status >> /log
    FROM base
    COPY --from=made /log /log
    CMD ["cat", "/log"]
    '''


class Builds:
    """What both builders must do; `environment` chooses."""

    environment = {}
    options = ()

    def build(self, dockerfile, *options, **files):
        context = self.path('context')
        os.makedirs(context, exist_ok=True)
        self.write('context/Dockerfile', textwrap.dedent(dockerfile))
        for name, text in files.items():
            self.write(f'context/{name}', text)
        return self.docker('build', *options, context, env=self.environment, timeout=240)

    def image(self):
        name = self.name('img')
        self.addCleanup(self.docker, 'rmi', '-f', name)
        return name

    def test_steps(self):
        name = self.image()
        self.assert_ok(self.build(STEPS, '-t', name, '--build-arg', 'GIVEN=argument', given='the file\n'))
        lines = self.assert_ok(self.run_once(image=name)).out.splitlines()
        self.assertEqual(['out: value argument in /work as 0', 'the file', 'exec form', '1000', '/tmp/by-alice alice',
                          'CapEff:\t00000000a80425fb'], lines)

    def test_a_step_that_fails(self):
        result = self.build('FROM base\nRUN echo before; exit 7\n')
        self.assertNotEqual(0, result.code)
        self.assertIn('before', result.out + result.err)
        self.assertRegex(result.err, r'(exit code: |code: )7')
        self.assertEqual([], self.engine.runtime_state())

    def test_a_program_that_is_not_there(self):
        result = self.build('FROM base\nRUN ["/nope"]\n')
        self.assertNotEqual(0, result.code)
        self.assertIn('no such file or directory', result.err)

    def test_networks(self):
        look = 'FROM base\nRUN ls /sys/class/net > /links\nCMD ["cat", "/links"]\n'
        for network, links in (('none', ['lo']), ('default', ['eth0', 'lo'])):
            name = self.image()
            self.assert_ok(self.build(look, '-t', name, f'--network={network}', '--no-cache'))
            self.assertEqual(links, self.assert_ok(self.run_once(image=name)).out.split())

    def load_guide(self):
        """The guide's image also stands for its base, which cannot be pulled: it holds the same python and pip."""
        self.ok('load', '-q', '-i', GUIDE_IMAGE, timeout=240)
        self.ok('tag', 'python-docker', 'python:3.8-slim-buster')

    def test_the_guide(self):
        self.load_guide()
        name = self.image()
        for file in ('app.py', 'requirements.txt'):
            self.write(f'context/{file}', (GUIDE / file).read_text(encoding='utf-8'))
        dockerfile = (GUIDE / 'Dockerfile').read_text(encoding='utf-8')
        self.assert_ok(self.build(self.offline(dockerfile), '-t', name))
        config = self.engine.inspect(name, '.Config')
        self.assertEqual('/app', config['WorkingDir'])
        self.assertEqual(['python3', '-m', 'flask', 'run', '--host=0.0.0.0'], config['Cmd'])
        app = self.start('-p', '15000:5000', '--', image=name)
        self.wait_log(app, 'Running on', timeout=60)
        page = self.engine.host.run(['curl', '-s', '--max-time', '5', 'http://127.0.0.1:15000/'])
        self.assertEqual('Hello, Docker!', page.out)

    @staticmethod
    def offline(dockerfile):
        return dockerfile
