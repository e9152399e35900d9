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
from pipeline import config as pipeline_config
from pipeline import engine as engines
from pipeline import preflight, run_config, source

TRAINING_CODE = ("data", "components/preprocess", "components/trainer")
# The step reads the model's contract, and nothing else, as the trainer defines it.
PREDICT_CODE = ("data", "components/predict")
GATE_CODE = (
    *TRAINING_CODE,
    "components/predict",
    "components/evaluator",
    "components/release_gate",
)
SERVER_CODE = (*GATE_CODE, "serving")
# The report shows what ingest and the checks of the images found, by their own readers.
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
    """Returns a model → its answers, figures, a decision, a version in serving, and a report."""
    preprocess, trainer = training[0], training[-1]
    examples, model = image_validator.outputs["clean_examples"], trainer.outputs["model"]
    predict = predict_step(config, inputs, examples, model)
    evaluator, last_blessed, gate = judging_steps(
        config, inputs, examples, preprocess.outputs["pixels"], model, predict, engine
    )
    infra_validator, pusher = pushing_steps(config, inputs, examples, model, gate, engine)
    report = Report(
        settings=report_job(config, inputs).model_dump_json(),
        code=source.fingerprint(*REPORT_CODE),
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
    """Images and a model → what it answers about those that it was not trained on, asked once."""
    return Predict(
        examples=examples,
        model=model,
        settings=PredictJob(cache_dir=answers_dir(config, inputs)).model_dump_json(),
        code=source.fingerprint(*PREDICT_CODE),
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
    """Returns a model and its answers → figures on the test split, and a decision."""
    evaluator = Evaluator(
        examples=predict.outputs["evaluated"],
        example_splits=[TEST_SPLIT],
        eval_config=eval_config.build(
            config.evaluate, inputs.labels, source.fingerprint("data", "components/evaluator")
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
            config=config.gate,
            evaluate=config.evaluate.of_values(),
            model_name=inputs.model_name,
            cache_dir=answers_dir(config, inputs),
            trial=config.infra.questions if tries_for_infra(config, engine) else None,
        ).model_dump_json(),
        code=source.fingerprint(*(SERVER_CODE if asks_server(config) else GATE_CODE)),
    )
    # It takes nothing from it; what TFMA found is to be on record before a decision is.
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
    """Returns a model and a decision → a trial on the model server, where it is installed; a version."""
    infra_validator = None
    if engine.left_out(config.infra) is None:
        infra_validator = InfraValidator(
            model=model,
            examples=examples,
            settings=InfraJob(config=config.infra, model_name=inputs.model_name),
            code=source.fingerprint(*SERVER_CODE, "components/infra_validator"),
            decision=gate.outputs["decision"] if tries_for_infra(config, engine) else None,
        )
        # What is wrong with a model is to be read in the gate's words first.
        infra_validator.add_upstream_node(gate)
    pusher = Pusher(
        serving_dir=str(serving_dir(config, inputs)),
        settings=config.push,
        code=source.fingerprint("components/pusher"),
        model=None if infra_validator else model,
        model_blessing=gate.outputs["blessing"],
        infra_blessing=infra_validator.outputs["blessing"] if infra_validator else None,
    )
    return infra_validator, pusher


def asks_server(config: pipeline_config.PipelineConfig) -> bool:
    """Returns whether the gate is to start a model server."""
    return config.gate.parity and config.gate.ask_server


def tries_for_infra(config: pipeline_config.PipelineConfig, engine: engines.Engine) -> bool:
    """Returns whether the gate's server is also asked what InfraValidator wants to know."""
    return asks_server(config) and engine.left_out(config.infra) is None


def report_job(config: pipeline_config.PipelineConfig, inputs: preflight.Inputs) -> ReportJob:
    """What the report is told."""
    return ReportJob(
        config=config.report,
        evaluate=config.evaluate,
        name=inputs.model_name,
        labels=inputs.labels,
        # How patiently a run waits is no matter of the model, nor a reason to report anew.
        resolved=config.model_copy(update={"run": run_config.RunConfig()}).to_yaml(),
        fingerprint=inputs.listing.fingerprint(),
        seed=config.seed,
        parity_tolerance=config.gate.parity_tolerance,
    )


def answers_dir(config: pipeline_config.PipelineConfig, inputs: preflight.Inputs) -> str:
    """Where the answers of the latest models are kept from run to run."""
    return str(config.output_dir.resolve() / "predictions" / inputs.model_name)


def serving_dir(config: pipeline_config.PipelineConfig, inputs: preflight.Inputs) -> Path:
    """Where the versions of the model lie."""
    return preflight.serving_dir(config, inputs.model_name)
