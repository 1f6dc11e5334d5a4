"""Starts pytest in forks of one process that has the libraries imported; see `benchmarks/mutations.py`.

    python benchmarks/pytest_starter.py     # a line of JSON for each run; answers its exit code

A request has the `folder` in which pytest runs, which comes first where modules are looked for; what is
added to the `environment`; pytest's `arguments`; the file for its `output`; and after how many seconds
the run is ended (`limit`). Bytecode is not written.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
from typing import Any

LIBRARIES = (
    *("pytest", "hypothesis", "numpy", "scipy.spatial.transform", "scipy.ndimage", "scipy.io"),
    *("msgspec", "cv2", "PIL.Image", "click", "tqdm", "numba", "av", "torch", "safetensors.torch"),
    *("torch.utils.tensorboard", "lightning_fabric"),
)
_FAULT = 3  # pytest's exit code for an error of its own


def run_request(request: dict[str, Any]) -> int:
    """Run pytest in this process, which is a fork that ends with it; its exit code."""
    os.setsid()
    signal.alarm(request["limit"])
    os.chdir(request["folder"])
    os.environ.update(request["environment"])
    sys.path[0] = request["folder"]
    sys.dont_write_bytecode = True
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    import pytest

    code = int(pytest.main(request["arguments"]))
    sys.stdout.flush()
    return code


def main() -> None:
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):  # whoever needs it says so
            importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            code = _FAULT
            try:
                code = run_request(json.loads(line))
            finally:
                os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
