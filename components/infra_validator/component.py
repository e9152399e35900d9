"""TFX adapter of the trial: an InfraValidator that uses the model server of this project."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import infra_validator_pb2
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from components.infra_validator import config, executor
from components.release_gate import artifacts as gate_artifacts


class InfraValidatorSpec(standard_component_specs.InfraValidatorSpec):  # type: ignore[misc]
    """The stock inputs and outputs, the gate's decision, and the executor's settings."""

    INPUTS = {  # noqa: RUF012
        **standard_component_specs.InfraValidatorSpec.INPUTS,
        executor.DECISION: component_spec.ChannelParameter(
            type=gate_artifacts.ReleaseDecision, optional=True
        ),
    }
    PARAMETERS = {  # noqa: RUF012
        **standard_component_specs.InfraValidatorSpec.PARAMETERS,
        executor.SETTINGS: component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }


class InfraValidator(base_component.BaseComponent):  # type: ignore[misc]
    """Blesses a model that the server loads and that returns valid answers in time.

    Not a subclass of the stock component, which Kubeflow's compiler refuses: that one needs Docker
    or a Kubernetes API, this one only a process in the step's container.

    Args:
      model: the candidate.
      examples: clean images; the requests contain one test image of each class.
      settings: the trial's settings; part of the cache key.
      code: hash of the code that runs; part of the cache key.
      decision: the release gate's, with its server's answers beside it where it started one;
        without them this step starts a server.
    """

    SPEC_CLASS = InfraValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        settings: config.InfraJob,
        code: str,
        decision: types.BaseChannel | None = None,
    ) -> None:
        spec = InfraValidatorSpec(
            model=model,
            examples=examples,
            decision=decision,
            blessing=types.Channel(type=standard_artifacts.InfraBlessing),
            # Uses neither Docker nor Kubernetes.
            serving_spec=infra_validator_pb2.ServingSpec(model_name=settings.model_name),
            settings=settings.model_dump_json(),
            code=code,
        )
        super().__init__(spec=spec)
