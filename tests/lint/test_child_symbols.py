# SPDX-License-Identifier: Apache-2.0
"""What runs between clone3 and execve may refer to. After a raw clone3 the child has one thread of a process
whose locks may be held for ever and whose cached thread id is wrong: no allocation, no stdio, no exceptions, no
pthread, no NSS. The compiler cannot say so, the objects' undefined symbols can. A library is the child's when
meson compiles it with `child_args` (-fno-exceptions -fno-rtti).
"""

import json
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Iterable, Iterator

from lint_support import ROOT, Finding, LintCase

CHILD_FLAGS = {"-fno-exceptions", "-fno-rtti"}
# These must be among the child's libraries: the lint fails when one is renamed or loses its flags.
REQUIRED_SOURCES = ("base/sys.cc", "base/rooted_dir.cc", "base/proc.cc")
REQUIRED_FOLDERS = ("runtime/init/",)

ALLOCATES = "allocates: another thread may have held malloc's lock at the clone"
RULES = tuple((re.compile(pattern), why) for pattern, why in (
    (r"(malloc|calloc|realloc|reallocarray|free|cfree|memalign|posix_memalign|aligned_alloc|valloc)", ALLOCATES),
    (r"_Zn[wa].*|_Zd[la].*", ALLOCATES + " (operator new/delete)"),
    (r"(strdup|strndup|v?asprintf|getline|getdelim|open_memstream|realpath|scandir|glob|wordexp|qsort|strerror)",
     ALLOCATES),
    (r"(opendir|fdopendir|readdir|readdir64|closedir)", ALLOCATES + "; getdents64 into a buffer"),
    (r"_ZNK?S(t7__cxx11|s).*", ALLOCATES + " (std::string)"),
    (r"_ZSt\d+__throw.*|__cxa_throw|__cxa_rethrow|__cxa_allocate_exception|__cxa_begin_catch|_Unwind_Resume|"
     r"__gxx_personality_v0", "throws: nothing catches it before the caller's own frames"),
    (r"__cxa_guard_acquire|__cxa_atexit|atexit|on_exit", "a static local takes a lock, and its end is registered"),
    (r"_ZTI.*|__dynamic_cast", "needs run-time type information"),
    (r"(f|v|vf|d|vd|s|vs|sn|vsn)?printf|__.*printf_chk|f?puts|f?putc|putchar|f(open|close|read|write|flush)|"
     r"fopen64|stdout|stderr|stdin|perror|.*scanf|syslog|openlog",
     "stdio: locks, locale and allocation"),
    (r"pthread_.*|__pthread_.*|thrd_.*|mtx_.*|sem_(wait|post)", "the thread's own record is the parent's"),
    (r"(setuid|setgid|seteuid|setegid|setreuid|setregid|setresuid|setresgid|setgroups|initgroups)",
     "glibc signals every thread it believes to exist; call it raw"),
    (r"(raise|abort|fork|vfork|posix_spawn|posix_spawnp|system|popen|daemon)",
     "uses the cached thread id or runs fork handlers"),
    (r"get(pw|gr)(nam|uid|gid|ent)(_r)?|getgrouplist|getaddrinfo|gethostby.*|getservby.*|iconv.*|dlopen|dlsym|"
     r"setlocale|newlocale|localtime(_r)?|tzset", "loads libraries or data of whatever root we are in"),
    (r"(exit|quick_exit)", "runs the parent's exit handlers; _exit"),
    (r"__tls_get_addr", "thread-local storage set up on demand"),
))


def check_symbols(name: str, symbols: Iterable[str]) -> Iterator[Finding]:
    for symbol in symbols:
        plain = symbol.split("@", 1)[0]
        for pattern, why in RULES:
            if pattern.fullmatch(plain):
                yield Finding(name, 0, f"refers to {symbol}", why)
                break


def undefined_symbols(archive: Path) -> dict[str, list[str]]:
    """Object name -> symbols that it needs from elsewhere."""
    listing = subprocess.run(["nm", "--undefined-only", "--format=posix", str(archive)], check=True,
                             capture_output=True, text=True).stdout
    objects, current = {}, archive.name
    for line in listing.splitlines():
        if line.endswith(":"):
            current = line[:-1].rstrip(":")
        elif line:
            objects.setdefault(current, []).append(line.split()[0])
    return objects


def child_libraries(build: Path) -> dict[Path, list[str]]:
    """Static libraries of the child -> their sources, relative to the top."""
    listing = subprocess.run(["meson", "introspect", "--targets", str(build)], check=True, capture_output=True,
                             text=True).stdout
    libraries = {}
    for target in json.loads(listing):
        if target["type"] != "static library":
            continue
        groups = [group for group in target["target_sources"] if group.get("language") == "cpp"]
        if groups and all(CHILD_FLAGS <= set(group["parameters"]) for group in groups):
            sources = [str(Path(s).relative_to(ROOT)) for group in groups for s in group["sources"]]
            libraries[Path(target["filename"][0])] = sources
    return libraries


def check_coverage(sources: set[str], folders_with_code: Iterable[str]) -> Iterator[Finding]:
    for source in REQUIRED_SOURCES:
        if source not in sources:
            yield Finding(source, 0, "is not in a child library", "it would no longer be checked")
    for path in folders_with_code:
        if path.startswith(REQUIRED_FOLDERS) and path not in sources:
            yield Finding(path, 0, "is not in a child library", "runtime/init/ is the child's code")


def release_build() -> Path | None:
    """The build directory with the programs as they are shipped: sanitizers add symbols of their own."""
    for name in ("build", "build-release"):
        path = ROOT / name
        if not (path / "build.ninja").exists():
            continue
        options = json.loads(subprocess.run(["meson", "introspect", "--buildoptions", str(path)], check=True,
                                            capture_output=True, text=True).stdout)
        if any(o["name"] == "b_sanitize" and o["value"] == "none" for o in options):
            return path
    return None


class ChildSymbols(LintCase):
    def test_libraries(self):
        build = release_build()
        if build is None:
            self.skipTest("no release build in build/ (meson setup build && ninja -C build)")
        libraries = child_libraries(build)
        init_code = [str(p.relative_to(ROOT)) for p in (ROOT / "runtime" / "init").glob("*.cc")]
        findings = list(check_coverage({s for sources in libraries.values() for s in sources}, init_code))
        for archive in libraries:
            self.assertTrue(archive.exists(), f"{archive} is not built: ninja -C {build}")
            for name, symbols in undefined_symbols(archive).items():
                findings += check_symbols(name, symbols)
        self.assertEqual([], findings, "\n".join(map(str, findings)))

    def test_every_rule_fires_on_a_compiled_sample(self):
        if not shutil.which("c++"):
            self.skipTest("no compiler")
        sample = """
            #include <cstdio>
            #include <grp.h>
            #include <pwd.h>
            #include <pthread.h>
            #include <string>
            #include <vector>
            void* alloc() { return new int[3]; }
            void print(int x) { std::printf("%d", x); }
            void* who() { return getpwnam("root"); }
            void thrower() { throw 1; }
            int self(pthread_mutex_t* m) { return pthread_mutex_lock(m); }
            int groups() { return setgroups(0, nullptr); }
            void grow(std::string& s) { s.append("more"); }
            struct S { ~S(); };
            S& local() { static S s; return s; }
        """
        with tempfile.TemporaryDirectory() as folder:
            source, output = Path(folder, "bad.cc"), Path(folder, "bad.o")
            source.write_text(sample)
            subprocess.run(["c++", "-std=c++17", "-O0", "-c", str(source), "-o", str(output)], check=True)
            symbols = [s for group in undefined_symbols(output).values() for s in group]
        found = "\n".join(map(str, check_symbols("bad.o", symbols)))
        for needed in ("_Zna", "printf", "getpwnam", "__cxa_throw", "pthread_mutex_lock", "setgroups", "__cxx11",
                       "__cxa_guard_acquire"):
            self.assertIn(needed, found)

    def test_what_the_child_needs_is_allowed(self):
        fine = ["memcpy", "strlen", "mount", "syscall", "prctl", "execve", "_exit", "__errno_location", "openat",
                "write", "__stack_chk_fail", "sigaction", "close_range@GLIBC_2.34", "freopen_not"]
        self.assertEqual([], list(check_symbols("x.o", fine)))

    def test_code_outside_the_libraries_is_found(self):
        found = {f.path for f in check_coverage(set(REQUIRED_SOURCES) - {"base/sys.cc"}, ["runtime/init/main.cc"])}
        self.assertEqual(found, {"base/sys.cc", "runtime/init/main.cc"})


if __name__ == "__main__":
    unittest.main()
