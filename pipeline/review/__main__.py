"""Reviews the labels of an output folder: ``python -m pipeline.review``, see command.py."""

import sys

from pipeline.review import command

if __name__ == "__main__":
    sys.exit(command.main())
