from hypothesis import given
from hypothesis import strategies as st

from pipeline.schema.flatten import MAX_DEPTH, flatten

scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5))
documents = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=12,
    ),
    max_size=4,
)


def scalars_in(value: object) -> int:
    if isinstance(value, dict):
        return sum(map(scalars_in, value.values()))
    if isinstance(value, list):
        return sum(map(scalars_in, value))
    return value is not None


@given(document=documents)
def test_fields_are_scalars_or_lists_of_them_and_nothing_is_made_up(
    document: dict[str, object],
) -> None:
    found = flatten(document)

    values = [value if isinstance(value, list) else [value] for value in found.values()]
    assert all(isinstance(one, str | int | float | bool) for value in values for one in value)
    assert sum(map(len, values)) <= scalars_in(document)


def test_a_document_of_any_depth_is_flattened_as_far_as_is_sensible() -> None:
    document: dict[str, object] = {"leaf": 1}
    for _ in range(5_000):
        document = {"a": document}

    assert all(name.count(".") <= MAX_DEPTH for name in flatten(document))
