"""What results depend on to the last bit: the program, its libraries, and the processor they are made for."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

from threadpoolctl import threadpool_info

from pipeline.cities import all_cities
from pipeline.errors import HeavyWorkError

ROOT: Final = Path(__file__).parents[1]
ROOMS: Final = ("pipeline", "ingest", "forecasting", "alerts", "flows")
LIBRARIES: Final = ("numpy", "scipy", "pandas", "xarray", "pyarrow")


@cache
def pins_here() -> dict[str, str]:
    """Return what this process runs on.

    OpenBLAS and numpy choose their kernels by the processor, and those differ in the last digit; so do the
    mathematical functions of C libraries.

    >>> sorted(pins_here())
    ['BLAS', 'C library', 'cities', 'numpy', 'numpy kernels', 'pandas', 'program', 'pyarrow', ...
    """
    import scipy.linalg  # noqa: F401 - loads the libraries that are listed

    found = {name: version(name) for name in LIBRARIES}
    found["python"] = platform.python_version()
    found["program"] = _program()
    blas = [p for p in threadpool_info() if p["user_api"] == "blas"]
    kinds = {f"{p['internal_api']} {p['version']} {p.get('architecture')}" for p in blas}
    found["BLAS"] = ", ".join(sorted(kinds))
    found["cities"] = hashlib.sha256(repr(sorted(all_cities().items())).encode()).hexdigest()[:12]
    found["C library"] = " ".join(platform.libc_ver())
    found["numpy kernels"] = _kernels()
    return found


def check_pins(theirs: Mapping[str, str]) -> None:
    """Refuse an errand of a sender that runs on something else.

    Raises
    ------
    HeavyWorkError
        names what differs, and what to do

    Examples
    --------
    >>> check_pins({**pins_here(), "numpy": "1.0"})
    Traceback (most recent call last):
    ...
    pipeline.errors.HeavyWorkError: worker ... runs on something else: numpy ... instead of 1.0; ...
    """
    ours = pins_here()
    differing = [
        f"{name} {ours.get(name)} instead of {theirs.get(name)}"
        for name in sorted(theirs)
        if ours.get(name) != theirs.get(name)
    ]
    if differing:
        raise HeavyWorkError(
            f"worker {platform.node()} runs on something else: {'; '.join(differing)}; install the same"
            " program and lock file there (other processors: set the same OPENBLAS_CORETYPE and"
            " NPY_DISABLE_CPU_FEATURES everywhere)"
        )


def _program() -> str:
    """Return a digest of the program's own code, whatever its version says."""
    digest = hashlib.sha256()
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in (".py", ".toml", ".csv") and path.is_file():
                digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _kernels() -> str:
    """Return the features of the processor for which numpy has kernels and uses them."""
    from numpy._core._multiarray_umath import (  # type: ignore[import-not-found]
        __cpu_dispatch__,
        __cpu_features__,
    )

    return "+".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name)) or "baseline"
