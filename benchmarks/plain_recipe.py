"""The usual recipe of two-phase transfer learning as a plain Keras script: the reference of two_phase.py."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from benchmarks import training_set
from components.trainer import config
from components.trainer.backbones import registry
from components.trainer.network import model

BATCH = 32
EPOCHS = 10
RATES = {"head": 1e-3, "fine_tune": 1e-5}
UNFREEZE_BLOCKS = config.TrainConfig().unfreeze_blocks
_TRACING_STEPS = 2


class Clock:
    """Seconds, with pauses.

    Args:
      cores: 0: seconds of the wall clock; else processor time of this process divided by so many
        cores, in which other work on the machine counts little.
    """

    def __init__(self, cores: int = 0) -> None:
        self._cores = cores
        self._start, self._paused = self.now(), 0.0

    def now(self) -> float:
        """Returns the moment, in seconds since some other one."""
        return time.process_time() / self._cores if self._cores else time.perf_counter()

    def seconds(self) -> float:
        """Returns the seconds since the start, but for the pauses."""
        return self.now() - self._start - self._paused

    def paused(self, action: Callable[[], float]) -> float:
        """Does something that does not count."""
        start = self.now()
        result = action()
        self._paused += self.now() - start
        return result


class Recipe:
    """The recipe on folders of classes.

    Args:
      root: has ``train``, ``eval`` and ``test``.
      size: side of the images in pixels.
      seed: of everything random.
      as_in_tutorials: whether BatchNorm in the unfrozen blocks trains.
      clock: started when the files are there.
    """

    def __init__(
        self, root: Path, size: int, seed: int, as_in_tutorials: bool, clock: Clock
    ) -> None:
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        self._clock, self._as_in_tutorials = clock, as_in_tutorials
        self._train, self._eval, self._test = (
            keras.utils.image_dataset_from_directory(
                root / name, image_size=(size, size), batch_size=BATCH, seed=seed, verbose=False
            ).prefetch(tf.data.AUTOTUNE)
            for name in training_set.SPLITS
        )
        self._entry = registry.REGISTRY["efficientnet_lite0"]
        self._backbone = registry.build("efficientnet_lite0", size, "imagenet")
        self._backbone.trainable = False
        inputs = keras.Input((size, size, 3))
        x = layers.RandomFlip("horizontal")(inputs)
        x = layers.RandomRotation(0.1)(x)
        x = layers.RandomZoom(0.1)(x)
        x = self._backbone(self._entry.preprocess(x), training=False)
        x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
        outputs = layers.Dense(len(training_set.class_names(root)))(x)
        self._classifier = keras.Model(inputs, outputs)

    def run(self) -> dict[str, Any]:
        """Runs both phases; returns test accuracies and seconds."""
        self._compile("head")
        self._classifier.fit(self._train, validation_data=self._eval, epochs=EPOCHS, verbose=0)
        head_accuracy, head_s = self._clock.paused(self._accuracy), self._clock.seconds()
        self._unfreeze()
        self._compile("fine_tune")
        self._classifier.fit(self._train, validation_data=self._eval, epochs=EPOCHS, verbose=0)
        seconds = self._clock.seconds()
        return {
            "head_accuracy": head_accuracy,
            "head_s": head_s,
            "accuracy": self._clock.paused(self._accuracy),
            "s": seconds,
        }

    def estimate(self, steps: int) -> dict[str, Any]:
        """Times some steps of each phase and an evaluation; returns what both phases would take.

        What is not repeated in every epoch, such as building graphs, is measured; accuracies are None.
        """
        phases = {}
        epoch_steps = math.ceil(len(self._train))
        built_s = self._clock.seconds()
        for phase in RATES:
            if phase == "fine_tune":
                self._unfreeze()
            self._compile(phase)
            start = self._clock.now()
            self._classifier.fit(self._train.take(_TRACING_STEPS), epochs=1, verbose=0)
            self._classifier.evaluate(self._eval.take(1), verbose=0)
            traced = self._clock.now()
            self._classifier.fit(self._train.take(steps), epochs=1, verbose=0)
            stepped = self._clock.now()
            self._classifier.evaluate(self._eval, verbose=0)
            evaluated = self._clock.now() - stepped
            epoch = (stepped - traced) / min(steps, epoch_steps) * epoch_steps + evaluated
            phases[phase] = traced - start + EPOCHS * epoch
        return {
            "head_accuracy": None,
            "head_s": built_s + phases["head"],
            "accuracy": None,
            "s": built_s + sum(phases.values()),
            "estimated_from_steps": steps,
        }

    def _compile(self, phase: str) -> None:
        self._classifier.compile(
            optimizer=keras.optimizers.Adam(RATES[phase]),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            jit_compile=False,
        )

    def _unfreeze(self) -> None:
        self._backbone.trainable = True
        blocks = model.blocks_above(self._backbone, self._entry.block_ends, UNFREEZE_BLOCKS)
        top = {name for names in blocks for name in names}
        for layer in self._backbone.layers:
            is_norm = isinstance(layer, layers.BatchNormalization)
            layer.trainable = layer.name in top and (self._as_in_tutorials or not is_norm)

    def _accuracy(self) -> float:
        return float(self._classifier.evaluate(self._test, verbose=0)[1])
