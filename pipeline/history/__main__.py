"""Shows the history of an output folder: ``python -m pipeline.history``, see command.py."""

import sys

from pipeline.history import command

if __name__ == "__main__":
    sys.exit(command.main())
