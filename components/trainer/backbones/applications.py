"""Makes backbones of keras.applications' networks. Imports Keras only when one is built."""

import functools
from typing import TYPE_CHECKING

from components.trainer.backbones import backbone, preprocessing

if TYPE_CHECKING:
    import keras


def make(
    application: str,
    preprocessing: preprocessing.Preprocessing,
    block_ends: tuple[str, ...],
    parameters: int,
    licence: str = "Apache-2.0",
    default_size_px: int = 224,
) -> backbone.Backbone:
    """Makes a backbone whose ImageNet weights keras.applications downloads.

    Args:
      application: name of the function of ``keras.applications`` that builds the network.
      preprocessing: what its ``preprocess_input`` does.
      block_ends: see :class:`backbone.Backbone`.
      parameters: see :class:`backbone.Backbone`; without the top.
      licence: licence of the ImageNet weights.
      default_size_px: side at which they were trained.
    """
    return backbone.Backbone(
        build=functools.partial(_build, application),
        preprocessing=preprocessing,
        block_ends=block_ends,
        default_size_px=default_size_px,
        parameters=parameters,
        imagenet=backbone.DOWNLOAD,
        load_imagenet=functools.partial(_load_imagenet, application),
        licence=licence,
    )


def _build(application: str, size_px: int) -> "keras.Model":
    from components.trainer.backbones import application_copies

    return application_copies.build(application, size_px)


def _load_imagenet(application: str, network: "keras.Model") -> None:
    from components.trainer.backbones import application_copies

    application_copies.load_imagenet(application, network)
