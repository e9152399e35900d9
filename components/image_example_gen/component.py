"""TFX adapter of ingest: labelled images of a folder → Examples."""

from google.protobuf import any_pb2, wrappers_pb2
from tfx.components.example_gen import component
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2

from components.image_example_gen import config, executor


class ImageFolderExampleGen(component.FileBasedExampleGen):  # type: ignore[misc]
    """The component that ingests a folder of images with their labels.

    A FileBasedExampleGen, so spans, versions and its driver for Kubeflow are inherited. Its writer
    is replaced: it would shuffle image bytes, compress them and split by the whole record.

    Args:
      input_base: the data folder.
      job: the settings, the label map and the fingerprints; all are part of the cache key.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(self, input_base: str, job: config.IngestJob) -> None:
        packed = any_pb2.Any()
        packed.Pack(wrappers_pb2.StringValue(value=job.model_dump_json()))
        super().__init__(
            input_base=input_base,
            custom_config=example_gen_pb2.CustomConfig(custom_config=packed),
            # Raw TFRecords: readers infer the compression from the suffix, and there is none.
            output_file_format=example_gen_pb2.FILE_FORMAT_UNSPECIFIED,
        )
