"""The TFX door of the validation: Examples and anomalies → findings, or a stop.

Stock ExampleValidator reports and lets everything through; this step is where bad data stops.
"""

import os

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.dsl.component.experimental import annotations, decorators
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils

from components.image_example_gen import report as ingest_report
from components.image_validator import artifacts, config, validate


@decorators.component
def ImageValidator(
    examples: annotations.InputArtifact[standard_artifacts.Examples],
    anomalies: annotations.InputArtifact[standard_artifacts.ExampleAnomalies],
    report: annotations.OutputArtifact[artifacts.ImageReport],
    settings: annotations.Parameter[str],
    code: annotations.Parameter[str],
) -> None:
    """Checks the set of images and stops the run when a blocking check finds something.

    Args:
      examples: from ImageFolderExampleGen.
      anomalies: from ExampleValidator.
      report: the findings.
      settings: a ValidateConfig as JSON.
      code: hash of the code that runs; part of the cache key.
    """
    findings = validate.check(
        ingest_report.Report.read(examples.uri),
        ingest_report.read_labels(examples.uri),
        _read_anomalies(anomalies),
        config.ValidateConfig.model_validate_json(settings),
    )
    path = os.path.join(report.uri, validate.FINDINGS_FILE)
    io_utils.write_string_file(path, validate.to_json(findings))
    validate.block(findings, path)


def _read_anomalies(artifact: standard_artifacts.ExampleAnomalies) -> list[validate.Anomaly]:
    rows = []
    for split in artifact_utils.decode_split_names(artifact.split_names):
        folder = artifact_utils.get_split_uri([artifact], split)
        for path in sorted(fileio.glob(os.path.join(folder, "SchemaDiff.pb"))):
            proto = anomalies_pb2.Anomalies.FromString(io_utils.read_bytes_file(path))
            rows += [
                validate.Anomaly(split, feature, info.description)
                for feature, info in sorted(proto.anomaly_info.items())
            ]
    return rows
