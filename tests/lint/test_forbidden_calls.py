# SPDX-License-Identifier: Apache-2.0
"""Calls that only their owner may make, and calls that nobody makes; each with its reason. Unqualified names
count, and `::name` and `std::name`; `object.name()`, `other_namespace::name()` and declarations don't, nor does
an unqualified call of a function that the same folder declares. A single place with a good reason says so:
`// lint-allow(name): reason` on its line or on the line above.
"""

import re
import unittest
from collections import defaultdict
from dataclasses import dataclass
from typing import Iterator

from lint_support import Finding, LintCase, Tree, code_only, line_of, without_comments


@dataclass(frozen=True)
class Ban:
    names: str  # separated by blanks
    why: str
    owners: tuple[str, ...] = ()  # path prefixes where it is allowed
    only_in: tuple[str, ...] = ()  # path prefixes where it is looked for; empty: everywhere


SYS = ("base/sys.cc", "base/sys.h")
CHILD = ("runtime/init/",)
# PID 1 of --init: a program of its own inside the container, which has one child and everybody's orphans.
REAPER = ("engine/reaper/",)

BANS = (
    Ban("close", "a descriptor has one owner and it is UniqueFd; a second close hits somebody else's file",
        ("base/unique_fd.h",)),
    Ban("open open64 openat openat2 creat dup dup2 dup3 memfd_create mkostemp pipe pipe2 socket socketpair accept "
        "accept4 eventfd signalfd timerfd_create inotify_init inotify_init1 epoll_create epoll_create1 pidfd_open",
        "descriptors are O_CLOEXEC and owned from birth: sys:: and RootedDir (CVE-2024-21626 was a leaked one)", SYS),
    Ban("fopen fopen64 freopen fdopen tmpfile opendir",
        "opens without O_CLOEXEC and by a path that may be hostile; see base/file.h"),
    Ban("fdopendir readdir closedir", "directories are listed by list_dir() or by their owner",
        ("base/file.cc", "image/", "rootfs/")),
    Ban("fork vfork clone posix_spawn posix_spawnp daemon",
        "processes are Child, made by sys::clone3 or spawn(): killed and reaped unless handed over",
        ("base/child.cc", *REAPER)),
    Ban("system popen wordexp", "no shell: arguments become syntax (and it costs milliseconds)"),
    Ban("execl execlp execv execvp execvpe", "looks in PATH or takes the environment as it is; execve only", REAPER),
    Ban("execve execveat fexecve", "becomes another program: only the spawner, the init and the dispatcher do",
        ("base/child.cc", "base/sys.cc", "cmd/", *CHILD)),
    Ban("mount umount umount2 pivot_root setns unshare fsopen fsmount open_tree move_mount mount_setattr",
        "raw system calls are wrapped once, in base/sys.h", (*SYS, *CHILD)),
    Ban("syscall", "calls without a wrapper of glibc are wrapped once, in base/sys.h",
        (*SYS, *CHILD, "runtime/cgroup/device_program.cc")),
    Ban("kill tgkill tkill killpg waitpid wait wait4 waitid",
        "a pid may already be somebody else's; a process is its pidfd (Child, sys::pidfd_send_signal)",
        (*SYS, *CHILD, *REAPER)),
    Ban("mkdir rmdir unlink rename symlink link mknod mkfifo chmod chown lchown truncate access stat lstat readlink "
        "realpath canonicalize_file_name chroot remove",
        "a path is resolved once, below a directory descriptor; a checked string is never used again (RootedDir)",
        SYS),
    Ban("chdir getwd get_current_dir_name", "the working directory is shared state; use a directory descriptor",
        (*SYS, *CHILD)),
    Ban("getpwnam getpwuid getpwent getpwnam_r getpwuid_r getgrnam getgrgid getgrent getgrnam_r getgrgid_r "
        "getgrouplist initgroups",
        "NSS loads libraries, after entering a root the image's own (CVE-2019-14271)"),
    Ban("getaddrinfo gethostbyname gethostbyname2 gethostbyname_r gethostbyaddr getservbyname iconv_open",
        "loads libraries of whatever root we are in (CVE-2019-14271), also in a static program"),
    Ban("dlopen dlmopen dlsym", "a static program cannot, and no plug-in is wanted (SECURITY P6)"),
    Ban("setlocale newlocale strftime_l", "formats for machines do not depend on the user's locale"),
    Ban("sleep usleep nanosleep clock_nanosleep sleep_for sleep_until pause alarm ualarm sched_yield yield",
        "nothing waits for a time: wait for the event (pidfd, inotify, cgroup.events)"),
    Ban("strcpy strncpy strcat strncat sprintf vsprintf gets stpcpy strtok alloca",
        "writes without knowing the size; std::string, std::string_view or snprintf"),
    Ban("atoi atol atoll atof strtol strtoul strtoll strtoull strtod sscanf stoi stol stoul stoull stod",
        "silently accepts blanks, signs and rubbish (CVE-2026-30892 read `-u 1` as 0); parse_number of base/text.h"),
    Ban("rand srand random srandom tmpnam tempnam mktemp mkstemp mkdtemp", "guessable; random_hex()"),
    Ban("printf vprintf puts putchar fprintf vfprintf fputs perror syslog",
        "only cmd/ prints, and errors go through base/log.h", ("cmd/",)),
    Ban("getenv secure_getenv", "only cmd/ reads the environment; lower layers take options", ("cmd/",)),
    Ban("setenv putenv unsetenv clearenv", "environments are data in a plan, never this process's own"),
    Ban("exit quick_exit", "skips the owners' destructors: throw, or return from main"),
    Ban("_exit _Exit", "only a child that has nothing to undo ends so", ("base/", *CHILD, *REAPER)),
    Ban("abort terminate", "throw an Error that says what and why"),
    Ban("signal siginterrupt sigset", "semantics vary; sigaction or signalfd"),
    Ban("setjmp longjmp sigsetjmp siglongjmp", "skips destructors"),
    Ban("thread jthread async pthread_create", "no thread on the path that starts a container",
        only_in=("base/", "oci/", "rootfs/", "runtime/")),
    # Wrapped calls with few owners: who undoes it must be plain to see.
    Ban("sys::umount", "only the owner of a mount takes it away",
        ("base/", "rootfs/", "net/", *CHILD)),
    Ban("sys::kill", "a pid may already be somebody else's; sys::pidfd_send_signal", ("base/", *CHILD)),
    Ban("sys::mount sys::pivot_root", "mounts are made by rootfs/, by the init and by network namespaces",
        ("base/", "rootfs/", "net/", *CHILD)),
)

# Includes and spellings that a call pattern cannot see.
PATTERNS = (
    (r"#\s*include\s*<filesystem>|std::filesystem|std::experimental::filesystem",
     "std::filesystem", "resolves strings again at every step and follows links; base/file.h or RootedDir", ()),
    (r"#\s*include\s*<(?:fstream|iostream|ostream|istream|sstream|iomanip)>",
     "iostreams", "locale, hidden buffers, 100 kB and start-up time; base/file.h, base/text.h, base/log.h", ()),
    (r"#\s*include\s*<regex>|std::regex", "std::regex", "exponential, recursive and locale-bound: write the grammar",
     ()),
    (r"#\s*include\s*<locale>|std::locale", "std::locale", "loads files of whatever root we are in", ()),
    (r"#\s*include\s*<(?:pwd|grp|netdb|dlfcn|iconv)\.h>", "NSS, dlfcn or iconv header",
     "loads libraries after the door (CVE-2019-14271); grp.h only for setgroups, which init calls raw", ()),
    (r"\bpoll\s*\([^;{}]*,\s*[1-9][0-9']*\s*\)|\bepoll_wait\s*\([^;{}]*,\s*[1-9][0-9']*\s*\)",
     "poll with a fixed timeout", "that is polling: pass -1, or a deadline that the caller asked for", ()),
    (r"\busing\s+namespace\b", "using namespace", "says where a name comes from only to the compiler",
     ("tests/", "bench/")),
)

# Strings: looked for with comments blanked, strings kept.
STRING_PATTERNS = (
    (r'"/proc/(?!self/fd\b|kcore")', "a path below /proc",
     "a container may have mounted over it (CVE-2025-52881); base/proc.h",
     ("base/proc.cc", "bench/", "tests/", "cmd/", "engine/")),
    (r'\+\s*"/(?:etc|dev|proc|sys|run|tmp)\b', "a container path glued to a root",
     "absolute strings stop at the root (CVE-2021-30465): RootedDir", ("tests/", "bench/")),
)

_OUTSIDE = ("tests/", "bench/", "examples/")
_KEYWORDS = frozenset("return else do throw co_return co_yield case and or not if while".split())
_ALLOW = re.compile(r"//\s*lint-allow\(([\w:]+)\):\s*\S+")


def _allowed_lines(text: str) -> dict[str, set[int]]:
    """Rule -> lines where a comment allows it: its own and the next."""
    allowed = defaultdict(set)
    for number, line in enumerate(text.splitlines(), 1):
        for match in _ALLOW.finditer(line):
            allowed[match[1]] |= {number, number + 1}
    return allowed


def _ban_of_name() -> dict[str, list[Ban]]:
    table = defaultdict(list)
    for ban in BANS:
        for name in ban.names.split():
            table[name].append(ban)
    return table


_TABLE = _ban_of_name()
_CALL = re.compile(r"(?<![\w])((?:\w+\s*)?::\s*)?(" + "|".join(sorted({n.split("::")[-1] for n in _TABLE})) +
                   r")\s*\(")


def _is_declaration_or_member(code: str, start: int) -> tuple[bool, bool]:
    before = code[:start].rstrip()[-80:]
    if before.endswith((".", "->", "~")):
        return False, True
    word = re.search(r"(\w+)$", before)
    if word:
        return word[1] not in _KEYWORDS, False
    return before.endswith((">", "*")) or (before.endswith("&") and not before.endswith("&&")), False


def _calls(code: str) -> Iterator[tuple[str, str, int, bool]]:
    """(qualifier, name, offset, is_declaration) of every candidate."""
    for match in _CALL.finditer(code):
        qualifier = re.sub(r"\s", "", match[1] or "")
        declaration, member = _is_declaration_or_member(code, match.start())
        if member:
            continue
        if match[1] and match[1].strip() != "::" and code[:match.start()].rstrip().endswith("::"):
            continue  # a::b::name
        if qualifier == "::" and re.search(r"\w$", code[:match.start()]):
            continue
        yield qualifier, match[2], match.start(2), declaration


def _declared_by_folder(tree: Tree) -> dict[str, set[str]]:
    declared = defaultdict(set)
    for path, text in tree.cpp():
        for _, name, _, declaration in _calls(code_only(text)):
            if declaration:
                declared[path.split("/", 1)[0]].add(name)
    return declared


def _applies(ban: Ban, path: str) -> bool:
    if ban.only_in and not path.startswith(ban.only_in):
        return False
    return not path.startswith(ban.owners) if ban.owners else True


def check_calls(tree: Tree) -> Iterator[Finding]:
    declared = _declared_by_folder(tree)
    for path, text in tree.cpp():
        if path.startswith(_OUTSIDE):
            continue
        code, allowed = code_only(text), _allowed_lines(text)
        own = declared[path.split("/", 1)[0]]
        for qualifier, name, offset, declaration in _calls(code):
            if declaration or (not qualifier and name in own):
                continue
            full = f"sys::{name}" if qualifier == "sys::" else name
            if qualifier not in ("", "::", "std::", "sys::", "this_thread::"):
                continue
            line = line_of(code, offset)
            for ban in _TABLE.get(full, ()):
                if _applies(ban, path) and line not in allowed[full]:
                    yield Finding(path, line, f"{full}()", ban.why)


def check_patterns(tree: Tree) -> Iterator[Finding]:
    for path, text in tree.cpp():
        allowed = _allowed_lines(text)
        for table, code in ((PATTERNS, code_only(text)), (STRING_PATTERNS, without_comments(text))):
            for pattern, what, why, owners in table:
                if path.startswith((*owners, "examples/")) or (table is PATTERNS and path.startswith(_OUTSIDE)):
                    continue
                for match in re.finditer(pattern, code):
                    line = line_of(code, match.start())
                    if line not in allowed["pattern"]:
                        yield Finding(path, line, what, why)


class ForbiddenCalls(LintCase):
    def test_project_calls(self):
        self.assert_clean(check_calls)

    def test_project_patterns(self):
        self.assert_clean(check_patterns)

    def test_every_ban_fires(self):
        for name, bans in _TABLE.items():
            for ban in bans:
                path = (ban.only_in[0] if ban.only_in else "oci/") + "sample.cc"
                with self.subTest(name=name):
                    self.assert_finds(check_calls, {path: f"void f() {{\n  {name}(1);\n}}\n"}, (path, 2))
                    if ban.owners:
                        owner = ban.owners[0] + ("x.cc" if ban.owners[0].endswith("/") else "")
                        found = [f.why for f in check_calls(Tree({owner: f"void f() {{ {name}(1); }}\n"}))]
                        self.assertNotIn(ban.why, found)

    def test_every_pattern_fires(self):
        samples = ["#include <filesystem>", "namespace fs = std::filesystem;", "#include <fstream>", "#include <regex>",
                   "std::locale l;", "#include <pwd.h>", "auto n = poll(&p, 1, 100);", "using namespace std;",
                   'auto s = "/proc/self/exe";', 'auto s = rootfs + "/etc/passwd";']
        for sample in samples:
            with self.subTest(sample=sample):
                self.assert_finds(check_patterns, {"oci/a.cc": "\n" + sample + "\n"}, ("oci/a.cc", 2))

    def test_every_form_of_a_call(self):
        text = ("void f() {\n  ::close(3);\n  if (close (3)) return;\n  return close(3);\n  a && close(3);\n"
                "  std::remove(p);\n  x = sys::umount(p, 0);\n}\n")
        self.assert_finds(check_calls, {"oci/a.cc": text}, *(("oci/a.cc", n) for n in range(2, 8)))

    def test_leaves_other_things_alone(self):
        text = ('// close(3)\nconst char* s = "close(3)";\nvoid f() {\n  file.close();\n  p->close();\n'
                "  net::close(3);\n  runtime::kill(root, id);\n  my_close(3);\n  poll(&p, 1, -1);\n}\n")
        self.assert_finds(check_calls, {"oci/a.cc": text})
        self.assert_finds(check_patterns, {"oci/a.cc": text})

    def test_a_folders_own_function_is_not_the_system_call(self):
        tree = {"runtime/kill.h": "void kill(const Id& id);\n",
                "runtime/a.cc": "void f() {\n  kill(id);\n  ::kill(3, 9);\n}\n",
                "net/b.cc": "void f() {\n  kill(3);\n}\n"}
        self.assert_finds(check_calls, tree, ("runtime/a.cc", 3), ("net/b.cc", 2))

    def test_allow_comment_needs_a_reason_and_the_name(self):
        text = ("void f() {\n  // lint-allow(close): the number is the kernel's\n  close(3);\n"
                "  close(4);  // lint-allow(close):\n  close(5);  // lint-allow(open): wrong name\n}\n")
        self.assert_finds(check_calls, {"oci/a.cc": text}, ("oci/a.cc", 4), ("oci/a.cc", 5))


if __name__ == "__main__":
    unittest.main()
