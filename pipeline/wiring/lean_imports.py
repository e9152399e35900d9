"""Imports TFX without the optional dependencies that no run uses.

Keras loads pyplot for a gallery of images; the Kubernetes client, which TFX imports, loads a
validator that builds a grammar. Each import is in a ``try`` that expects an ImportError.
Jupyter's widgets must stay: without them TFMA silently lacks half of its names. Google's packages
each list all installed distributions to find their own name.

No library is changed: during the imports, the modules are marked as not importable, by Python's
own mark for that, and the list of distributions is made once. Afterwards all can be imported as
before.
"""

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

from data import long_lived

UNUSED = ("kubernetes_validate", "matplotlib.pyplot")


@contextmanager
def lean() -> Iterator[None]:
    """Hides the modules of UNUSED inside, unless they were imported before."""
    hidden = [name for name in UNUSED if name not in sys.modules]
    listed = metadata.packages_distributions
    # Python: "If the corresponding value in sys.modules is None, a ModuleNotFoundError is raised."
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    metadata.packages_distributions = functools.cache(listed)  # type: ignore[assignment]
    try:
        with long_lived.loading():
            yield
    finally:
        metadata.packages_distributions = listed
        for name in hidden:
            if name in sys.modules and sys.modules[name] is None:
                del sys.modules[name]
