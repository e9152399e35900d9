"""The pipeline in reading order: the inputs of each step, and the steps that make them.

ImageFolderExampleGen ─┬─ StatisticsGen ── ExampleValidator ─┐
          images       │        ImportSchemaGen ──┘          │
                       └─────────────────────────── ImageValidator
                                                      clean images
                       ┌── Preprocess ───────────────────────┤
                       │                                     │
                       ├── Tuner (where better settings are to be searched)
                       │     │                               │
                    Trainer ◄┴─ start (the last model blessed before these images)
                       │                                     │
                       ├── Predict ──────────────────────────┤
                       │     │   answers, one pass           │
                       │     ├── Evaluator                   │
                       │     │                               │
                       ├── ReleaseGate ──────────────────────┤
                       │     │   ▲                           │
                       │     │   baseline (the last other blessed model)
                       │     │                               │
                       ├── InfraValidator (on the model server, where it is installed)
                       │     │                               │
                       ├── Pusher                            │
                       │                                     │
                       └── Report (of all of them) ──────────┘
"""

from collections.abc import Sequence

import tensorflow_data_validation as tfdv
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.components.trainer.component import Trainer
from tfx.components.tuner.component import Tuner
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import trainer_pb2
from tfx.types import channel

from components.image_example_gen.component import ImageFolderExampleGen
from components.image_example_gen.config import IngestJob
from components.image_validator.component import ImageValidator
from components.image_validator.config import ValidateJob
from components.preprocess.component import Preprocess
from components.preprocess.config import PreprocessJob
from pipeline import output_folder
from pipeline.history import database
from pipeline.run import preflight
from pipeline.settings import pipeline_config
from pipeline.wiring import code_fingerprint, release_steps
from pipeline.wiring import engine as engines
from tasks import task

# By the number of labels of an image.
SCHEMAS = {
    "one": code_fingerprint.ROOT / "components" / "image_validator" / "schema_v2.pbtxt",
    "any": code_fingerprint.ROOT / "components" / "image_validator" / "schema_any_labels_v1.pbtxt",
}
RUN_FN = "components.trainer.run.run_fn"
TUNER_FN = "components.tuner.run.tuner_fn"
RESOLVERS = (engines.BASELINE, engines.WARM_START)


def build(
    config: pipeline_config.PipelineConfig,
    inputs: preflight.Inputs,
    engine: engines.Engine = engines.LOCAL,
    beam_arguments: Sequence[str] | None = None,
) -> Pipeline:
    """Wires the steps.

    Args:
      config: the resolved configuration of the run.
      inputs: the data folder's listing, the label map and the model's name.
      engine: the engine that will run the pipeline.
      beam_arguments: the arguments of all Beam steps; None: those of the configuration.
    """
    folder = _folder(config)
    example_gen = ingest_step(config, inputs)
    examples = example_gen.outputs["examples"]
    validation = validation_steps(config, inputs, examples)
    training = training_steps(config, inputs, validation[-1].outputs["clean_examples"], engine)
    after_training = release_steps.steps(config, inputs, validation[-1], training, engine)
    return Pipeline(
        pipeline_name=inputs.model_name,
        pipeline_root=str(folder.artifacts_of(inputs.model_name)),
        metadata_connection_config=database.connection_config(folder.metadata),
        components=[example_gen, *validation, *training, *after_training],
        enable_cache=True,
        beam_pipeline_args=list(beam_arguments or config.beam.arguments()),
    )


def ingest_step(
    config: pipeline_config.PipelineConfig, inputs: preflight.Inputs
) -> ImageFolderExampleGen:
    """Labelled images → image records in three splits."""
    return ImageFolderExampleGen(
        input_base=str(inputs.listing.root.resolve()),
        job=IngestJob(
            config=config.ingest,
            task=config.task,
            source=inputs.source,
            labels=inputs.labels,
            masks=inputs.listing.masks and inputs.listing.masks.encoding,
            fingerprint=inputs.listing.fingerprint(),
            code=code_fingerprint.fingerprint("data", "tasks", "components/image_example_gen"),
            state_dir=str(inputs.state_dir.resolve()),
            corrections=inputs.corrections_job,
        ),
    )


def validation_steps(
    config: pipeline_config.PipelineConfig, inputs: preflight.Inputs, examples: channel.Channel
) -> list[BaseNode]:
    """Returns the validation: image records → clean ones and a report, or a stop."""
    per_image = task.load(config.task).labels_per_image if inputs.listing.class_names else "any"
    schema = str(SCHEMAS[per_image])
    statistics_gen = StatisticsGen(
        examples=examples,
        # The schema has only the metadata features, so the encoded images are not even read.
        stats_options=tfdv.StatsOptions(
            schema=tfdv.load_schema_text(schema), experimental_filter_read_paths=True
        ),
    )
    schema_gen = ImportSchemaGen(schema_file=schema)
    example_validator = ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"]
    )
    image_validator = ImageValidator(
        examples=examples,
        anomalies=example_validator.outputs["anomalies"],
        settings=ValidateJob(
            config=config.checks,
            task=config.task,
            label_file=str(inputs.label_file.resolve()),
            serving_dir=str(release_steps.serving_dir(config, inputs)),
            state_dir=str(inputs.state_dir.resolve()),
        ).model_dump_json(),
        code=code_fingerprint.fingerprint(
            "data", "tasks", "components/image_example_gen", "components/image_validator"
        ),
    )
    return [statistics_gen, schema_gen, example_validator, image_validator]


def training_steps(
    config: pipeline_config.PipelineConfig,
    inputs: preflight.Inputs,
    examples: channel.Channel,
    engine: engines.Engine,
) -> list[BaseNode]:
    """Returns training: image records → pixels records → tuned settings, if enabled → a model."""
    preprocess = Preprocess(
        examples=examples,
        settings=PreprocessJob(config=config.preprocess, task=config.task).model_dump_json(),
        code=code_fingerprint.fingerprint("data", "tasks", "components/preprocess"),
    )
    pixels = preprocess.outputs["pixels"]
    start = engine.start(pixels) if config.train.warm_start else None
    common = {
        "examples": pixels,
        "base_model": start.outputs["model"] if start else None,
        "train_args": trainer_pb2.TrainArgs(splits=["train"]),
        "eval_args": trainer_pb2.EvalArgs(splits=["eval"]),
    }
    settings = training_settings(config, inputs)
    tuner = None
    if config.tune.trials:
        tuner = Tuner(
            tuner_fn=TUNER_FN,
            custom_config={
                **settings,
                "tune": config.tune.model_dump_json(),
                "code": code_fingerprint.fingerprint(
                    *release_steps.TRAINING_CODE, "components/tuner"
                ),
                "results_dir": str(_folder(config).tuning(inputs.model_name)),
            },
            **common,
        )
    trainer = Trainer(
        run_fn=RUN_FN,
        hyperparameters=tuner.outputs["best_hyperparameters"] if tuner else None,
        custom_config={
            **settings,
            "code": code_fingerprint.fingerprint(*release_steps.TRAINING_CODE),
        },
        **common,
    )
    return [step for step in (preprocess, start, tuner, trainer) if step is not None]


def training_settings(
    config: pipeline_config.PipelineConfig, inputs: preflight.Inputs
) -> dict[str, object]:
    """Returns the settings of both Tuner and Trainer; part of their cache keys."""
    folder = _folder(config)
    return {
        "train": config.train.model_dump_json(),
        "augment": config.augment.model_dump_json(),
        "seed": config.seed,
        "cache_dir": str(folder.features),
        "checkpoint_dir": str(folder.unfinished(inputs.model_name)),
    }


def _folder(config: pipeline_config.PipelineConfig) -> output_folder.OutputFolder:
    """Returns the output folder, absolute: steps may run in another working directory."""
    return output_folder.OutputFolder(config.output_dir.resolve())
