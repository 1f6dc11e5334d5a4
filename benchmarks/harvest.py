"""What a harvest costs beside its networks: seconds in their forward passes, in the body fit, elsewhere.

    python benchmarks/harvest.py PHOTOGRAPHS [--per person|crop] [--networks DIR] [--threads 1]

One harvest into a temporary folder, by the command's own function. A forward pass is the outermost call
of a PyTorch network, or BlazePose's interpreter; the fit is what fits bodies to the networks' evidence.
Loading of networks and of the body is not counted. The ratio is that of a harvest without the fit to the
forward passes in it, which its goal of 1.6 is about.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


class Stopwatch:
    """Seconds by name; of calls within calls the outermost counts."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._running = False

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, whose runs are added up under a name unless they are within another's."""

        def wrapped(*arguments: Any, **options: Any) -> Any:
            if self._running:
                return call(*arguments, **options)
            self._running = True
            began = time.perf_counter()
            try:
                return call(*arguments, **options)
            finally:
                self._running = False
                self.seconds[name] += time.perf_counter() - began

        return wrapped


def main() -> None:
    """Harvest once and print where the time went."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--per", choices=["person", "crop"])
    parser.add_argument("--networks", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()

    import torch

    from mocap import load_body
    from mocap.bodies.skinning import Skinning
    from textures import (
        METHODS,
        AttirePainter,
        BodyFitter,
        Harvester,
        SourceOptions,
        load_method,
        open_sources,
    )
    from textures.body_fit import fitting
    from textures.evidence.blazepose import BlazePose
    from textures.harvest.harvest import harvest
    from textures.harvest.refusal import RefusalLimits

    torch.set_num_threads(options.threads)
    body = load_body()
    sources = open_sources([], SourceOptions(networks=options.networks))
    fitter = BodyFitter(body, Skinning(body), sources)
    harvester = Harvester(
        body,
        load_method(METHODS["rstg"], body),
        fitter,
        attire=AttirePainter(body, size=256),
        limits=RefusalLimits(),
    )
    watch = Stopwatch()
    seconds = watch.seconds
    plain = torch.nn.Module.__call__
    forward = watch.timed("forward", plain)

    def called(module: torch.nn.Module, *arguments: Any, **options: Any) -> Any:
        return (plain if isinstance(module, Skinning) else forward)(module, *arguments, **options)

    torch.nn.Module.__call__ = called  # type: ignore[method-assign]
    for source in sources:
        if isinstance(source, BlazePose):
            interpreter = source._interpreter
            source._interpreter = _Timed(interpreter, watch.timed("forward", interpreter.invoke))
    fitting._fit_batch = watch.timed("fit", fitting._fit_batch)
    with tempfile.TemporaryDirectory() as out:
        began = time.perf_counter()
        made = harvest(
            options.photographs,
            Path(out) / "textures",
            harvester,
            grouping=options.per,
            licence="benchmark",
            sheet_rows=0,
            report=lambda line: None,
        )
        total = time.perf_counter() - began
    revision = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT
    ).stdout.strip()
    print(f"{len(made.entries)} textures by {fitter.name}, {options.threads} thread(s), {revision}")
    for name in ("forward", "fit"):
        print(f"  {name:8} {seconds[name]:7.1f} s")
    print(f"  {'else':8} {total - seconds['forward'] - seconds['fit']:7.1f} s")
    print(f"  {'in all':8} {total:7.1f} s")
    print(
        f"without the fit, by the forward passes: {(total - seconds['fit']) / seconds['forward']:.2f}"
    )


class _Timed:
    """An interpreter whose `invoke` is another function."""

    def __init__(self, interpreter: Any, invoke: Callable[..., Any]) -> None:
        self._interpreter, self.invoke = interpreter, invoke

    def __getattr__(self, name: str) -> Any:
        return getattr(self._interpreter, name)


if __name__ == "__main__":
    main()
