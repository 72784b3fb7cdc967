"""Numbers as events and rules write them, exact and bounded. Pure.

Binary floats would make ten times 0.1 exceed 1; decimals are kept as the fractions they are.
"""

import re
from fractions import Fraction
from functools import lru_cache

# A number with more digits or a larger exponent is no measurement; it would cost time and memory.
MAX_DIGITS = 40
MAX_EXPONENT = 308
_NUMBER = re.compile(r"[+-]?(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?")


@lru_cache(maxsize=8_192)
def number_of(text: str) -> Fraction | None:
    """The number that a text is; None if it is none, or one too large to be meant.

    >>> number_of("0.5"), number_of(" 1e3 "), number_of("0x10"), number_of("nan")
    (Fraction(1, 2), Fraction(1000, 1), None, None)
    """
    if len(text) > 2 * MAX_DIGITS:
        return None
    written = text.strip()
    found = _NUMBER.fullmatch(written)
    if found is None or not (found[1] or found[2]):
        return None
    if len(found[1]) + len(found[2] or "") > MAX_DIGITS or abs(int(found[3] or 0)) > MAX_EXPONENT:
        return None
    return Fraction(written)
