"""Faults seeded into a broker on purpose: each breaks one promise, and the checker must notice.

Only processes of a chaos run that were asked to be broken call these.
"""

from collections.abc import Callable, Mapping

BUGS: Mapping[str, Callable[[], None]] = {}
