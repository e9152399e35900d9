"""Adds images to the gallery of a released model: ``python -m pipeline.gallery``, see command.py."""

import os
import sys
import warnings

from data import long_lived, tensorflow_environment

# TensorFlow reads the one and Google's libraries warn when they are imported, below.
os.environ.update(tensorflow_environment.defaults("3"))
warnings.simplefilter("ignore", FutureWarning)

with long_lived.loading():
    from pipeline.gallery import command

if __name__ == "__main__":
    sys.exit(command.main())
