"""The second half of the pipeline: from a model to a decision, a version in serving, a report."""

from pathlib import Path

from tfx.components.evaluator.component import Evaluator
from tfx.dsl.components.base.base_node import BaseNode
from tfx.types import channel

from components.evaluator import eval_config
from components.infra_validator.component import InfraValidator
from components.infra_validator.config import InfraJob
from components.predict.component import Predict
from components.predict.config import TEST_SPLIT, PredictJob
from components.pusher.component import Pusher
from components.release_gate.component import ReleaseGate
from components.release_gate.config import GateJob
from components.report.component import Report
from components.report.config import ReportJob
from pipeline import output_folder
from pipeline.run import preflight
from pipeline.settings import pipeline_config, run_config
from pipeline.wiring import code_fingerprint
from pipeline.wiring import engine as engines

TRAINING_CODE = ("data", "tasks", "components/preprocess", "components/trainer")
# The step reads only the model's contract, as the trainer defines it.
PREDICT_CODE = ("data", "tasks", "components/predict")
GATE_CODE = (
    *TRAINING_CODE,
    "components/predict",
    "components/evaluator",
    "components/release_gate",
)
SERVER_CODE = (*GATE_CODE, "serving")
# The report reads the results of ingest and of the image checks by their own readers.
REPORT_CODE = (
    *GATE_CODE,
    "components/image_example_gen",
    "components/image_validator",
    "components/report",
)


def steps(
    config: pipeline_config.PipelineConfig,
    inputs: preflight.Inputs,
    image_validator: BaseNode,
    training: list[BaseNode],
    engine: engines.Engine,
) -> list[BaseNode]:
    """Returns the second half: a model → predictions, figures, a decision, a version, a report."""
    preprocess, trainer = training[0], training[-1]
    examples, model = image_validator.outputs["clean_examples"], trainer.outputs["model"]
    predict = predict_step(config, inputs, examples, model)
    evaluator, last_blessed, gate = judging_steps(
        config, inputs, examples, preprocess.outputs["pixels"], model, predict, engine
    )
    infra_validator, pusher = pushing_steps(config, inputs, examples, model, gate, engine)
    report = Report(
        settings=report_job(config, inputs).model_dump_json(),
        code=code_fingerprint.fingerprint(*REPORT_CODE),
        examples=examples,
        findings=image_validator.outputs["report"],
        model=model,
        model_run=trainer.outputs["model_run"],
        predictions=predict.outputs["predictions"],
        evaluation=evaluator.outputs["evaluation"],
        decision=gate.outputs["decision"],
        pushed_model=pusher.outputs["pushed_model"],
    )
    kept = engine.after_push(model, gate, infra_validator)
    trial = [infra_validator] if infra_validator else []
    return [predict, evaluator, last_blessed, gate, *trial, pusher, *kept, report]


def predict_step(
    config: pipeline_config.PipelineConfig,
    inputs: preflight.Inputs,
    examples: channel.Channel,
    model: channel.Channel,
) -> BaseNode:
    """Returns prediction: images and a model → its answers about held-out images, asked once."""
    return Predict(
        examples=examples,
        model=model,
        settings=PredictJob(
            cache_dir=answers_dir(config, inputs), group_pattern=group_pattern(config)
        ).model_dump_json(),
        code=code_fingerprint.fingerprint(*PREDICT_CODE),
    )


def judging_steps(
    config: pipeline_config.PipelineConfig,
    inputs: preflight.Inputs,
    examples: channel.Channel,
    pixels: channel.Channel,
    model: channel.Channel,
    predict: BaseNode,
    engine: engines.Engine,
) -> tuple[BaseNode, BaseNode, BaseNode]:
    """Returns the judgement: a model and its answers → figures on the test split, a decision."""
    evaluator = Evaluator(
        examples=predict.outputs["evaluated"],
        example_splits=[TEST_SPLIT],
        eval_config=eval_config.build(
            config.task,
            config.evaluate,
            inputs.labels,
            code_fingerprint.fingerprint("data", "tasks", "components/evaluator"),
        ),
        module_path=eval_config.EXTRACTORS,
    )
    last_blessed = engine.baseline(model)
    gate = ReleaseGate(
        examples=examples,
        pixels=pixels,
        model=model,
        predictions=predict.outputs["predictions"],
        baseline_model=last_blessed.outputs["model"],
        settings=GateJob(
            config=config.gate.model_copy(update={"group_pattern": group_pattern(config)}),
            evaluate=config.evaluate.of_values(),
            model_name=inputs.model_name,
            cache_dir=answers_dir(config, inputs),
            trial=config.infra.questions if tries_for_infra(config, engine) else None,
        ).model_dump_json(),
        code=code_fingerprint.fingerprint(*(SERVER_CODE if asks_server(config) else GATE_CODE)),
    )
    # It takes no input from it; TFMA's results must be recorded before the decision.
    gate.add_upstream_node(evaluator)
    return evaluator, last_blessed, gate


def pushing_steps(
    config: pipeline_config.PipelineConfig,
    inputs: preflight.Inputs,
    examples: channel.Channel,
    model: channel.Channel,
    gate: BaseNode,
    engine: engines.Engine,
) -> tuple[BaseNode | None, BaseNode]:
    """Returns the push: a model and a decision → a trial on the server, if installed; a version."""
    infra_validator = None
    if engine.left_out(config.infra) is None:
        infra_validator = InfraValidator(
            model=model,
            examples=examples,
            settings=InfraJob(config=config.infra, model_name=inputs.model_name),
            code=code_fingerprint.fingerprint(*SERVER_CODE, "components/infra_validator"),
            decision=gate.outputs["decision"] if tries_for_infra(config, engine) else None,
        )
        # A faulty model must be reported by the gate first, whose messages are clearer.
        infra_validator.add_upstream_node(gate)
    pusher = Pusher(
        serving_dir=str(serving_dir(config, inputs)),
        settings=config.push,
        code=code_fingerprint.fingerprint("components/pusher"),
        model=None if infra_validator else model,
        model_blessing=gate.outputs["blessing"],
        infra_blessing=infra_validator.outputs["blessing"] if infra_validator else None,
    )
    return infra_validator, pusher


def asks_server(config: pipeline_config.PipelineConfig) -> bool:
    """Returns whether the gate starts a model server."""
    return config.gate.parity and config.gate.ask_server


def group_pattern(config: pipeline_config.PipelineConfig) -> str | None:
    """Returns the pattern of images that are resampled together: the gate's, or that of the splits."""
    return config.gate.group_pattern or config.ingest.split.group_pattern


def tries_for_infra(config: pipeline_config.PipelineConfig, engine: engines.Engine) -> bool:
    """Returns whether the gate's server also runs the checks of InfraValidator."""
    return asks_server(config) and engine.left_out(config.infra) is None


def report_job(config: pipeline_config.PipelineConfig, inputs: preflight.Inputs) -> ReportJob:
    """Returns the settings of the report."""
    return ReportJob(
        config=config.report,
        task=config.task,
        evaluate=config.evaluate,
        name=inputs.model_name,
        labels=inputs.labels,
        # How long a run waits does not affect the model, and is no reason for a new report.
        resolved=config.model_copy(update={"run": run_config.RunConfig()}).to_yaml(),
        fingerprint=inputs.listing.fingerprint(),
        seed=config.seed,
        parity_tolerance=config.gate.parity_tolerance,
    )


def answers_dir(config: pipeline_config.PipelineConfig, inputs: preflight.Inputs) -> str:
    """Returns the folder that keeps the answers of the latest models between runs."""
    return str(
        output_folder.OutputFolder(config.output_dir.resolve()).predictions(inputs.model_name)
    )


def serving_dir(config: pipeline_config.PipelineConfig, inputs: preflight.Inputs) -> Path:
    """Returns the folder of the model's versions."""
    return preflight.serving_dir(config, inputs.model_name)
