import dataclasses

from tasks.pages import scale
from tests.components.report import samples


def test_scales_hold_every_interval():
    f1 = [row.figures["f1"] for row in samples.figures_of().per_class.values()]
    rates = scale.of_figures(f1)
    assert rates.low <= min(one.interval.low for one in f1)
    assert rates.low < rates.high
    assert rates.style(*dataclasses.astuple(f1[0])).startswith("--l:")
    differences = scale.differences([0.013, None, -0.051])
    assert (differences.low, differences.high) == (-0.06, 0.06)
    assert differences.place(0) == "50.0%"
