# SPDX-License-Identifier: Apache-2.0
"""The guide's page as its reader sees it: rendered by a browser, from the container that `crun-lite run -p` serves."""
import os
import re
import signal

from support import paths
from support.harness import HostTest, run, wait_until

DEADLINE = 600
IMAGE = paths.REPO / 'build/quickstart/python-docker.tar'

# Headless, as root (--no-sandbox), with a profile of its own and without the requests it makes for itself.
CHROMIUM = ['chromium', '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage',
            '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
            '--disable-default-apps', '--disable-extensions', '--hide-scrollbars']


class Page(HostTest):

    def serve(self, *options):
        """The guide's app in the foreground; returns (process, log path) when it says that it listens."""
        self.assert_ok(self.cli('load', '-i', IMAGE, timeout=120))
        log = self.path('app.log')
        with open(log, 'wb') as out:
            app = self.background([paths.CRUN_LITE, 'run', *options, 'python-docker'], self.host, stdout=out,
                                  stderr=out)

        def listening():
            if app.poll() is not None:
                self.fail(f'the app ended with {app.returncode}:\n{self.read(log)}')
            return 'Running on' in self.read(log)
        wait_until(listening, 'the app listens', timeout=30)
        return app, log

    @staticmethod
    def read(path):
        with open(path, encoding='utf-8', errors='replace') as f:
            return f.read()

    def browser(self, *what):
        profile = self.path('profile')
        os.makedirs(profile, exist_ok=True)
        env = {**os.environ, 'HOME': profile, 'XDG_RUNTIME_DIR': profile}
        return self.assert_ok(self.host.run([*CHROMIUM, f'--user-data-dir={profile}', *what], env=env, timeout=120))

    def stop(self, app):
        os.killpg(app.pid, signal.SIGINT)  # what Ctrl-C sends
        return app.wait(timeout=15)

    def test_rendered_in_chromium(self):
        app, log = self.serve('-p', '5000:5000')
        page = self.browser('--dump-dom', 'http://localhost:5000/').out
        body = re.search(r'<body>(.*)</body>', page, re.DOTALL)
        self.assertTrue(body, page)
        self.assertEqual('Hello, Docker!', body.group(1).strip())
        self.assertIn('"GET / HTTP/1.1" 200', self.read(log))
        self.stop(app)

    def test_log_has_the_clients_true_address(self):
        client = self.machine()
        self.host.connect('192.0.2.1/24', client, '192.0.2.2/24')
        app, log = self.serve('-p', '5000:5000')
        fetched = client.run([paths.PYTHON, '-c', 'import urllib.request as u; '
                              'print(u.urlopen("http://192.0.2.1:5000/", timeout=10).read().decode())'])
        self.assertEqual('Hello, Docker!\n', self.assert_ok(fetched).out)
        self.assertRegex(self.read(log), r'(?m)^192\.0\.2\.2 - - \[.*\] "GET / HTTP/1\.1" 200 -$')
        self.stop(app)

    def test_a_path_that_is_not_there(self):
        app, log = self.serve('-p', '8080:5000')
        self.assertIn('Not Found', self.browser('--dump-dom', 'http://localhost:8080/nothing').out)
        self.assertIn('"GET /nothing HTTP/1.1" 404', self.read(log))
        self.stop(app)
