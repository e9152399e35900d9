"""Reviews the labels of an output folder: ``python -m pipeline.review``, see command.py."""

import os
import sys
import warnings

from data import long_lived, tensorflow_environment

# TensorFlow reads the one and Google's libraries warn when they are imported, below.
os.environ.update(tensorflow_environment.defaults("3"))
warnings.simplefilter("ignore", FutureWarning)

with long_lived.loading():
    from pipeline.review import command

if __name__ == "__main__":
    sys.exit(command.main())
