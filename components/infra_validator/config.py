"""Settings of the trial on a server."""

from pydantic import BaseModel, ConfigDict, Field

from components.release_gate import config as gate_config


class InfraConfig(BaseModel):
    """The trial of the model on the model server: it must load and return valid answers in time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(
        True,
        description="try the model on a server before the push, where the extra serve is installed",
    )
    requests: int = Field(20, ge=1, description="timed requests of one image, one after the other")
    max_latency_ms: float = Field(
        5000,
        gt=0,
        description="maximum median of the milliseconds of a request of one image to the model"
        " server; gate.max_latency_ms limits the 99th percentile in a process without a server",
    )
    start_limit_s: float = Field(
        300, gt=0, description="time limit to start the server and load the model"
    )
    request_limit_s: float = Field(60, gt=0, description="time limit to answer a request")
    tries: int = Field(2, ge=1, description="attempts where the server does not start, or dies")

    @property
    def questions(self) -> gate_config.TrialQuestions:
        """Returns the settings of the requests, the same for every step that sends them."""
        return gate_config.TrialQuestions(
            requests=self.requests, request_limit_s=self.request_limit_s
        )


class InfraJob(BaseModel):
    """The settings of the InfraValidator step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: InfraConfig
    model_name: str = Field(description="name of the served model")
