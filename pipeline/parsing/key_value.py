r"""``name=value`` pairs with optional double quotes, as firewalls, PAM and auditd write them.

>>> pairs(r'date=2026-03-01 devname="fw 1" msg="a \"b\"" srcport=22 empty=')
{'date': '2026-03-01', 'devname': 'fw 1', 'msg': 'a "b"', 'srcport': 22, 'empty': ''}
"""

import re

from pipeline.schema.event import Value

# Possessive, and a name begins where a word does: nothing is tried twice on any input.
_PAIR = re.compile(
    r'(?<![\w.-])([A-Za-z_][\w.-]{0,127}+)=(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"|([^\s"]*+))', re.S
)
_ESCAPED = re.compile(r'\\(["\\])')
_LONGEST_INTEGER = 19  # digits of 2**63 - 1, which the codec and the store can carry


def number(text: str) -> Value:
    """A decimal that fits 64 bits as an int, anything else as it is.

    A leading zero means that it names something (``0100044547``) and is no amount.
    """
    digits = text[1:] if text[:1] == "-" else text
    if not digits.isdecimal() or len(digits) > _LONGEST_INTEGER:
        return text
    if digits[0] == "0" and text != "0":
        return text
    value = int(text)
    return value if -(2**63) <= value < 2**63 else text


def pairs(text: str) -> dict[str, Value]:
    """Every pair; of a name that repeats the last. Decimals without quotes become ints."""
    fields: dict[str, Value] = {}
    for name, quoted, bare in _PAIR.findall(text):
        if bare:
            fields[name] = number(bare)
        elif "\\" in quoted:
            fields[name] = _ESCAPED.sub(r"\1", quoted)
        else:
            fields[name] = quoted
    return fields
