"""The files that lie beside model.py in Triton's folder, imported from there as the worker does."""

import sys
from pathlib import Path

from serving import triton

sys.path.insert(0, str(Path(triton.__file__).parent))

import colour_profiles
import fast_network
import image_pixels
import onnx_file
import plain_image
import runtime_choice

sys.path.pop(0)

__all__ = [
    "colour_profiles",
    "fast_network",
    "image_pixels",
    "onnx_file",
    "plain_image",
    "runtime_choice",
]
