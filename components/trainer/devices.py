"""Settings that depend on the devices: strategy, precision, compiler, determinism."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from components.trainer import config as train_config

# From these compute capabilities on, a GPU computes in the type faster than in float32.
BFLOAT16_CAPABILITY = (8, 0)
FLOAT16_CAPABILITY = (7, 0)
STEPS_PER_EXECUTION = 8


def gpus() -> list[tf.config.LogicalDevice]:
    """Lists the GPUs that TensorFlow may use."""
    return tf.config.list_logical_devices("GPU")  # type: ignore[no-any-return]


def strategy(names: list[str] | None = None) -> tf.distribute.Strategy:
    """Makes the strategy that spreads a step over several devices: by default over all GPUs.

    Args:
      names: the devices, such as ``["CPU:0", "CPU:1"]``; all GPUs by default.
    """
    names = [device.name for device in gpus()] if names is None else names
    return tf.distribute.MirroredStrategy(names) if len(names) > 1 else tf.distribute.get_strategy()


def precision(setting: str) -> str:
    """Returns the Keras dtype policy for a setting of ``mixed_precision``.

    ``auto`` means bfloat16 on GPUs that support it, float16 on those with tensor cores, float32
    elsewhere: a CPU gains nothing with TensorFlow's kernels.
    """
    if setting in ("float16", "bfloat16"):
        return f"mixed_{setting}"
    if setting == "off" or not gpus():
        return "float32"
    details = [
        tf.config.experimental.get_device_details(device)
        for device in tf.config.list_physical_devices("GPU")
    ]
    capability = min(detail.get("compute_capability", (0, 0)) for detail in details)
    if capability >= BFLOAT16_CAPABILITY:
        return "mixed_bfloat16"
    return "mixed_float16" if capability >= FLOAT16_CAPABILITY else "float32"


def steps_per_execution() -> int:
    """Returns how many steps of a head one call into TensorFlow runs.

    A call costs more than a step. Keras' loop over steps does not run on several devices whose
    batches differ in size.
    """
    return STEPS_PER_EXECUTION if tf.distribute.get_strategy().num_replicas_in_sync == 1 else 1


def reads_once() -> bool:
    """Returns whether Keras' fit reads each batch once: on several devices it first looks at one."""
    return not tf.distribute.has_strategy()


@contextmanager
def policy(name: str) -> Iterator[None]:
    """Sets the dtype policy of the layers that are created within the context."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def jit_compile(config: train_config.TrainConfig) -> bool | str:
    """Returns the ``jit_compile`` argument of ``compile``.

    XLA on a CPU runs depthwise convolutions 15 to 25 times slower than TensorFlow's kernels.
    """
    if config.xla != "auto":
        return config.xla == "on"
    return "auto" if gpus() else False


def set_seed(seed: int) -> None:
    """Seeds Python, NumPy and TensorFlow; on a GPU, also turns on deterministic kernels.

    On a CPU the kernels used here are deterministic anyway, and the switch would cost a third of
    the speed.
    """
    keras.utils.set_random_seed(seed)
    if gpus():
        tf.config.experimental.enable_op_determinism()
