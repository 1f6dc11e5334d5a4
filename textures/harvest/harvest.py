"""Harvest: a folder of pedestrian crops becomes a library of body textures.

For each crop: body fit, visibility, generator, texture; then scores, a line in textures.jsonl, and
a contact sheet to look at. Can be stopped and run again: textures that are there, of the same crop
and the same networks, are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning, skin
from mocap.errors import BadInput
from mocap.files import is_stand_in, written_whole
from textures.body_fit.fitting import BodyFit, fit_bodies
from textures.body_fit.network import BodyFitNetwork, crop_tensor
from textures.body_fit.refinement import surface_points
from textures.checkpoints import checkpoint_tag, load_network
from textures.harvest.contact_sheet import sheet_row, stacked
from textures.harvest.detail import with_detail
from textures.harvest.seams import find_seams, without_seams
from textures.harvest.skin import skin_texels, with_skin
from textures.library import (
    MANIFEST,
    TextureEntry,
    assign_splits,
    read_library,
    read_texture,
    sha256_of,
    write_manifest,
    write_texture,
)
from textures.market1501 import Crop, read_crops, read_image
from textures.reid.pcb import PCB
from textures.reid.similarity import reid_similarity
from textures.rstg.projection import (
    SEEN,
    TexelGeometry,
    projection_input,
    source_pixels,
    texel_geometry,
)
from textures.rstg.unet import TextureGenerator
from textures.training.augmentation import image_batch
from textures.visibility.buffer import visibility
from textures.visibility.rendering_tensor import composite, render, texel_map
from textures.visibility.uv_layout import fill_gutters

BATCH = 16
CONTACT_SHEET = "contact_sheet.png"


@dataclass(frozen=True)
class Harvest:
    """What was done: entries of the whole library, how many are new, and the crops that could not
    be used with the reason.
    """

    entries: list[TextureEntry]
    new: int
    bad: list[tuple[Path, str]]
    contact_sheet: Path | None


class Harvester:
    """The networks and the body that turn crops into textures, loaded once."""

    def __init__(
        self,
        body: Body,
        *,
        body_fit: Path | None = None,
        generator: Path | None = None,
        reid: Path | None = None,
        device: str = "cpu",
        size: int = 256,
        detail: bool = False,
        steps: int = 60,
    ) -> None:
        self.body, self.size, self.device, self.detail = body, size, device, detail
        self.steps = steps
        self.fitter: BodyFitNetwork = load_network("body-fit", body_fit, device=device)[0]
        self.generator: TextureGenerator = load_network("generator", generator, device=device)[0]
        self.reid: PCB = load_network("reid", reid, device=device)[0]
        self.tag = (
            f"{checkpoint_tag(body_fit, 'body-fit')}+{checkpoint_tag(generator, 'generator')}"
        )
        self.tag += "+detail" * detail
        self.skinning = Skinning(body).to(device)
        self.points = surface_points(body, device=device)
        self.geometry: TexelGeometry = texel_geometry(body, self.generator.config.texture_size)
        self.output: TexelGeometry = texel_geometry(body, size)
        self.seams = find_seams(self.output)
        self.skin = skin_texels(self.output, body)

    def fit(self, images: list[np.ndarray]) -> tuple[BodyFit, np.ndarray]:
        """Fitted bodies of the crops and their vertices (N,V,3)."""
        fit = fit_bodies(self.fitter, self.skinning, images, points=self.points, steps=self.steps)
        vertices, _ = skin(
            self.skinning, pose=fit.pose, betas=fit.betas, translation=fit.translation
        )
        return fit, vertices

    @torch.no_grad()
    def textures(
        self, images: list[np.ndarray], fit: BodyFit, vertices: np.ndarray
    ) -> torch.Tensor:
        """(N,3,S,S) textures in [-1,1] at the generator's own size, gutters filled."""
        config = self.generator.config
        side = (config.input_height, config.input_width)
        if config.projection:
            size = (128, 64)
            crops = torch.cat([crop_tensor(image, *size) for image in images]).to(self.device)
            found = [
                source_pixels(self.geometry, self.body, vertices[i], fit.cameras[i], fit.person[i])
                for i in range(len(images))
            ]
            positions = torch.from_numpy(np.stack([p for p, _ in found])).to(self.device)
            kinds = torch.from_numpy(np.stack([k for _, k in found])).to(self.device)
            code = torch.from_numpy(self.geometry.code).to(self.device)
            made = self.generator(crops, projection_input(crops, positions, kinds, code))
        else:
            crops = torch.cat([crop_tensor(image, *side) for image in images]).to(self.device)
            made = self.generator(crops)
        flat = made.flatten(2)[
            :, :, torch.from_numpy(self.geometry.number).flatten().to(self.device)
        ]
        return flat.view_as(made)

    def finished(
        self,
        texture: torch.Tensor,
        image: np.ndarray,
        fit: BodyFit,
        vertices: np.ndarray,
        index: int,
    ) -> np.ndarray:
        """One generated texture (3,S,S) as (size,size,3) uint8 RGB, its gutters filled."""
        array = ((texture.permute(1, 2, 0).cpu().numpy() + 1) * 127.5).clip(0, 255)
        large = cv2.resize(array, (self.size, self.size), interpolation=cv2.INTER_CUBIC)
        result = np.round(large.clip(0, 255)).astype(np.uint8)
        if self.detail:
            positions, kinds = source_pixels(
                self.output, self.body, vertices, fit.cameras[index], fit.person[index]
            )
            spared = self.output.head | self.output.hand
            result = with_detail(result, image, positions, kinds, spared=spared)
        result = with_skin(result, self.skin)
        result = without_seams(fill_gutters(result, self.output.covered), self.seams)
        return fill_gutters(result, self.output.covered)

    @torch.no_grad()
    def scores(
        self, images: list[np.ndarray], fit: BodyFit, vertices: np.ndarray, textures: torch.Tensor
    ) -> list[dict[str, float]]:
        """Per crop: fit agreement, silhouette IoU of the body and the network's own person mask,
        share of the surface seen, and the re-ID cosine of crop and re-rendered body, both on grey
        outside the body's silhouette.
        """
        results = []
        for i, image in enumerate(images):
            buffer = visibility(vertices[i], self.body.faces, fit.cameras[i])
            mask = torch.from_numpy(buffer.covered).float()[None, None].to(self.device)
            person = cv2.resize(fit.person[i], (image.shape[1], image.shape[0])) > 0.5
            union = (person | buffer.covered).sum()
            uv = torch.from_numpy(texel_map(buffer, self.body.mesh))[None].to(self.device)
            crop = image_batch(image[None]).to(self.device)
            grey = torch.zeros_like(crop)
            made = composite(render(textures[i : i + 1], uv), mask, grey)
            cosine = reid_similarity(self.reid, made, composite(crop, mask, grey))
            _, kinds = source_pixels(
                self.geometry, self.body, vertices[i], fit.cameras[i], fit.person[i]
            )
            results.append(
                {
                    "fit_agreement": round(float(fit.agreement[i]), 4),
                    "silhouette_iou": round(
                        float((person & buffer.covered).sum() / max(1, union)), 4
                    ),
                    "surface_seen": round(float((kinds == SEEN)[self.geometry.covered].mean()), 4),
                    "reid_cosine": round(float(cosine), 4),
                }
            )
        return results


def harvest(
    images: Path,
    out: Path,
    harvester: Harvester,
    *,
    splits: tuple[str, ...] | None = None,
    licence: str = "",
    stand_in: bool = False,
    sheet_rows: int = 40,
    report: Callable[[str], None] = print,
) -> Harvest:
    """Make a texture for every crop below ``images`` and write the library ``out``.

    ``splits``: of a Market-1501 folder ("train", "query", "gallery"); all when None. Crops that
    cannot be read are reported and left out. Nothing is written when no crop can be used. Raises
    BadInput.
    """
    out = Path(out)
    crops = read_crops(images, splits)
    names = texture_names(crops, Path(images))
    stand_in = stand_in or is_stand_in(images) or is_stand_in(Path(images).parent)
    old = (
        {e.file: e for e in read_library(out, skip_missing=True)}
        if (out / MANIFEST).is_file()
        else {}
    )
    known = {e.identity: e.split for e in old.values()}
    assigned = _splits(crops, known)
    entries, bad, todo = dict(old), [], []
    for crop, name in zip(crops, names):
        try:
            digest = sha256_of(crop.path)
        except OSError as error:
            bad.append((crop.path, f"cannot be opened ({error.strerror})"))
            continue
        if not _is_made(old.get(name), digest, harvester):
            todo.append((crop, name, digest))
    new = 0
    with tqdm(
        total=len(crops), initial=len(crops) - len(todo), desc="textures", unit="crop"
    ) as bar:
        for start in range(0, len(todo), BATCH):
            ready = []
            for crop, name, digest in todo[start : start + BATCH]:
                try:
                    ready.append((crop, name, digest, read_image(crop.path)))
                except BadInput as error:
                    bad.append((crop.path, str(error)))
            if ready:
                out.mkdir(parents=True, exist_ok=True)
                pictures = [item[3] for item in ready]
                fit, vertices = harvester.fit(pictures)
                textures = harvester.textures(pictures, fit, vertices)
                scores = harvester.scores(pictures, fit, vertices, textures)
                for i, (crop, name, digest, picture) in enumerate(ready):
                    texture = harvester.finished(textures[i], picture, fit, vertices[i], i)
                    write_texture(out / name, texture)
                    entries[name] = TextureEntry(
                        file=name,
                        uv_layout=harvester.body.uv_layout,
                        size=harvester.size,
                        source=crop.path.name,
                        source_sha256=digest,
                        identity=crop.identity,
                        camera=crop.camera,
                        split=assigned[crop.identity],
                        scores=scores[i],
                        licence=licence,
                        generator=harvester.tag,
                        stand_in=stand_in,
                    )
                    new += 1
                write_manifest(out, [entries[key] for key in sorted(entries)])
            bar.update(len(todo[start : start + BATCH]))
    for _, reason in bad:
        report(f"skipped: {reason}")
    if not entries:
        raise BadInput(
            f"{images}: none of its {len(crops)} images could be used; nothing was written"
        )
    sheet = (
        _contact_sheet(crops, names, entries, out, harvester, sheet_rows) if sheet_rows else None
    )
    return Harvest([entries[key] for key in sorted(entries)], new, bad, sheet)


def texture_names(crops: list[Crop], folder: Path) -> list[str]:
    """File names for the textures: the crop's stem, or its path inside the folder where stems are
    not unique.
    """
    stems = [crop.path.stem for crop in crops]
    if len(set(stems)) == len(stems):
        return [f"{stem}.png" for stem in stems]
    return [
        "_".join(crop.path.relative_to(folder).parts).replace(".", "_") + ".png" for crop in crops
    ]


def _splits(crops: list[Crop], known: dict[str, str]) -> dict[str, str]:
    """Market-1501's own test identities go to "test"; everyone else is dealt out by
    ``assign_splits``.
    """
    fixed = {c.identity: "test" for c in crops if c.folder_split in ("query", "gallery")}
    free = [c.identity for c in crops if c.identity not in fixed]
    return assign_splits(free, {k: v for k, v in known.items() if k not in fixed}) | fixed


def _is_made(entry: TextureEntry | None, digest: str, harvester: Harvester) -> bool:
    return (
        entry is not None
        and entry.source_sha256 == digest
        and entry.generator == harvester.tag
        and entry.size == harvester.size
        and entry.uv_layout == harvester.body.uv_layout
    )


def _contact_sheet(
    crops: list[Crop],
    names: list[str],
    entries: dict[str, TextureEntry],
    out: Path,
    harvester: Harvester,
    limit: int,
) -> Path:
    """Write contact_sheet.png: up to ``limit`` crops, evenly spaced."""
    usable = [(crop, name) for crop, name in zip(crops, names) if name in entries]
    chosen = [
        usable[i] for i in np.unique(np.linspace(0, len(usable) - 1, limit).round().astype(int))
    ]
    rows = []
    for start in range(0, len(chosen), BATCH):
        part = chosen[start : start + BATCH]
        pictures = [read_image(crop.path) for crop, _ in part]
        fit, vertices = harvester.fit(pictures)
        for i, (_, name) in enumerate(part):
            rows.append(
                sheet_row(
                    harvester.body,
                    harvester.skinning,
                    pictures[i],
                    read_texture(out / name),
                    vertices[i],
                    fit.cameras[i],
                    fit.betas[i],
                )
            )
    path = out / CONTACT_SHEET
    sheet = stacked(rows, columns=2 if len(rows) > 6 else 1)
    with written_whole(path) as temporary:
        cv2.imwrite(str(temporary), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    return path
