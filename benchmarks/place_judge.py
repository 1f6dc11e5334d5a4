"""Can a small network tell painted places from photographs at a glance? Its accuracy, on others' places.

    python benchmarks/place_judge.py ENVIRONMENTS [--videos DIR] [--places 400] [--sheet forty.png]

ENVIRONMENTS is a folder of equirectangular photographs (.hdr, .exr). A pinhole camera with the film's
size and lenses between a wide one and the film's looks at them and at painted places from the same height
and at the same slope. Both pass through the same sharpness (that of the environment's own pixels, which
are larger than a film's), exposure, noise and JPEG, so that what is left to tell them by is what they
show. The network is trained anew for each third of the environments and of the places, which it has not
seen, and for each glance: a picture of so few pixels. 50 % is a coin; the interval is over environments
and places. VIDEOS (.avi) are never trained on: how many of their frames it takes for photographs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from synth.plans.lens_sampler import draw_lens
from synth.plans.preset import read_preset
from synth.scene.environment_pictures import environment_files, radiance_towards, read_environment
from synth.scene.lens.film_pictures import LINEAR
from synth.scene.lens.jpeg import jpeg_frames
from synth.scene.lens.sensor_noise import noisy
from synth.scene.lights.registry import draw_light
from synth.scene.places.background_geometry import pixel_rays
from synth.scene.places.painted_place import paint_place
from textures.visibility.camera import Camera, look_at
from textures.visibility.shading import linear_to_srgb, to_bytes

WIDTH, HEIGHT = 320, 240
FOCALS = (250.0, 600.0)  # pixels: a wide lens, and the film's
GLANCES = ((32, 24), (64, 48), (160, 120))
LIGHTS = ("sh", "sun-sky", "lamps")
_FOLDS, _EPOCHS, _BATCH = 3, 14, 32
_MIDDLE_GREY = 0.2
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True)
class Sample:
    """A picture (H,W,3) uint8, whether it is a photograph, and which place or environment it shows."""

    picture: np.ndarray
    photographed: bool
    source: str


def draw_camera(rng: np.random.Generator) -> Camera:
    """A film's camera about a person at the origin: as high and as far as `standard` draws them."""
    focal = float(np.exp(rng.uniform(*np.log(FOCALS))))
    distance, yaw = max(4.0, rng.normal(8, 1)) * focal / 600, rng.uniform(0, 2 * np.pi)
    distance = max(distance, 3.0)
    position = np.array([distance * np.sin(yaw), rng.uniform(1.1, 2.0), distance * np.cos(yaw)])
    target = np.array([0.0, 0.9 + rng.uniform(-0.2, 0.2), 0.0])
    return look_at(position, target, focal=focal, width=WIDTH, height=HEIGHT)


def photographed(
    light: np.ndarray, camera: Camera, wide: int, rng: np.random.Generator
) -> np.ndarray:
    """Linear light (H,W,3) as one camera takes it: sharpness, exposure, noise and JPEG, (H,W,3) uint8.

    `wide` is the width in pixels of the environments that the light is made as coarse as.
    """
    columns = min(WIDTH, round(WIDTH * wide / (2 * np.pi * camera.intrinsics[0, 0])))
    rows = round(columns * HEIGHT / WIDTH)
    coarse = cv2.resize(light.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    light = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    # The geometric mean, which a camera's meter shows, at middle grey and half a stop about it.
    mean = float(np.exp(np.log(light @ _LUMINANCE + 1e-3).mean()))
    light = light * np.float32(_MIDDLE_GREY / mean * 2.0 ** rng.normal(0, 0.5))
    lens = draw_lens(rng, read_preset("standard").lens)
    light = noisy(light, rng, shot_noise=lens.shot_noise, read_noise=lens.read_noise)
    picture = to_bytes(linear_to_srgb(np.clip(light, 0, 1)))
    return next(iter(jpeg_frames([picture], int(rng.integers(55, 91)))))


def painted_samples(count: int, wide: int, seed: int) -> tuple[list[Sample], np.ndarray]:
    """Pictures of as many painted places, and the milliseconds (N,2) of each: layout, picture."""
    samples, times = [], np.zeros((count, 2))
    for number in range(count):
        rng = np.random.default_rng([seed, 0, number])
        camera = draw_camera(rng)
        light = draw_light(LIGHTS[int(rng.choice(3, p=[0.4, 0.3, 0.3]))], rng)
        began = time.process_time()
        place = paint_place(
            int(rng.integers(2**62)), ground=(0, 0, 0), reach=0.6, cameras=[camera], light=light
        )
        laid = time.process_time()
        view = place.picture(camera)
        times[number] = laid - began, time.process_time() - laid
        # As the film's backdrop is kept: bytes, before the lens.
        view = LINEAR[to_bytes(linear_to_srgb(view))]
        samples.append(Sample(photographed(view, camera, wide, rng), False, f"place {number}"))
    return samples, 1000 * times


def environment_samples(files: Sequence[Path], count: int, seed: int) -> tuple[list[Sample], int]:
    """About `count` pictures of environments, as many of each, and the width of the environments."""
    samples, widths = [], []
    for number, path in enumerate(files):
        radiance = read_environment(path)
        widths.append(radiance.shape[1])
        for view in range(max(1, round(count / len(files)))):
            rng = np.random.default_rng([seed, 1, number, view])
            camera = draw_camera(rng)
            light = radiance_towards(radiance, pixel_rays(camera))
            # A film's picture holds so much above white; a sun of 65504 would blacken all else.
            light = np.minimum(light, 8 * float(np.median(light @ _LUMINANCE)) + 1e-4)
            picture = photographed(light, camera, radiance.shape[1], rng)
            samples.append(Sample(picture, True, path.stem))
    return samples, min(widths)


def video_samples(folder: Path, count: int, wide: int, seed: int) -> list[Sample]:
    """Frames of real videos, taken once more by the same camera."""
    samples = []
    for number, path in enumerate(sorted(folder.glob("*.avi"))):
        video = cv2.VideoCapture(str(path))
        for view in range(count):
            rng = np.random.default_rng([seed, 2, number, view])
            video.set(cv2.CAP_PROP_POS_FRAMES, view * video.get(cv2.CAP_PROP_FRAME_COUNT) // count)
            good, frame = video.read()
            if good:
                light = LINEAR[cv2.resize(frame, (WIDTH, HEIGHT))[..., ::-1]]
                picture = photographed(light, draw_camera(rng), wide, rng)
                samples.append(Sample(picture, True, path.stem))
    return samples


def glanced(samples: Sequence[Sample], size: tuple[int, int]) -> torch.Tensor:
    """The pictures at a glance, (N,3,h,w) about 0."""
    small = [cv2.resize(s.picture, size, interpolation=cv2.INTER_AREA) for s in samples]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float() / 64 - 2


def network(size: tuple[int, int]) -> torch.nn.Module:
    """A small network: convolutions that halve the picture to about 4x3, and a mean."""
    layers: list[torch.nn.Module] = []
    channels, width = 3, size[0]
    for more in (24, 48, 64, 96, 96):
        stride = 2 if width > 5 else 1
        layers += [torch.nn.Conv2d(channels, more, 3, stride, 1, bias=False)]
        layers += [torch.nn.BatchNorm2d(more), torch.nn.ReLU()]
        channels, width = more, width // stride
    layers += [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Dropout(0.3)]
    return torch.nn.Sequential(*layers, torch.nn.Linear(channels, 1))


def trained(pictures: torch.Tensor, labels: torch.Tensor, size: tuple[int, int]) -> torch.nn.Module:
    """A network trained on pictures and their mirror images; both kinds count alike."""
    torch.manual_seed(0)
    judge = network(size)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=0.02)
    weights = torch.where(labels > 0.5, 0.5 / labels.mean(), 0.5 / (1 - labels.mean()))
    steps = _EPOCHS * (len(labels) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    order = np.random.default_rng(0)
    for _ in range(_EPOCHS):
        shuffled = torch.from_numpy(order.permutation(len(labels)))
        for start in range(0, len(labels) // _BATCH * _BATCH, _BATCH):
            batch = shuffled[start : start + _BATCH]
            mirrored = torch.from_numpy(order.random(_BATCH) < 0.5)[:, None, None, None]
            x = torch.where(mirrored, pictures[batch].flip(3), pictures[batch])
            x = x + 0.3 * torch.randn(len(batch), 3, 1, 1)  # colour of the light and exposure
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                judge(x)[:, 0], labels[batch], weights[batch]
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return judge.eval()


def scores(judge: torch.nn.Module, pictures: torch.Tensor) -> np.ndarray:
    """Logits (N,); above 0: a photograph."""
    with torch.no_grad():
        return np.concatenate([judge(part)[:, 0].numpy() for part in pictures.split(256)])


def held_out_scores(
    samples: Sequence[Sample], videos: Sequence[Sample], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Logits of all samples (N,), each by the network that saw nothing of its place; those of videos."""
    pictures, out = glanced(samples, size), np.zeros(len(samples))
    labels = torch.tensor([float(s.photographed) for s in samples])
    names = np.array([s.source for s in samples])
    sources = sorted(set(names))
    fold_of = dict(zip(sources, np.random.default_rng(0).permutation(len(sources)) % _FOLDS))
    for photographs in (True, False):  # each kind in equal thirds
        kind = sorted({s.source for s in samples if s.photographed == photographs})
        shuffled = np.random.default_rng(1).permutation(kind)
        fold_of |= {name: number % _FOLDS for number, name in enumerate(shuffled)}
    folds, video_logits = np.array([fold_of[name] for name in names]), []
    for fold in range(_FOLDS):
        seen = torch.from_numpy(folds != fold)
        judge = trained(pictures[seen], labels[seen], size)
        out[folds == fold] = scores(judge, pictures[~seen])
        if videos:
            video_logits.append(scores(judge, glanced(videos, size)))
    return out, np.array(video_logits)


def balanced_accuracy(samples: Sequence[Sample], logits: np.ndarray) -> tuple[float, float, float]:
    """Mean accuracy of both kinds, and its 95 % interval over environments and places."""
    rng, means = np.random.default_rng(0), []
    kinds = []
    for photographs in (True, False):
        by_source: dict[str, list[float]] = {}
        for sample, logit in zip(samples, logits):
            if sample.photographed == photographs:
                by_source.setdefault(sample.source, []).append(float((logit > 0) == photographs))
        kinds.append(np.array([np.mean(right) for right in by_source.values()]))
    for _ in range(2000):
        means.append(np.mean([rng.choice(kind, len(kind)).mean() for kind in kinds]))
    low, high = np.percentile(means, [2.5, 97.5])
    return float(np.mean([kind.mean() for kind in kinds])), float(low), float(high)


def spectrum_slope(samples: Sequence[Sample], photographs: bool) -> float:
    """Mean slope of amplitude against frequency, both as logarithms, from 2 to 16 waves a picture."""
    slopes = []
    window = np.hanning(HEIGHT)[:, None] * np.hanning(HEIGHT)
    radius = np.hypot(*np.meshgrid(*[np.fft.fftfreq(HEIGHT) * HEIGHT] * 2))
    rings = np.arange(2, 17)
    for sample in samples:
        if sample.photographed == photographs:
            grey = (sample.picture @ _LUMINANCE)[:, (WIDTH - HEIGHT) // 2 :][:, :HEIGHT]
            amplitude = np.abs(np.fft.fft2((grey - grey.mean()) * window))
            means = [amplitude[np.abs(radius - ring) < 0.5].mean() for ring in rings]
            slopes.append(np.polyfit(np.log(rings), np.log(np.array(means) + 1e-6), 1)[0])
    return float(np.mean(slopes))


def write_sheet(path: Path, samples: Sequence[Sample]) -> None:
    """Twenty painted places to the left, twenty photographs to the right."""
    columns = []
    for photographs in (False, True):
        kind = [s.picture for s in samples if s.photographed == photographs]
        chosen = [kind[int(i)] for i in np.linspace(0, len(kind) - 1, 20)]
        columns.append(np.vstack([np.hstack(chosen[i : i + 4]) for i in range(0, 20, 4)]))
    gap = np.full((len(columns[0]), 12, 3), 255, np.uint8)
    cv2.imwrite(str(path), np.hstack([columns[0], gap, columns[1]])[..., ::-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("environments", type=Path)
    parser.add_argument("--videos", type=Path)
    parser.add_argument("--places", type=int, default=400)
    parser.add_argument("--photographs", type=int, default=720)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--only-sheet", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    files = environment_files(options.environments)
    photographs, wide = environment_samples(files, options.photographs, options.seed)
    painted, times = painted_samples(options.places, wide, options.seed)
    samples = photographs + painted
    if options.sheet:
        write_sheet(options.sheet, samples)
    print(
        f"{len(painted)} painted places, {len(photographs)} photographs of {len(files)} environments"
    )
    laid, drawn = np.median(times, axis=0)
    print(f"a place: {laid:.0f} ms laid out, {drawn:.0f} ms its picture (medians)")
    slopes = [f"{spectrum_slope(samples, kind):.2f}" for kind in (False, True)]
    print("slope of the spectrum: painted {}, photographs {}".format(*slopes))
    if options.only_sheet:
        return
    videos = video_samples(options.videos, 10, wide, options.seed) if options.videos else []
    for size in GLANCES:
        logits, video_logits = held_out_scores(samples, videos, size)
        mean, low, high = (100 * figure for figure in balanced_accuracy(samples, logits))
        text = f"accuracy {mean:.1f} % [{low:.1f}, {high:.1f}]"
        for photographs_only in (True, False):
            kind = np.array([s.photographed == photographs_only for s in samples])
            name = "photographs" if photographs_only else "painted"
            text += f", {name} taken for photographs {100 * (logits[kind] > 0).mean():.1f} %"
        if videos:
            text += f", frames of videos {100 * (video_logits > 0).mean():.1f} %"
        print(f"{size[0]}x{size[1]}: {text}", flush=True)


if __name__ == "__main__":
    main()
