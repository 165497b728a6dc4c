# SPDX-License-Identifier: Apache-2.0
"""Where the functions of a C++ file begin and end, read from its braces: enough to measure them, not a parser.
A brace opens a function when everything around it is a namespace, a class or `extern "C"` and the text before it
has a parameter list. Initialisers of constants and of members are skipped over.
"""

import re
from dataclasses import dataclass
from typing import Iterator

from lint_support import code_only, line_of


@dataclass(frozen=True)
class Function:
    name: str
    first: int  # line of the signature
    last: int  # line of the closing brace

    @property
    def lines(self) -> int:
        return self.last - self.first + 1


_SCOPE = re.compile(r"\b(?:namespace|class|struct|union|enum)\b|\bextern\s*\"")
_PARAMETERS = re.compile(r"([\w:~]+|operator[^\w\s]+|\])\s*\(")


def _without_directives(code: str) -> str:
    def blank(match: re.Match) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    return re.sub(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", blank, code, flags=re.MULTILINE)


def _closing(code: str, opening: int) -> int:
    """Offset of the brace that closes the one at `opening`."""
    depth = 0
    for match in re.finditer(r"[{}]", code[opening:]):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return opening + match.start()
    return len(code) - 1


def _is_scope(head: str) -> bool:
    # `struct stat f(…)` is a function that returns one; `struct alignas(8) S` is a scope all the same.
    return bool(_SCOPE.search(head)) and not _PARAMETERS.search(re.sub(r"\b(?:alignas|__attribute__)\s*\(", "", head))


def functions(text: str) -> Iterator[Function]:
    code = _without_directives(code_only(text))
    start = position = 0  # `start`: where the declaration that we are in began
    while match := re.compile(r"[{};]").search(code, position):
        offset = match.start()
        position = offset + 1
        head = code[start:offset]
        if match[0] != "{":
            # A `;` inside parentheses (none at this level) aside, a new declaration begins.
            start = position
            continue
        if _is_scope(head):
            start = position
            continue
        end = _closing(code, offset)
        named = _PARAMETERS.search(head)
        following = code[end + 1:].lstrip()[:1]
        if named and following in (",", "{"):  # a member initialiser: `: a_{1}, b_{2} {`
            position = end + 1
            continue
        if named:
            first = start + len(head) - len(head.lstrip())
            yield Function(named[1], line_of(code, first), line_of(code, end))
        position = start = end + 1
