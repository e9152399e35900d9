"""The pipeline, in reading order: what each step takes, and from whom.

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
                       ├── Evaluator ────────────────────────┤
                       │                                     │
                       ├── ReleaseGate ──────────────────────┤
                       │     │   ▲                           │
                       │     │   baseline (the last other blessed model)
                       │     │                               │
                       ├── Pusher                            │
                       │                                     │
                       └── Report (of all of them) ──────────┘
"""

from pathlib import Path

import tensorflow_data_validation as tfdv
from tfx.components.evaluator.component import Evaluator
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.pusher.component import Pusher
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.components.trainer.component import Trainer
from tfx.components.tuner.component import Tuner
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import pusher_pb2, trainer_pb2
from tfx.types import channel, standard_artifacts

from components.evaluator import baseline, eval_config
from components.image_example_gen.component import ImageFolderExampleGen
from components.image_example_gen.config import IngestJob
from components.image_validator.component import ImageValidator
from components.image_validator.config import ValidateJob
from components.preprocess.component import Preprocess
from components.release_gate.component import ReleaseGate
from components.release_gate.config import GateJob
from components.report.component import Report
from components.report.config import ReportJob
from components.trainer import warm_start_model
from pipeline import config as pipeline_config
from pipeline import preflight, source

SCHEMA = source.ROOT / "components" / "image_validator" / "schema_v2.pbtxt"
RUN_FN = "components.trainer.run.run_fn"
TUNER_FN = "components.tuner.run.tuner_fn"
BASELINE = "baseline"
WARM_START = "start"
RESOLVERS = (BASELINE, WARM_START)
TRAINING_CODE = ("data", "components/preprocess", "components/trainer")
GATE_CODE = (*TRAINING_CODE, "components/evaluator", "components/release_gate")


def build(config: pipeline_config.PipelineConfig, inputs: preflight.Inputs) -> Pipeline:
    """Wires the steps.

    Args:
      config: the resolved configuration of the run.
      inputs: the data folder's listing, the label map and the model's name.
    """
    output = config.output_dir.resolve()
    example_gen = ingest_step(config, inputs)
    examples = example_gen.outputs["examples"]
    validation = validation_steps(config, inputs, examples)
    training = training_steps(config, inputs, validation[-1].outputs["clean_examples"])
    release = release_steps(config, inputs, validation[-1], training)
    return Pipeline(
        pipeline_name=inputs.model_name,
        pipeline_root=str(output / "artifacts" / inputs.model_name),
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            str(output / "metadata.sqlite")
        ),
        components=[example_gen, *validation, *training, *release],
        enable_cache=True,
        beam_pipeline_args=config.beam.arguments(),
    )


def ingest_step(
    config: pipeline_config.PipelineConfig, inputs: preflight.Inputs
) -> ImageFolderExampleGen:
    """Class folders → image records in three splits."""
    return ImageFolderExampleGen(
        input_base=str(inputs.listing.root.resolve()),
        job=IngestJob(
            config=config.ingest,
            labels=inputs.labels,
            fingerprint=inputs.listing.fingerprint(),
            code=source.fingerprint("data", "components/image_example_gen"),
            state_dir=str(inputs.state_dir.resolve()),
        ),
    )


def validation_steps(
    config: pipeline_config.PipelineConfig, inputs: preflight.Inputs, examples: channel.Channel
) -> list[BaseNode]:
    """Image records → clean ones and a report, or a stop before training."""
    statistics_gen = StatisticsGen(
        examples=examples,
        # The schema has no feature but the metadata: the encoded images are not even read.
        stats_options=tfdv.StatsOptions(
            schema=tfdv.load_schema_text(str(SCHEMA)), experimental_filter_read_paths=True
        ),
    )
    schema_gen = ImportSchemaGen(schema_file=str(SCHEMA))
    example_validator = ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"]
    )
    image_validator = ImageValidator(
        examples=examples,
        anomalies=example_validator.outputs["anomalies"],
        settings=ValidateJob(
            config=config.checks,
            label_file=str(inputs.label_file.resolve()),
            serving_dir=str(serving_dir(config, inputs)),
            state_dir=str(inputs.state_dir.resolve()),
        ).model_dump_json(),
        code=source.fingerprint(
            "data", "components/image_example_gen", "components/image_validator"
        ),
    )
    return [statistics_gen, schema_gen, example_validator, image_validator]


def training_steps(
    config: pipeline_config.PipelineConfig, inputs: preflight.Inputs, examples: channel.Channel
) -> list[BaseNode]:
    """Image records → pixels records → better settings, where asked for → a model."""
    preprocess = Preprocess(
        examples=examples,
        settings=config.preprocess.model_dump_json(),
        code=source.fingerprint("data", "components/preprocess"),
    )
    pixels = preprocess.outputs["pixels"]
    start = None
    if config.train.warm_start:
        start = Resolver(
            strategy_class=warm_start_model.BlessedBeforeStrategy,
            model=channel.Channel(type=standard_artifacts.Model),
            model_blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
            pixels=pixels,
        ).with_id(WARM_START)
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
                "code": source.fingerprint(*TRAINING_CODE, "components/tuner"),
                "results_dir": str(state_dir(config) / "tuning" / inputs.model_name),
            },
            **common,
        )
    trainer = Trainer(
        run_fn=RUN_FN,
        hyperparameters=tuner.outputs["best_hyperparameters"] if tuner else None,
        custom_config={**settings, "code": source.fingerprint(*TRAINING_CODE)},
        **common,
    )
    return [step for step in (preprocess, start, tuner, trainer) if step is not None]


def training_settings(
    config: pipeline_config.PipelineConfig, inputs: preflight.Inputs
) -> dict[str, object]:
    """What Tuner and Trainer both are told; it is in their cache keys."""
    return {
        "train": config.train.model_dump_json(),
        "augment": config.augment.model_dump_json(),
        "seed": config.seed,
        "cache_dir": str(state_dir(config) / "features"),
        "checkpoint_dir": str(state_dir(config) / "unfinished" / inputs.model_name),
    }


def release_steps(
    config: pipeline_config.PipelineConfig,
    inputs: preflight.Inputs,
    image_validator: BaseNode,
    training: list[BaseNode],
) -> list[BaseNode]:
    """A model → figures on the test split, a decision, a version in serving, and a report."""
    preprocess, trainer = training[0], training[-1]
    examples, model = image_validator.outputs["clean_examples"], trainer.outputs["model"]
    evaluator = Evaluator(
        examples=examples,
        example_splits=["test"],
        model=model,
        eval_config=eval_config.build(
            config.evaluate, inputs.labels, source.fingerprint("data", "components/evaluator")
        ),
        module_path=eval_config.EXTRACTORS,
    )
    last_blessed = Resolver(
        strategy_class=baseline.LatestOtherBlessedModelStrategy,
        model=channel.Channel(type=standard_artifacts.Model),
        model_blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
        candidate=model,
    ).with_id(BASELINE)
    gate = ReleaseGate(
        examples=examples,
        pixels=preprocess.outputs["pixels"],
        model=model,
        baseline_model=last_blessed.outputs["model"],
        settings=GateJob(config=config.gate, model_name=inputs.model_name).model_dump_json(),
        code=source.fingerprint(*GATE_CODE),
    )
    # It asks the model itself; what TFMA found is to be on record before a decision is.
    gate.add_upstream_node(evaluator)
    pusher = Pusher(
        model=model,
        model_blessing=gate.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(
                base_directory=str(serving_dir(config, inputs))
            )
        ),
    )
    report = Report(
        settings=report_job(config, inputs).model_dump_json(),
        code=source.fingerprint(*GATE_CODE, "components/report"),
        examples=examples,
        findings=image_validator.outputs["report"],
        model=model,
        model_run=trainer.outputs["model_run"],
        evaluation=evaluator.outputs["evaluation"],
        decision=gate.outputs["decision"],
        pushed_model=pusher.outputs["pushed_model"],
    )
    return [evaluator, last_blessed, gate, pusher, report]


def report_job(config: pipeline_config.PipelineConfig, inputs: preflight.Inputs) -> ReportJob:
    """What the report is told."""
    return ReportJob(
        config=config.report,
        evaluate=config.evaluate,
        name=inputs.model_name,
        labels=inputs.labels,
        resolved=config.to_yaml(),
        fingerprint=inputs.listing.fingerprint(),
        seed=config.seed,
        parity_tolerance=config.gate.parity_tolerance,
    )


def serving_dir(config: pipeline_config.PipelineConfig, inputs: preflight.Inputs) -> Path:
    """Where the versions of the model lie."""
    return config.output_dir.resolve() / "serving" / inputs.model_name


def state_dir(config: pipeline_config.PipelineConfig) -> Path:
    """Where training keeps what outlives a run: features, unfinished phases, lists of trials."""
    return config.output_dir.resolve() / "training"
