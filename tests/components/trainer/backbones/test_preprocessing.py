import keras
import numpy as np
import pytest

from components.trainer.backbones import preprocessing
from tests.components.trainer.backbones import conftest

# As keras.applications' preprocess_input has them.
MODES = {
    "tf": (preprocessing.TF, keras.applications.mobilenet_v2),
    "torch": (preprocessing.TORCH, keras.applications.densenet),
    "caffe": (preprocessing.CAFFE, keras.applications.resnet50),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_inputs_are_those_of_keras_applications(mode, dtype):
    ours, theirs = MODES[mode]
    pixels = conftest.pixels().astype(dtype)
    inputs = np.asarray(ours(pixels))
    assert inputs.dtype == np.float32
    expected = theirs.preprocess_input(pixels.astype(np.float32))
    np.testing.assert_allclose(inputs, expected, rtol=1e-5, atol=1e-5)


def test_the_lite_models_take_what_they_were_trained_with():
    pixels = conftest.pixels()
    expected = (pixels.astype(np.float32) - 127) / 128
    np.testing.assert_allclose(preprocessing.LITE(pixels), expected, atol=1e-6)
