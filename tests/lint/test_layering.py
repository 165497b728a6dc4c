# SPDX-License-Identifier: Apache-2.0
"""Which folder may include which, and which folder owns which library (docs/architecture.md). The include
line is the dependency: a file includes only from its own folder and from lower layers.
"""

import re
import unittest
from typing import Iterator

from lint_support import Finding, LintCase, Tree, line_of, without_comments

LAYERS = {
    "base": 0,
    "oci": 1, "archive": 1,
    "rootfs": 2, "net": 2, "image": 2,
    "runtime": 3,
    "engine": 4,
    "builder": 5,
    "cmd": 6,
}
# May include anything, and nothing includes them.
OUTSIDE = ("tests", "bench")

# Edges that the layers would allow and the design does not.
FORBIDDEN_EDGES = {
    ("runtime", "net"): "the runtime sees a namespace path, never bridges or leases",
    ("runtime", "image"): "the runtime sees a mounted root, never images",
}

# Single headers that such an edge does not mean.
EDGE_EXCEPTIONS = {
    ("runtime", "net/moved_links.h"): "linux.netDevices: the runtime moves devices of the host by name",
}

# Library header (prefix) -> where it may be included, and why only there.
LIBRARY_OWNERS = {
    "nlohmann/": ((), "base/json.h hides the JSON library so that it can be replaced"),
    "rapidjson/": (("base/json_text.cc",), "base/json.h hides the JSON library so that it can be replaced"),
    "yaml-cpp/": (("engine/", "builder/"), "YAML is crun-lite's own config only, not the runtime's"),
    "CLI/": (("cmd/",), "only cmd/ reads flags"),
    "archive.h": (("archive/",), "parsers of hostile archives stay out of the container's process"),
    "archive_entry.h": (("archive/",), "parsers of hostile archives stay out of the container's process"),
    "curl/": (("image/", "builder/"), "crun-lite-image only"),
    "openssl/": (("archive/",), "crun-lite-image only"),
    "zstd.h": (("archive/",), "crun-lite-image only"),
    "zlib.h": (("archive/",), "crun-lite-image only"),
    "isa-l": (("archive/",), "crun-lite-image only"),
    "systemd/": (("runtime/systemd/",), "D-Bus is crun-lite-systemd's alone: a static program cannot link it"),
    "seccomp.h": (("runtime/",), "only the runtime makes filters"),
    "protozero/": (("runtime/criu_rpc.cc",), "what is said to criu is structs everywhere else"),
    "sys/capability.h": (("runtime/",), "only the runtime sets capabilities"),
    "libmnl/": (("net/",), "only net/ speaks netlink"),
    "gtest/": (("tests/",), "test code"),
    "gmock/": (("tests/",), "test code"),
}

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def _why_not(folder: str, target: str) -> str | None:
    if target not in LAYERS:
        return 'headers are included as "module/file.h" from the top of the tree'
    if folder in OUTSIDE or folder == target:
        return None
    if folder not in LAYERS:
        return f"folder {folder}/ has no layer; add it to the table in docs/architecture.md and here"
    if LAYERS[target] > LAYERS[folder]:
        return f"{folder}/ is layer {LAYERS[folder]}, {target}/ is layer {LAYERS[target]}: no include goes up"
    if LAYERS[target] == LAYERS[folder]:
        return f"{folder}/ and {target}/ are siblings; what both need belongs in a lower layer"
    return FORBIDDEN_EDGES.get((folder, target))


def _library_reason(path: str, header: str) -> str | None:
    for prefix, (owners, why) in LIBRARY_OWNERS.items():
        if header.startswith(prefix) and not path.startswith((*owners, "tests/", "bench/")):
            return f"belongs in {', '.join(owners)}: {why}"
    return None


def check_includes(tree: Tree) -> Iterator[Finding]:
    for path, text in tree.cpp():
        folder = path.split("/", 1)[0]
        if folder == "examples":
            continue
        for match in _INCLUDE.finditer(without_comments(text)):
            line = line_of(text, match.start())
            quoted, library = match.groups()
            if library:
                if why := _library_reason(path, library):
                    yield Finding(path, line, f"includes <{library}>", why)
                continue
            target = quoted.split("/", 1)[0]
            if folder in OUTSIDE and target in OUTSIDE:
                why = None
            elif (folder, quoted) in EDGE_EXCEPTIONS:
                why = None
            else:
                why = _why_not(folder, target)
            if why is None and quoted not in tree:
                why = "no such file"
            if why:
                yield Finding(path, line, f'includes "{quoted}"', why)


class Layering(LintCase):
    def test_project(self):
        self.assert_clean(check_includes)

    def test_finds_upward_sideways_and_relative_includes(self):
        tree = {
            "base/a.h": '#include "oci/spec.h"\n',
            "oci/spec.h": '// "no/include.h"\n#include "base/a.h"\n',
            "rootfs/x.h": '#include "oci/spec.h"\n#include "net/y.h"\n',
            "net/y.h": '#include "y2.h"\n',
            "runtime/r.cc": '#include "rootfs/x.h"\n#include "net/y.h"\n',
            "extra/e.cc": '#include "base/a.h"\n',
            "cmd/c.cc": '#include "base/gone.h"\n#include "runtime/r.h"\n',
            "runtime/r.h": "",
            "tests/unit/t.cc": '#include "cmd/c.h"\n',
            "cmd/c.h": "",
        }
        self.assert_finds(check_includes, tree, ("base/a.h", 1), ("rootfs/x.h", 2), ("net/y.h", 1),
                          ("runtime/r.cc", 2), ("extra/e.cc", 1), ("cmd/c.cc", 1))

    def test_finds_a_library_outside_its_folder(self):
        tree = {
            "runtime/a.cc": "#include <archive.h>\n#include <seccomp.h>\n",
            "archive/b.cc": "#include <archive_entry.h>\n#include <nlohmann/json.hpp>\n",
            "oci/c.cc": "#  include <seccomp.h>\n",
        }
        self.assert_finds(check_includes, tree, ("runtime/a.cc", 1), ("archive/b.cc", 2), ("oci/c.cc", 1))


if __name__ == "__main__":
    unittest.main()
