"""The literal strings that rules need, and one search for all of them. Pure.

Three structures answer, for one value, which of thousands of literals it contains, begins or ends
with; and ``required_literal`` finds the string that every match of a regular expression contains,
so that the expression itself is run on few values only.

Hyperscan's literal compiler builds the largest set that SigmaHQ needs (9,200 strings) in 0.16 s, so
databases are built when a class of rules is, and kept nowhere. (Measured with hyperscan 0.9.1;
regular expressions in hyperscan took minutes and are RE2's work.) Not thread-safe: a search owns
scratch space.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

import hyperscan

# What means something else to RE2 than to `re` (or will, says its FutureWarning).
_READ_DIFFERENTLY = re.compile(r"\\Q|\[\^?\]?[^\]]*(?:\[|--|&&|~~|\|\|)")

# Below it, Python's `in` is faster than a call into hyperscan and back.
_FEW_LITERALS = 8


class ContainsSearch:
    """Which of many literals a text contains.

    >>> search = ContainsSearch(["mimi", "katz", "x"])
    >>> sorted(search.find("mimikatz"))
    [0, 1]
    """

    def __init__(self, literals: Sequence[str]) -> None:
        self._literals = tuple(literals)
        self._found: list[int] = []
        self.find: Callable[[str], list[int]]
        if len(self._literals) <= _FEW_LITERALS:
            self.find = self._find_few
            return
        self._database = hyperscan.Database()
        self._database.compile(
            expressions=[utf8(literal) for literal in self._literals],
            ids=list(range(len(self._literals))),
            elements=len(self._literals),
            flags=hyperscan.HS_FLAG_SINGLEMATCH,
            literal=True,
        )
        self._database.scratch = hyperscan.Scratch(self._database)
        self.find = self._find_many

    def _find_few(self, text: str) -> list[int]:
        return [index for index, literal in enumerate(self._literals) if literal in text]

    def _find_many(self, text: str) -> list[int]:
        self._found = []
        self._database.scan(utf8(text), match_event_handler=self._note)
        return self._found

    def _note(self, index: int, begin: int, end: int, flags: int, context: object) -> None:
        self._found.append(index)


class PrefixSearch:
    """Which of many literals a text begins with, by one binary search.

    Every literal that begins the text is a prefix of the greatest literal not above the text, or
    a prefix of one of its prefixes; so each literal knows the next shorter one that begins it.

    >>> search = PrefixSearch(["c:", "c:\\\\win", "d:"])
    >>> sorted(search.find("c:\\\\windows")), search.find("e:")
    ([0, 1], [])
    """

    def __init__(self, literals: Sequence[str]) -> None:
        order = sorted(range(len(literals)), key=literals.__getitem__)
        self._sorted = [literals[index] for index in order]
        self._parents: list[int] = []
        self._chains: list[list[int]] = []
        for position, literal in enumerate(self._sorted):
            parent = position - 1
            while parent >= 0 and not literal.startswith(self._sorted[parent]):
                parent = self._parents[parent]
            self._parents.append(parent)
            above = self._chains[parent] if parent >= 0 else []
            self._chains.append([order[position], *above])

    def find(self, text: str) -> list[int]:
        """The indexes of the literals that begin the text."""
        position = bisect_right(self._sorted, text) - 1
        while position >= 0:
            if text.startswith(self._sorted[position]):
                return self._chains[position]
            position = self._parents[position]
        return []


def utf8(text: str) -> bytes:
    """UTF-8 that never fails: JSON may carry half a surrogate pair."""
    return text.encode("utf-8", "surrogatepass")


def required_literal(pattern: str, flags: str = "") -> str:
    """The longest lower-case ASCII string that the lower-cased text of every match contains.

    Empty where none is found; never wrong, for the index would lose matches. Where case is
    ignored, ``k`` and ``s`` end a run, for they also match the Kelvin sign and the long s.

    >>> [required_literal(pattern) for pattern in (r"powershell(\\.exe)?\\s+-enc", "a|b", r"\\d+")]
    ['powershell', '', '']
    """
    if _READ_DIFFERENTLY.search(pattern):
        return ""
    try:
        tree = sre_parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return ""
    caseless = "i" in flags or re.search(r"\(\?[a-z]*i", pattern) is not None
    runs: list[str] = []
    _collect(tree, runs, breaks="ks" if caseless else "")
    return max(runs, key=len, default="")


def _collect(tree: Any, runs: list[str], *, breaks: str) -> None:
    """Add the literal runs that every match of a parsed expression goes through."""
    run = ""
    for operation, argument in tree:
        letter = chr(argument).lower() if operation is sre.LITERAL and argument < 128 else ""
        if letter and letter not in breaks:
            run += letter
            continue
        runs.append(run)
        run = ""
        if operation is sre.SUBPATTERN:
            _collect(argument[3], runs, breaks=breaks)
        elif operation in (sre.MAX_REPEAT, sre.MIN_REPEAT) and argument[0] >= 1:
            _collect(argument[2], runs, breaks=breaks)
    runs.append(run)
