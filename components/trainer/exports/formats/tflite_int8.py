"""TensorFlow Lite with weights and activations as int8: an image between two classes may tip over."""

from components.trainer.exports.formats import tflite_files
from components.trainer.exports.formats.export_format import ExportFormat

FORMAT = ExportFormat(
    name="tflite_int8",
    file_name="model_int8.tflite",
    batch=1,
    dtype="float32",  # quantised from float32 pixels on
    converter=lambda source, path, pixels: tflite_files.converter(
        "tflite_int8", source, path, str(pixels)
    ),
    load=tflite_files.TFLite,
    max_difference=0.6,
    min_agreement=0.85,
    is_calibrated=True,
)
