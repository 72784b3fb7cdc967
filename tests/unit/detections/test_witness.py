from detections.compiler import All, Any, AtLeast, Item, Not
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


def test_of_a_number_of_nodes_so_many_are_needed_that_one_must_hold() -> None:
    other = Item("g", Text("equals", "another telling literal"))

    assert witness(AtLeast(2, (COMMON, RARE, other))) == [other, RARE]
    assert witness(AtLeast(2, (COMMON, RARE, Not(other)))) == [RARE, COMMON]
    assert witness(AtLeast(2, (COMMON, Not(RARE), Not(other)))) is None
