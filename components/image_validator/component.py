"""TFX adapter of the validation: Examples and anomalies → findings and clean Examples, or a stop.

Stock ExampleValidator only reports; this step stops bad data.
"""

import os

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.dsl.component.experimental import annotations, decorators
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils

from components.image_example_gen import report_checks as ingested
from components.image_validator import (
    artifacts,
    clean,
    config,
    context,
    findings,
    page,
    validate,
)


@decorators.component
def ImageValidator(
    examples: annotations.InputArtifact[standard_artifacts.Examples],
    anomalies: annotations.InputArtifact[standard_artifacts.ExampleAnomalies],
    report: annotations.OutputArtifact[artifacts.ImageReport],
    clean_examples: annotations.OutputArtifact[standard_artifacts.Examples],
    settings: annotations.Parameter[str],
    code: annotations.Parameter[str],
) -> None:
    """Checks the images, removes those in quarantine, and stops the run if a check blocks.

    Args:
      examples: from ImageFolderExampleGen.
      anomalies: from ExampleValidator.
      report: the findings, as JSON and as a page.
      clean_examples: the examples without the removed images.
      settings: a ValidateJob as JSON.
      code: hash of the code that runs; part of the cache key.
    """
    job = config.ValidateJob.model_validate_json(settings)
    data = validate.read(examples.uri, _read_anomalies(anomalies), job)
    outcome = validate.run(data)
    shown = page.make(data, outcome, examples.uri)
    findings.write(report.uri, outcome.findings, shown)
    # TFX deletes the artifacts of a step that fails; this copy can still be read.
    page_path = findings.write(job.state_dir, outcome.findings, shown)
    findings.block(outcome.findings, page_path)
    ingested.check_classifier(outcome.report, page_path)
    clean.write(examples.uri, clean_examples.uri, data.images, outcome.removed, outcome.report)
    clean_examples.split_names = examples.split_names


def _read_anomalies(artifact: standard_artifacts.ExampleAnomalies) -> list[context.Anomaly]:
    rows = []
    for split in artifact_utils.decode_split_names(artifact.split_names):
        folder = artifact_utils.get_split_uri([artifact], split)
        for path in sorted(fileio.glob(os.path.join(folder, "SchemaDiff.pb"))):
            proto = anomalies_pb2.Anomalies.FromString(io_utils.read_bytes_file(path))
            rows += [
                context.Anomaly(split, feature, info.description)
                for feature, info in sorted(proto.anomaly_info.items())
            ]
    return rows
