"""How many examples a property is tried on."""

import hypothesis


def of(number: int) -> int:
    """The number for a property that is dear to try: so many for each 200 of the profile's.

    It is tried on ``number`` in `make test` and on ten times as many in `make test-landing`.
    """
    return max(1, number * hypothesis.settings().max_examples // 200)
