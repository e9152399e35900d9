"""The settings of the report."""

from pydantic import BaseModel, ConfigDict, Field

from components.evaluator import config as evaluate_config

PAGE_FILE = "report.html"
CARD_FILE = "model_card.md"


class ReportConfig(BaseModel):
    """The page that shows the decision, its reasons, and pictures of what went wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures_per_cell: int = Field(
        4, ge=0, description="test images shown for a true and a predicted class"
    )
    max_pictures: int = Field(200, ge=0, description="in all those, about 16 KB each")
    listed: int = Field(12, ge=0, description="worst mistakes, most uncertain, likely label errors")
    robustness_images: int = Field(
        300, ge=0, description="test images asked again under mild corruptions; 0: none"
    )


class ReportJob(BaseModel):
    """What the Report step is told.

    Attributes:
      config: the settings.
      evaluate: what the figures were computed with.
      name: the model's.
      labels: the label map.
      resolved: the configuration of the run, YAML.
      fingerprint: of the data folder.
      seed: of all that is random.
      parity_tolerance: of the release gate.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: ReportConfig
    evaluate: evaluate_config.EvaluateConfig
    name: str
    labels: list[str]
    resolved: str
    fingerprint: str
    seed: int
    parity_tolerance: float
