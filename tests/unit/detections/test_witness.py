from detections.compiler import All, Any, Item, Not
from detections.matchers import FieldReference, IsNull, Text
from detections.witness import witness

RARE = Item("f", Text("contains", "a long and telling literal"))
COMMON = Item("f", Text("contains", "a"))
NULL = Item("f", IsNull())
REFERENCE = Item("f", FieldReference("g"))


def test_of_what_must_all_hold_the_rarest_is_chosen() -> None:
    assert witness(All((COMMON, RARE, NULL))) == [RARE]
    assert witness(All((Any((COMMON, NULL)), COMMON))) == [COMMON]


def test_of_alternatives_all_are_needed() -> None:
    assert witness(Any((COMMON, RARE))) == [COMMON, RARE]
    assert witness(Any((COMMON, Not(RARE)))) is None
    assert witness(Any(())) == []


def test_what_need_not_hold_is_no_witness() -> None:
    assert witness(Not(RARE)) is None
    assert witness(REFERENCE) is None
    assert witness(All((Not(COMMON), REFERENCE))) is None
    assert witness(All((Not(COMMON), NULL))) == [NULL]
