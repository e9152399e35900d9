"""What most tasks do about the parts of the interface that only some need."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

if TYPE_CHECKING:  # the classes below need no TensorFlow
    import tensorflow as tf


class WithoutLoops:
    """Answers whose graph has no loop, see ``training.Fitted``."""

    def without_loops(self) -> Self:
        """Returns itself."""
        return self


class UsualFitted(WithoutLoops):
    """Answers that need no variables and no loop, see ``training.Fitted``."""

    @property
    def variables(self) -> "tf.Module | None":
        """Returns None."""
        return None


class UsualSignatures:
    """Answers that are judged by what a user gets, see ``serving.Signatures``."""

    def examined(self, *_: Any) -> "dict[str, tf.Tensor]":
        """Returns nothing."""
        return {}

    def examined_described(self) -> Mapping[str, str]:
        """Returns nothing."""
        return {}
