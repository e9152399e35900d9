"""JSON that a stranger may send, by hypothesis strategies."""

import json
from typing import Any

from hypothesis import strategies as st

_HUGE = "a number of 5000 digits"

NUMBERS = st.one_of(
    st.integers(-2, 40),
    st.sampled_from([2**31 - 1, 2**31, 2**32, 2**62, 2**63, 2**64, -(2**63), 10**30, _HUGE]),
    st.floats(),
)
_WORDS = st.one_of(
    st.text(max_size=20),
    st.text(st.characters(categories=["Cs", "Cc", "So"]), max_size=8),
    st.sampled_from(["serving_default", "embed", "explain", "contract", "label", "BYTES", "FP32"]),
    st.just("x" * 70_000),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, _WORDS)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def text(value: Any) -> bytes:
    """JSON, with a number longer than Python writes."""
    return json.dumps(value).replace(f'"{_HUGE}"', "1" * 5000).encode()


def _nested(depth: int, opening: str, inner: str) -> bytes:
    closing = {"[": "]", '{"a":': "}"}[opening]
    return (opening * depth + inner + closing * depth).encode()


def _duplicated(body: bytes, key: str, value: Any) -> bytes:
    """A JSON object with one more entry at its beginning: readers differ in which one counts."""
    return b"{" + text(key) + b":" + text(value) + b"," + body.strip()[1:]


def damaged(bodies: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Bodies that are cut off, or have wrong bytes in them."""
    place = st.integers(0, 600)
    return st.one_of(
        st.builds(lambda body, end: body[:end], bodies, place),
        st.builds(
            lambda body, at, junk: body[:at] + junk + body[at:],
            bodies,
            place,
            st.binary(min_size=1, max_size=6),
        ),
        st.builds(
            _nested,
            st.integers(1, 100_000),
            st.sampled_from(["[", '{"a":']),
            st.sampled_from(["", "1", "NaN", '"x"']),
        ),
        st.builds(
            _duplicated,
            bodies,
            st.sampled_from(["instances", "inputs", "parameters", "outputs", "id"]),
            ANYTHING,
        ),
        st.binary(max_size=200),
    )
