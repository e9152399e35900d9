"""Sends hostile requests in rounds, so that every kind comes all the time."""

from collections.abc import Callable, Mapping

import hypothesis
from hypothesis import strategies as st

from benchmarks import hostile_requests


def run(
    kinds: Mapping[str, tuple[float, st.SearchStrategy[hostile_requests.Attempt]]],
    count: int,
    rounds: int,
    send: Callable[[str, hostile_requests.Attempt], None],
) -> None:
    """Sends so many requests.

    Args:
      kinds: as of :func:`hostile_requests.kinds`.
      count: of requests.
      rounds: how many; their numbers are the seeds.
      send: is called with the kind and the request.
    """
    for number in range(rounds):
        for kind, (share, strategy) in kinds.items():
            examples = max(1, round(share * count / rounds))
            _examples(kind, strategy, examples, number, send)


def _examples(
    kind: str,
    strategy: st.SearchStrategy[hostile_requests.Attempt],
    examples: int,
    seed: int,
    send: Callable[[str, hostile_requests.Attempt], None],
) -> None:
    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(strategy)
    def one(attempt: hostile_requests.Attempt) -> None:
        send(kind, attempt)

    one()
