"""What the networks cost: parameters and multiply-adds beside published ones, and one step's memory.

    python benchmarks/networks.py [--step NAME] [--frames 32] [--size 224] [--batch 1] [--parts 1]
        [--precision bf16-mixed] [--device cpu] [--threads 1]

A multiplication with its addition counts as one, as in the published tables; they also count batch
normalisation and ReLU, which is about 1 %. The step is one of SGD with momentum, after one that is not
counted, in a process of its own that has loaded nothing else; its memory is the peak of that process
(of the CUDA allocator on cuda), torch included.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

TORCHVISION = "torchvision's table of ImageNet weights"
VIDEO_ZOO = "pytorchvideo, docs/source/model_zoo.md"
MMACTION2 = "mmaction2, configs/recognition/i3d: README.md, metafile.yml"
SLOWFAST = "SlowFast paper (arXiv 1812.03982), table 2"
# Network, classes, frames, pixels, published millions of parameters, billions of multiply-adds, source.
ROWS: list[tuple[str, int, int, int, float | None, float | None, str]] = [
    ("c2d-r18", 1000, 1, 224, 11.69, 1.81, TORCHVISION),
    ("c2d-r34", 1000, 1, 224, 21.80, 3.66, TORCHVISION),
    ("c2d-r50", 1000, 1, 224, 25.56, 4.09, TORCHVISION),
    ("c2d-r101", 1000, 1, 224, 44.55, 7.80, TORCHVISION),
    ("c2d-r50@pytorchvideo", 400, 8, 256, 24.33, 25.89, VIDEO_ZOO),
    ("i3d-r50@pytorchvideo", 400, 8, 256, 28.04, 37.53, VIDEO_ZOO),
    ("i3d-r50@mmaction2", 400, 32, 256, 28.04, 43.5, MMACTION2),
    ("i3d-nl-r50@mmaction2", 400, 32, 256, 35.40, 59.3, MMACTION2),
    ("i3d-nl-r50", 400, 128, 256, None, 282, SLOWFAST),
    # 359.1 with one block in res4; the authors' code puts three there (resnet_video.py).
    ("i3d-nl-r101", 400, 128, 256, None, 359, SLOWFAST),
    ("c2d-r50", 400, 32, 224, None, None, ""),
    ("c2d-nl-r50", 400, 32, 224, None, None, ""),
    ("c2d-nl=10-r50", 400, 32, 224, None, None, ""),
    ("i3d-r50", 400, 32, 224, None, None, ""),
    ("i3d-nl-r50", 400, 32, 224, None, None, ""),
    ("i3d-nl=10-r50", 400, 32, 224, None, None, ""),
    ("c2d-r101", 400, 32, 224, None, None, ""),
    ("c2d-nl-r101", 400, 32, 224, None, None, ""),
    ("c2d-nl=10-r101", 400, 32, 224, None, None, ""),
    ("i3d-r101", 400, 32, 224, None, None, ""),
    ("i3d-nl-r101", 400, 32, 224, None, None, ""),
    ("i3d-nl=10-r101", 400, 32, 224, None, None, ""),
]


def print_costs() -> None:
    """Print a line for every network of `ROWS`."""
    import torch

    from action_recog.networks.cost import network_cost
    from action_recog.networks.resnet3d import network

    print(f"{'network':25}{'clip':>10}{'M param.':>10}{'publ.':>8}{'G m.-adds':>11}{'publ.':>8}")
    for name, classes, frames, size, millions, billions, source in ROWS:
        with torch.device("meta"):
            net = network(name, classes=classes, frames=frames)
        cost = network_cost(net, frames=frames, size=size)
        clip = f"{frames}x{size}"
        published = [f"{value:g}" if value else "" for value in (millions, billions)]
        print(
            f"{name:25}{clip:>10}{cost.parameters / 1e6:10.2f}{published[0]:>8}"
            f"{cost.multiply_adds / 1e9:11.2f}{published[1]:>8}  {source}"
        )


def measure_step(arguments: argparse.Namespace) -> None:
    """Take two steps in this process, and print the second's time and the peak of memory."""
    import torch

    from action_recog.networks.resnet3d import network
    from action_recog.training.optimiser_step import take_step
    from action_recog.training.options import ComputeOptions, make_fabric

    torch.set_num_threads(arguments.threads)
    fabric = make_fabric(ComputeOptions(device=arguments.device, precision=arguments.precision))
    net = network(arguments.step, classes=101, frames=arguments.frames)
    net.to(memory_format=torch.channels_last_3d)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    module, optimiser = fabric.setup(net, optimiser)
    shape = (arguments.batch, 3, arguments.frames, arguments.size, arguments.size)
    clips = torch.randn(shape, device=fabric.device).contiguous(
        memory_format=torch.channels_last_3d
    )
    labels = torch.arange(arguments.batch, device=fabric.device) % 101
    for _ in range(2):
        began = time.perf_counter()
        loss, _ = take_step(module, optimiser, clips, labels, fabric=fabric, parts=arguments.parts)
        seconds = time.perf_counter() - began if torch.isfinite(loss) else float("nan")
    if fabric.device.type == "cuda":
        peak = torch.cuda.max_memory_allocated() / 1e9
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(
        f"{arguments.step}, {arguments.batch} x {arguments.frames}x{arguments.size}^2, in "
        f"{arguments.parts} parts, {arguments.precision}, {arguments.device}: "
        f"{peak:.2f} GB, {seconds:.2f} s a step"
    )


def main() -> None:
    """Parse the arguments; print the costs, then a step of a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--step", default="i3d-nl-r50", help="network of the step")
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--precision", default="bf16-mixed")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only-step", action="store_true", help="in this process, no costs")
    arguments = parser.parse_args()
    if arguments.only_step:
        measure_step(arguments)
        return
    print_costs()
    subprocess.run([sys.executable, __file__, *sys.argv[1:], "--only-step"], check=True)


if __name__ == "__main__":
    main()
