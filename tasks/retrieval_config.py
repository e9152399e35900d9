"""Settings of what an embedding becomes, for tasks that search images. Imports no TensorFlow."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_NEIGHBOURS = 100


class RetrievalConfig(BaseModel):
    """Search among images: what is done to embeddings, and how many neighbours are returned."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    neighbours: int = Field(
        10, ge=10, le=MOST_NEIGHBOURS, description="neighbours of an image that the model returns"
    )
    whitening_size: int = Field(
        0,
        ge=0,
        le=2048,
        description="principal components of the train embeddings that whitening keeps, at most as many"
        " as there are; 0: no whitening",
    )
    projection: Literal["none", "proxy_anchor", "arcface"] = Field(
        "none",
        description="loss of a linear projection trained on the train embeddings; it is kept only if"
        " it finds more than the embeddings themselves on the eval images; none: no projection",
    )
    projection_size: int = Field(
        256, ge=8, le=512, description="dimensions of the projection, usually 128 to 512"
    )
    projection_epochs: int = Field(
        60, ge=1, le=10_000, description="passes of the projection's training over the embeddings"
    )
    held_out_fraction: float = Field(
        0.2,
        ge=0,
        le=0.5,
        description="share of the classes that the projection is not trained on and is judged by; 0:"
        " none",
    )
