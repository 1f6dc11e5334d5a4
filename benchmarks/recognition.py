"""How fast videos are read and networks are fed, each figure beside what it is compared with.

    python benchmarks/recognition.py --clips UCF101_CLIPS [--only loader training pairs] [--repeats 5]

`loader`: clips (8 frames, 8 apart, at a random time) per CPU-second from a file that is closed, by this
package (surveyed before, as in a frame store) and by decord, PyAV and torchcodec used plainly, for the
videos as they are, encoded again as MPEG-4 with B-frames, and as H.264. Every reader decodes the same
clips in turns; the median over the repeats is printed, the share of frames that were the right ones, and
the ratio to the best plain reader. `training`: clips per CPU-second of a training that reads its clips,
over the same network on random tensors. `pairs`: two trainings side by side with one thread each, over
one with two threads, in clips per second of the clock, which other work on the machine disturbs.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from action_recog.networks.resnet3d import network
from action_recog.training.clip_batches import ClipBatches
from action_recog.videos.frame_store import FrameStore
from action_recog.videos.labelled_videos import LabelledVideo, VideoSet
from action_recog.videos.views import ViewOptions, standardise, training_indices

Reader = Callable[[Path, np.ndarray], np.ndarray]
SMALL = ViewOptions(stride=4, size=64, jitter=(66, 84), colour=0.2, test_size=64)
LARGE = ViewOptions()
BATCH = 16


def encode_again(source: Path, target: Path, codec: str, b_frames: int) -> Path:
    """A copy of a video in another codec."""
    with av.open(str(source)) as original, av.open(str(target), "w") as copy:
        template = original.streams.video[0]
        rate = template.average_rate
        stream = copy.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = template.width, template.height, "yuv420p"
        stream.bit_rate = 1_000_000
        stream.codec_context.gop_size = 12
        if codec == "mpeg4":
            stream.codec_context.max_b_frames = b_frames
        for number, picture in enumerate(original.decode(template)):
            picture.pts, picture.time_base, picture.pict_type = number, 1 / rate, 0
            copy.mux(stream.encode(picture))
        copy.mux(stream.encode())
    return target


def plain_decord(path: Path, indices: np.ndarray) -> np.ndarray:
    import decord

    return np.asarray(decord.VideoReader(str(path), num_threads=1).get_batch(indices).asnumpy())


def plain_pyav(path: Path, indices: np.ndarray) -> np.ndarray:
    """Decoded from the first picture on; only the frames of the clip are converted."""
    chosen, frames = set(indices.tolist()), {}
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for number, picture in enumerate(container.decode(video=0)):
            if number in chosen:
                frames[number] = picture.to_ndarray(format="rgb24")
            if number == indices.max():
                break
    return np.stack([frames[number] for number in indices.tolist()])


def plain_torchcodec(path: Path, indices: np.ndarray) -> np.ndarray:
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(str(path), dimension_order="NHWC", num_ffmpeg_threads=1)
    return np.asarray(decoder.get_frames_at(indices.tolist()).data.numpy())


PLAIN: dict[str, Reader] = {
    "decord": plain_decord,
    "PyAV": plain_pyav,
    "torchcodec": plain_torchcodec,
}


def compare_readers(sources: Sequence[Path], folder: Path, repeats: int) -> None:
    """Print the table of the readers."""
    kinds = {
        "videos as they are": list(sources),
        "MPEG-4, B-frames": [
            encode_again(p, folder / f"b_{p.stem}.avi", "mpeg4", 2) for p in sources
        ],
        "H.264": [encode_again(p, folder / f"h_{p.stem}.mp4", "libx264", 0) for p in sources],
    }
    for kind, paths in kinds.items():
        exact = FrameStore(short_side=LARGE.stored_short_side, folder=folder / "store", budget=0)
        small = FrameStore(short_side=SMALL.stored_short_side, folder=folder / "store", budget=0)
        for store in (exact, small):
            store.fill(paths, quiet=True, threads=1)
        truth = {p: CountedFrames(p) for p in paths}
        readers: dict[str, Reader] = {"ours, from the videos": exact.frames}
        readers |= {
            n: r
            for n, r in PLAIN.items()
            if importlib.util.find_spec(n.lower().replace("pyav", "av"))
        }
        readers[f"ours, stored at {small.short_side} pixels"] = small.frames
        rates: dict[str, list[float]] = {name: [] for name in readers}
        right: dict[str, list[bool]] = {name: [] for name in readers}
        for repeat in range(repeats + 1):  # the first warms up
            rng = np.random.default_rng(repeat)
            clips = []
            for path in paths:
                stored = exact[path]
                for _ in range(3):
                    indices = training_indices(
                        stored.count, LARGE, rng, frame_rate=stored.frame_rate
                    )
                    clips.append((path, indices))
            for name, reader in readers.items():
                began = time.process_time()
                answers = [reader(path, indices) for path, indices in clips]
                seconds = time.process_time() - began
                if repeat:
                    rates[name].append(len(clips) / seconds)
                elif "stored" not in name:
                    for (path, indices), frames in zip(clips, answers):
                        right[name] += truth[path].right(frames, indices)
        best = max(statistics.median(rates[name]) for name in PLAIN if name in rates)
        print(f"\n{kind} ({len(paths)} files, decoders of the store: {exact.decoders()})")
        for name in [*readers, *(n for n in PLAIN if n not in readers)]:
            if name not in readers:
                print(f"  {name:28} not installed")
                continue
            median = statistics.median(rates[name])
            frames = (
                f"{100 * np.mean(right[name]):5.1f} % right" if right[name] else "smaller, JPEG"
            )
            print(
                f"  {name:28} {median:7.1f} clips/CPU-s  {min(rates[name]):7.1f}.."
                f"{max(rates[name]):7.1f}  {median / best:5.2f} of the best plain  {frames}"
            )


class CountedFrames:
    """All frames of a video, counted from the first by plain PyAV."""

    def __init__(self, path: Path) -> None:
        with av.open(str(path)) as container:
            self.frames = np.stack(
                [p.to_ndarray(format="rgb24") for p in container.decode(video=0)]
            )

    def right(self, frames: np.ndarray, indices: np.ndarray) -> list[bool]:
        """Whether each frame is the one of its number; decoders' conversions differ by 2 in 255."""
        return [
            bool(np.abs(frame.astype(int) - self.frames[index]).max() <= 2)
            for frame, index in zip(frames, indices)
        ]


def disk_size(sources: Sequence[Path], folder: Path) -> None:
    """Print what a frame store of UCF101 would take, by the mean over the clips at hand."""
    ucf101 = 13_320 * 186.5  # frames: 27 hours at 25 frames a second
    for short_side in (84, 128, 256):
        store = FrameStore(short_side=short_side, folder=folder / f"size{short_side}")
        began = time.process_time()
        store.fill(sources, quiet=True, threads=1)
        seconds = time.process_time() - began
        frames = sum(store[path].count for path in sources)
        size = sum(
            p.stat().st_size for p in (folder / f"size{short_side}").rglob("*") if p.is_file()
        )
        again = FrameStore(short_side=short_side, folder=folder / f"size{short_side}")
        began = time.process_time()
        again.fill(sources, quiet=True, threads=1)
        start = (time.process_time() - began) / len(sources)
        print(
            f"store at {short_side}: {size / frames / 1e3:.2f} kB a frame, UCF101 "
            f"{size / frames * ucf101 / 1e9:.1f} GB, built in {seconds / frames * ucf101 / 60:.0f} "
            f"CPU-minutes, opened in {start * 13_320:.0f} CPU-seconds"
        )


def labelled(paths: Sequence[Path], count: int) -> VideoSet:
    videos = [LabelledVideo(paths[n % len(paths)], f"v{n}", n % 2, f"g{n}") for n in range(count)]
    return VideoSet("clips", ("a", "b"), tuple(videos), stand_in=False)


def train_steps(arch: str, views: ViewOptions, batches: Sequence[tuple] | object) -> float:
    """CPU-seconds per clip of a training; batches are drawn while it runs."""
    torch.manual_seed(0)
    net = network(arch, classes=2, frames=views.frames, dropout=0.0)
    net = net.to(memory_format=torch.channels_last_3d)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
    count, began = 0, 0.0
    for step, (clips, labels) in enumerate(batches):
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(standardise(clips).contiguous(memory_format=torch.channels_last_3d))
        loss = F.cross_entropy(logits.float(), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if step == 0:
            began = time.process_time()  # the first step makes room
        else:
            count += len(labels)
    return (time.process_time() - began) / count


def compare_training(
    sources: Sequence[Path], folder: Path, repeats: int, arch: str, views: ViewOptions, batch: int
) -> None:
    """Print end-to-end training over the network alone."""
    videos = labelled(sources, 5 * batch)
    rng = np.random.default_rng(0)
    shape = (batch, 3, views.frames, views.size, views.size)
    ratios: dict[str, list[float]] = {
        "frames in memory": [],
        "frames on disk": [],
    }
    rates = ""
    for _ in range(repeats):
        noise = [
            (
                torch.from_numpy(rng.integers(0, 256, shape, np.uint8)),
                torch.arange(batch) % 2,
            )
            for _ in range(5)
        ]
        alone = train_steps(arch, views, noise)
        for name, place in zip(ratios, (None, folder / "training")):
            store = FrameStore(
                short_side=views.stored_short_side,
                folder=place,
                budget=0 if place else 2 * 1024**3,
            )
            store.fill(sources, quiet=True, threads=1)
            batches = ClipBatches(videos, store, views, batch=batch, seed=0)
            ratios[name].append(alone / train_steps(arch, views, batches.of_epoch(0)))
            rates = str(batches.rates)
    for name, values in ratios.items():
        print(
            f"{arch}, {views.frames}x{views.size}², {name}: {statistics.median(values):.3f} of the "
            f"network alone ({min(values):.3f}..{max(values):.3f}), CPU time; {rates}"
        )


def compare_pairs(repeats: int) -> None:
    """Print two trainings side by side over one with two threads."""
    ratios = []
    for _ in range(repeats):
        rate = {}
        for threads, runs in ((2, 1), (1, 2)):
            command = [sys.executable, __file__, "--worker", str(threads)]
            started = [
                subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(runs)
            ]
            rate[threads] = sum(json.loads(p.communicate()[0]) for p in started)
        ratios.append(rate[1] / rate[2])
    load = os.getloadavg()[0]
    print(
        f"two runs of one thread over one of two: {statistics.median(ratios):.2f} times the clips/s "
        f"({min(ratios):.2f}..{max(ratios):.2f}), load average {load:.1f} on {os.cpu_count()} cores"
    )


def work(threads: int) -> None:
    """Train on random tensors, and print clips per second of the clock."""
    torch.set_num_threads(threads)
    rng = np.random.default_rng(0)
    shape = (BATCH, 3, SMALL.frames, SMALL.size, SMALL.size)
    batch = torch.from_numpy(rng.integers(0, 256, shape, np.uint8)), torch.arange(BATCH) % 2
    train_steps("i3d-nl-r10", SMALL, [batch] * 2)
    began = time.perf_counter()
    train_steps("i3d-nl-r10", SMALL, [batch] * 5)
    print(json.dumps(5 * BATCH / (time.perf_counter() - began)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=Path, help="folder of UCF101 videos, searched whole")
    parser.add_argument("--only", nargs="+", default=["loader", "disk", "training", "pairs"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="train i3d-nl-r50 at 224² as well")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker)
        return
    if options.clips is None:
        parser.error("--clips is missing: a folder of UCF101 videos")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    sources = sorted(options.clips.rglob("*.avi"))
    if not sources:
        parser.error(f"{options.clips}: no .avi file below it; expected UCF101 videos")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {len(sources)} videos")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "loader" in options.only:
            compare_readers(sources, folder, options.repeats)
        if "disk" in options.only:
            disk_size(sources, folder)
        if "training" in options.only:
            compare_training(sources, folder, options.repeats, "i3d-nl-r10", SMALL, BATCH)
            if options.large:
                compare_training(sources, folder, 1, "i3d-nl-r50", LARGE, 2)
    if "pairs" in options.only:
        compare_pairs(options.repeats)


if __name__ == "__main__":
    main()
