"""An output folder that one lane made is gone on with by the other: real runs with both interpreters.

``OTHER_LANE`` names the interpreter of the other lane's environment; ``scripts/trixie`` sets it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.trainer import contract, history
from data.sources import digits
from tests.whole_runs import ROOT, SCRIPT, Run

pytestmark = [pytest.mark.lanes, pytest.mark.timeout(3600)]

OTHER = os.environ.get("OTHER_LANE", "")
# A network of 19,000 weights. What is asked of it is that it trains, is judged and is pushed.
RECIPE = """
preprocess: {size_px: 32}
augment: {horizontal_flip: false, brightness_fraction: 0, contrast_fraction: 0}
train: {backbone: cnn, weights: random, scratch_epochs: 4, batch_size: 16}
gate: {ask_server: false, min_accuracy: 0.2, min_recall: 0, parity: false}
report: {robustness_images: 0, pictures_per_cell: 1}
infra: {enabled: false}
"""
VERSIONS = "from importlib.metadata import version as v; print(v('tensorflow'), v('tfx'))"


def python(interpreter: str, *arguments: object) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [interpreter, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
    )


@pytest.fixture(scope="module", params=["by this lane", "by the other"])
def lanes(request) -> tuple[str, str]:
    """The interpreter of the lane that makes the folder, and of the one that goes on."""
    if not OTHER:
        pytest.skip("there is no environment of the other lane (OTHER_LANE)")
    both = (sys.executable, OTHER)
    found = [python(one, "-c", VERSIONS).stdout for one in both]
    assert found[0] != found[1] and all(found), found
    return both if request.param == "by this lane" else both[::-1]


class Folder:
    """Images, and the output folder of the runs on them."""

    def __init__(self, root: Path) -> None:
        self.data = digits.export(root / "digits", per_class=20)
        self.output = root / "out"
        self.recipe = root / "recipe.yaml"
        self.recipe.write_text(RECIPE)

    def run(self, interpreter: str) -> tuple[set[str], str]:
        """Runs the pipeline; returns the steps that were executed, and what was printed."""
        flags = ["--data-dir", self.data, "--output-dir", self.output, "--config", self.recipe]
        done = python(interpreter, SCRIPT, *flags)
        # A second model need not be better than what is served.
        assert done.returncode in (0, 3), done.stdout + done.stderr
        return Run(done, self.output).executed, done.stdout

    def versions(self) -> list[Path]:
        return sorted((self.output / "serving" / "digits").glob("[0-9]*"))

    def ask(self, interpreter: str) -> str:
        """What the served version answers in a lane's TensorFlow: the class and its probability."""
        image = next((self.data / "3").iterdir())
        folder = self.output / "serving" / "digits"
        done = python(interpreter, "-m", "serving", "predict", image, "--model-dir", folder)
        assert done.returncode == 0, done.stderr
        return done.stdout


def test_a_training_starts_from_the_weights_of_the_other_lane(lanes, tmp_path):
    """An older Keras cannot read the network of a newer one, but its weights."""
    maker, follower = lanes
    written = python(maker, "-m", "tests.lanes.classifiers", "write", tmp_path)
    read = python(follower, "-m", "tests.lanes.classifiers", "read", tmp_path)
    assert written.returncode == read.returncode == 0, written.stderr + read.stderr
    assert json.loads(read.stdout) == json.loads(written.stdout)


def test_the_other_lane_goes_on_with_an_output_folder(lanes, tmp_path):
    maker, follower = lanes
    folder = Folder(tmp_path)
    made, _ = folder.run(maker)
    assert len(folder.versions()) == 1
    first_answer = folder.ask(maker)
    # What was pushed answers in the other lane's TensorFlow as in its own.
    assert folder.ask(follower) == first_answer
    went_on, printed = folder.run(follower)
    # All steps ran again, since the libraries are other ones; that which copies the schema has none.
    assert went_on == made - {"ImportSchemaGen"} != made
    assert "compared with the served model" in printed
    starts = [
        history.History.from_json(path.read_text()).start
        for path in (folder.output / "artifacts").rglob(history.FILE)
    ]
    assert sorted(starts) == ["random weights", "the last blessed model"]
    # Each lane finds its own work again in the cache, beside that of the other. Where the follower's
    # model was pushed, the maker's is compared with it, once, and not pushed again.
    versions = folder.versions()
    compared = {"ReleaseGate", "Pusher", "Report"} if len(versions) == 2 else set()
    for interpreter, executed in ((follower, set()), (maker, compared), (maker, set())):
        assert folder.run(interpreter)[0] == executed
    assert folder.versions() == versions
    contracts = [json.loads((one / "assets" / contract.FILE).read_text()) for one in versions]
    assert len({one["versions"]["tensorflow"] for one in contracts}) == len(versions)
