"""The formats a model is exported to. A new one is a file beside this one and a line in ALL."""

from components.trainer.exports.formats import onnx, tflite_float16, tflite_int8
from components.trainer.exports.formats.export_format import ExportFormat

ALL: tuple[ExportFormat, ...] = (tflite_float16.FORMAT, tflite_int8.FORMAT, onnx.FORMAT)
REGISTRY = {one.name: one for one in ALL}
