"""TensorFlow Lite with weights stored as float16."""

from components.trainer.exports.formats import tflite_files
from components.trainer.exports.formats.export_format import ExportFormat

FORMAT = ExportFormat(
    name="tflite_float16",
    file_name="model_float16.tflite",
    batch=1,  # a file for phones: with a fixed shape, more of it is fast
    dtype="uint8",
    converter=lambda source, path, _: tflite_files.converter("tflite_float16", source, path),
    load=tflite_files.TFLite,
    max_difference=0.02,
    min_agreement=0.98,
)
