# SPDX-License-Identifier: Apache-2.0
"""Every case of tests/support/hostile_layers.py through `load`, judged by one oracle."""
import os
import stat

from support import hostile_layers
from support.harness import ScratchTest, paths, run, unittest


def content_of(path):
    with open(path, 'rb') as f:
        return f.read()


def snapshot(top):
    """Everything about a tree that an attack could change."""
    out = {}
    for folder, directories, files in os.walk(top):
        for name in ['.', *directories, *files]:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            content = content_of(path) if stat.S_ISREG(st.st_mode) else None
            xattrs = {a: os.getxattr(path, a, follow_symlinks=False) for a in os.listxattr(path, follow_symlinks=False)}
            out[path] = (st.st_mode, st.st_uid, st.st_gid, st.st_nlink, st.st_size, st.st_mtime_ns, st.st_ino, content,
                         xattrs)
    return out


class Hostile(ScratchTest):
    def _clean_scratch(self):
        run(['rm', '-rf', self.scratch])  # deeper than Python's recursion goes

    def judge(self, case):
        root = self.path(case.name)
        victim, store, archive = f'{root}/victim', f'{root}/store', f'{root}/archive.tar'
        os.makedirs(victim)
        self.write(f'{case.name}/victim/sentinel', 'untouched')
        case.build(archive, victim)
        before = snapshot(victim)
        result = run([paths.CRUN_LITE_IMAGE, '--store', store, 'load', '-i', archive], timeout=50)
        self.assertEqual(before, snapshot(victim), 'the victim was changed')
        self.assertEqual([], [n for n in os.listdir(root) if n not in ('victim', 'store', 'archive.tar')])
        self.assertNotIn('\x1b', result.out + result.err)
        self.assertEqual([], os.listdir(f'{store}/tmp'))
        if result.code == 0:
            self.assertNotEqual('reject', case.verdict, result)
            layers = sorted((os.stat(f'{store}/layers/{n}').st_ctime_ns, n) for n in os.listdir(f'{store}/layers'))
            if case.check:
                case.check(f'{store}/layers/{layers[-1][1]}/diff')
            return
        self.assertEqual(1, result.code, result)
        self.assertNotEqual('accept', case.verdict, result)
        self.assertIn('load ', result.err)
        for part in ('layers', 'images', 'refs', 'merges', 'blobs/sha256'):
            self.assertEqual([], os.listdir(f'{store}/{part}'), f'{part} of a refused image\n{result}')


def _add(case):
    def test(self):
        self.judge(case)
    test.__name__ = f'test_{case.name}'
    setattr(Hostile, test.__name__, test)


for _case in hostile_layers.CASES.values():
    _add(_case)


if __name__ == '__main__':
    unittest.main()
