"""Command line: serves pushed models, sends requests to them and selects the served version.

    python -m serving serve --model-dir output/serving/digits
    python -m serving predict photo.jpg
    python -m serving status --model-dir output/serving/digits
    python -m serving versions --model-dir output/serving/digits
    python -m serving rollback 1764000000 --model-dir output/serving/digits
    python -m serving promote 1764003600 --model-dir output/serving/digits
    python -m serving replay --images photos --model-dir output/serving/digits
    python -m serving prune --keep 5 --model-dir output/serving/digits

Exit codes: 0 success; 1 failure; 2 unusable arguments or files; 3 the versions of a replay
disagree by more than is allowed; 130 interrupted.
"""

import sys
import warnings
from collections.abc import Sequence

from serving import cli, errors


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code."""
    try:
        cli.run(sys.argv[1:] if arguments is None else arguments)
        return 0
    except errors.ServingError as error:
        label = "Error" if isinstance(error, errors.UserError) else "Failed"
        print(f"{label}: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    # Google's libraries, which TensorFlow imports, warn of old versions of Python.
    warnings.simplefilter("ignore", FutureWarning)
    sys.exit(main())
