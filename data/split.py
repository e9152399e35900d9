"""Which split an image belongs to: a function of its content alone.

An image never moves between splits when others come or go, and exact duplicates always share
one, so no image is both trained on and tested on.
"""

from pydantic import BaseModel, ConfigDict, Field, model_validator

SPLITS = ("train", "eval", "test")
_BUCKETS = 1 << 32


class SplitConfig(BaseModel):
    """The shares of the splits that the pipeline makes itself; they sum to 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: float = Field(0.8, gt=0, lt=1, description="share of images to train on")
    eval: float = Field(0.1, gt=0, lt=1, description="share for early stopping")
    test: float = Field(0.1, gt=0, lt=1, description="share that the metrics come from")

    @model_validator(mode="after")
    def _sums_to_one(self) -> "SplitConfig":
        total = self.train + self.eval + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares train + eval + test sum to {total:g}; they must sum to 1")
        return self


def assign(sha256: str, config: SplitConfig, given: str | None, given_splits: set[str]) -> str:
    """Chooses the split of one image.

    Args:
      sha256: the digest of the image file's bytes, in hex.
      config: the shares.
      given: the split that the layout gives this image, or None.
      given_splits: all the splits that the layout gives. An eval or test split that it lacks
        is carved out of its training split by content, at that split's share.

    Returns:
      "train", "eval" or "test".
    """
    if given is not None and given != "train":
        return given
    position = int(sha256[:8], 16) / _BUCKETS
    edge = 0.0
    for name, share in (("test", config.test), ("eval", config.eval)):
        if name not in given_splits:
            edge += share
            if position < edge:
                return name
    return "train"
