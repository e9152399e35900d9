import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.preprocess import materialise
from components.trainer import config
from components.trainer.exports import tflite_interpreter
from components.trainer.features import engine
from components.trainer.network import cut, model


@pytest.fixture(scope="module")
def part() -> keras.Model:
    classifier = model.build(config.TrainConfig(), materialise.Spec(64, "stretch", list("abc"), {}))
    return cut.embedder(classifier, "efficientnet_lite0")


def test_the_quick_engine_equals_tensorflow(part, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (11, 64, 64, 3), np.uint8)
    plain = engine.compile_for(part, 1, tf.uint8)(pixels)
    monkeypatch.setattr(
        tflite_interpreter, "interpreter", spy := Spy(tflite_interpreter.interpreter)
    )
    quick = engine.compile_for(part, engine.LITE_MIN_ROWS, tf.uint8)
    assert spy.calls == (os.cpu_count() or 1)
    for count in (11, 1, 8, 3):
        np.testing.assert_allclose(quick(pixels[:count]), plain[:count], atol=1e-4)


def test_what_does_not_convert_runs_all_the_same(part, monkeypatch):
    def refuse(*_):
        raise ValueError("no such operation")

    monkeypatch.setattr(engine.tf.lite.TFLiteConverter, "from_concrete_functions", refuse)
    run = engine.compile_for(part, engine.LITE_MIN_ROWS, tf.uint8)
    assert run(np.zeros((3, 64, 64, 3), np.uint8)).shape == (3, 1280)


class Spy:
    def __init__(self, real):
        self.real, self.calls = real, 0

    def __call__(self, *arguments, **options):
        self.calls += 1
        return self.real(*arguments, **options)
