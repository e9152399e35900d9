"""Settings of the report."""

from pydantic import BaseModel, ConfigDict, Field

from tasks import evaluate_config, task

PAGE_FILE = "report.html"
CARD_FILE = "model_card.md"


class ReportConfig(BaseModel):
    """The page with the decision, its reasons, and images of the mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures_per_cell: int = Field(
        4, ge=0, description="test images shown for each pair of true and predicted class"
    )
    max_pictures: int = Field(
        200, ge=0, description="maximum test images for all pairs of classes, about 16 KB each"
    )
    listed: int = Field(
        12,
        ge=0,
        description="images listed as worst mistakes, as most uncertain and as likely label errors",
    )
    robustness_images: int = Field(
        300, ge=0, description="test images to repeat under mild corruptions; 0: none"
    )


class ReportJob(BaseModel):
    """The settings of the Report step.

    Attributes:
      config: the report's settings.
      evaluate: the settings of the evaluation.
      name: the model's name.
      labels: the label map.
      resolved: the configuration of the run, as YAML.
      fingerprint: the data folder's fingerprint.
      seed: the random seed of the run.
      parity_tolerance: the release gate's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: ReportConfig
    task: str = Field(task.DEFAULT, description="what the model learns")
    evaluate: evaluate_config.EvaluateConfig
    name: str
    labels: list[str]
    resolved: str
    fingerprint: str
    seed: int
    parity_tolerance: float
