"""Whatever can change the result of the same input and seed, by name."""

import platform
from importlib.metadata import version

import numpy as np
import scipy

PLANNER_VERSION = "dunmiao/10"


def versions() -> dict[str, str]:
    """Name -> version."""
    return {
        "planner": PLANNER_VERSION,
        "python": platform.python_version(),
        "ortools": version("ortools"),
        "scipy": scipy.__version__,
        "numpy": np.__version__,
        "numba": version("numba"),
        "machine": platform.machine(),
    }
