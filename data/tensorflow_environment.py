"""Environment variables that TensorFlow reads once, when it is first imported. Imports no TensorFlow."""

import os

# oneDNN's kernels train convolutions up to 1.7 times as fast as TensorFlow's own, which by itself takes them
# only on processors with AVX-512 VNNI or AMX.
_ALWAYS = {"TF_ENABLE_ONEDNN_OPTS": "1"}


def defaults(log_level: str) -> dict[str, str]:
    """Returns the variables that the user has not set, for ``os.environ.update``.

    Args:
      log_level: the least level that TensorFlow's C++ code logs: "0" all, "1" warnings, "2" errors,
        "3" nothing but what ends the process.
    """
    wanted = {"TF_CPP_MIN_LOG_LEVEL": log_level, **_ALWAYS}
    return {name: value for name, value in wanted.items() if name not in os.environ}
