"""The settings of the trial on a server."""

from pydantic import BaseModel, ConfigDict, Field

from components.release_gate import config as gate_config


class InfraConfig(BaseModel):
    """Whether the model server takes the model, answers soundly, and soon enough."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(
        True, description="try the model on a server, where the extra serve is installed"
    )
    requests: int = Field(20, ge=1, description="of one image each, one after the other")
    max_latency_ms: float = Field(
        5000, gt=0, description="of a request of one image to the server, the median"
    )
    start_limit_s: float = Field(300, gt=0, description="to start the server and load the model")
    request_limit_s: float = Field(60, gt=0, description="to answer a request")
    tries: int = Field(2, ge=1, description="of a server that does not start, or dies")

    @property
    def questions(self) -> gate_config.TrialQuestions:
        """What a server is asked, whoever asks it."""
        return gate_config.TrialQuestions(
            requests=self.requests, request_limit_s=self.request_limit_s
        )


class InfraJob(BaseModel):
    """All that the trial is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: InfraConfig
    model_name: str = Field(description="as it is served")
