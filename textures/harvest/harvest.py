"""Harvest: a folder of pedestrian crops becomes a library of body textures.

For each crop: body fit, visibility, a method's texture; then scores, a line in textures.jsonl, and
a contact sheet to look at. Can be stopped and run again: textures that are there, of the same crop's
bytes, weights and size, are kept, and it is said how many are and why others are made.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from mocap.bodies.body import Body
from mocap.errors import BadInput
from mocap.files import atomic_write, is_stand_in
from textures.body_fit.fit_scores import landmark_pixels
from textures.body_fit.fitting import BodyFitter, PosedFit, pose_fit, selected_fits
from textures.checkpoints import weights_tag
from textures.harvest.contact_sheet import sheet_row, stacked
from textures.harvest.crop_folder import (
    FILES_SHOWN,
    LeftOut,
    SourceCrop,
    left_out_lines,
    read_crop_folder,
    understanding_lines,
    write_left_out,
)
from textures.harvest.crop_image import CropImage, read_crop, without_transparent
from textures.harvest.detail import with_detail
from textures.harvest.identities import IdentityRule
from textures.harvest.refusal import REFUSED, RefusalLimits, refusal_reason
from textures.harvest.seams import find_seams, without_seams
from textures.harvest.skin import skin_texels, with_skin
from textures.library import (
    MANIFEST,
    TextureEntry,
    assign_splits,
    read_manifest,
    read_texture,
    sha256_of,
    write_image,
    write_manifest,
    write_texture,
)
from textures.reid.pcb import load_pcb
from textures.reid.similarity import reid_similarity
from textures.texture_method import TextureMethod
from textures.training.augmentation import image_batch
from textures.visibility.buffer import visibility
from textures.visibility.rendering_tensor import composite, render, texel_map
from textures.visibility.texel_geometry import (
    VISIBLE,
    TexelGeometry,
    source_pixels,
    texel_geometry,
)
from textures.visibility.uv_layout import fill_gutters

BATCH = 16
CONTACT_SHEET = "contact_sheet.png"
UNREADABLE = "cannot be used"
# What a texture and its scores follow from: fields of its line, as a message calls them.
MAKING = {
    "source_sha256": "the crop changed",
    "generator": "the weights changed",
    "scorer": "the weights that score changed",
    "size": "the size changed",
    "uv_layout": "the UV layout changed",
}


@dataclass(frozen=True, kw_only=True)
class Harvest:
    """What was done.

    Entries of the whole library, how many textures were made, every file that gave none, and the
    contact sheet.
    """

    entries: list[TextureEntry]
    new: int
    left_out: tuple[LeftOut, ...]
    contact_sheet: Path | None


class Harvester:
    """The body, the body fit, the method and the judge that turn crops into textures, loaded once."""

    def __init__(
        self,
        body: Body,
        method: TextureMethod,
        fitter: BodyFitter,
        *,
        reid: Path | None = None,
        device: str = "cpu",
        size: int = 256,
        detail: bool = False,
        limits: RefusalLimits | None = None,
    ) -> None:
        """Prepare what every method needs.

        Args:
            body: whose textures are made.
            method: makes them.
            fitter: fits bodies to the crops.
            reid: weights of the network that scores; the shipped ones when None.
            device: of all networks.
            size: texels along a finished texture's side.
            detail: lay the crop's own fine structure over the texture.
            limits: from where on crops are refused; None keeps all.

        Raises:
            BadInput: for weights that cannot be used.
        """
        self.body, self.method, self.size, self.device = body, method, size, device
        self.limits = limits
        self.detail, self.fitter, self.skinning = detail, fitter, fitter.skinning
        self.reid, _ = load_pcb(reid, device=device)
        self.tag = f"{fitter.tag}+{method.tag}" + "+detail" * detail
        self.tag += "+keep-all" * (limits is None)  # else refusals would not be looked for again
        self.scorer = weights_tag(reid, "reid")
        self.geometry = texel_geometry(body.mesh, method.texture_size)
        self.output = texel_geometry(body.mesh, size)
        self.seams = find_seams(self.output)
        self.skin = skin_texels(self.output, body)

    def fit(self, crops: Sequence[CropImage]) -> PosedFit:
        """Fitted and posed bodies of the crops; transparent pixels do not show the person."""
        fit = self.fitter.fit([crop.name for crop in crops], [crop.pixels for crop in crops])
        fit = dataclasses.replace(fit, person=without_transparent(fit.person, crops))
        return pose_fit(fit, self.skinning)

    def refusals(self, crops: Sequence[CropImage], fit: PosedFit) -> list[str | None]:
        """Why each crop is refused; None where it is not."""
        if self.limits is None:
            return [None] * len(crops)
        landmarks = landmark_pixels(fit, self.skinning, self.fitter.landmarks)
        return [
            refusal_reason(
                self.limits,
                size=(crop.pixels.shape[0], crop.pixels.shape[1]),
                presence=float(fit.presence[index]),
                agreement=float(fit.agreement[index]),
                landmarks=landmarks[index],
            )
            for index, crop in enumerate(crops)
        ]

    def finished(
        self, texture: torch.Tensor, image: np.ndarray, fit: PosedFit, index: int
    ) -> np.ndarray:
        """One of the method's textures (3,S,S) as (size,size,3) uint8 RGB, its gutters filled."""
        array = ((texture.permute(1, 2, 0).cpu().numpy() + 1) * 127.5).clip(0, 255)
        large = cv2.resize(array, (self.size, self.size), interpolation=cv2.INTER_CUBIC)
        result = np.round(large.clip(0, 255)).astype(np.uint8)
        if self.detail:
            positions, kinds = self._sources(self.output, fit, index)
            spared = self.output.head | self.output.hand
            result = with_detail(result, image, positions, kinds, spared=spared)
        result = with_skin(result, self.skin)
        result = without_seams(fill_gutters(result, self.output.covered), self.seams)
        return fill_gutters(result, self.output.covered)

    @torch.no_grad()
    def scores(
        self, images: Sequence[np.ndarray], fit: PosedFit, textures: torch.Tensor
    ) -> list[dict[str, float]]:
        """Scores of each crop's texture.

        Agreement of the fit, silhouette IoU of the body and the network's own person mask, share of the
        surface that is visible, and the re-ID cosine of crop and re-rendered body, both on grey outside
        the body's silhouette.
        """
        return [
            self._score(image, fit, textures[index : index + 1], index)
            for index, image in enumerate(images)
        ]

    def _score(
        self, image: np.ndarray, fit: PosedFit, texture: torch.Tensor, index: int
    ) -> dict[str, float]:
        buffer = visibility(fit.vertices[index], self.body.faces, fit.cameras[index])
        mask = torch.from_numpy(buffer.covered).float()[None, None].to(self.device)
        person = fit.person[index] > 0.5
        overlap, union = (person & buffer.covered).sum(), (person | buffer.covered).sum()
        uv = torch.from_numpy(texel_map(buffer, self.body.mesh))[None].to(self.device)
        crop = image_batch(image[None]).to(self.device)
        grey = torch.zeros_like(crop)
        rendered = composite(render(texture, uv), mask, grey)
        cosine = reid_similarity(self.reid, rendered, composite(crop, mask, grey))
        _, kinds = self._sources(self.geometry, fit, index)
        visible = (kinds == VISIBLE)[self.geometry.covered]
        return {
            "fit_agreement": round(float(fit.agreement[index]), 4),
            "presence": round(float(fit.presence[index]), 4),
            "silhouette_iou": round(float(overlap / max(1, union)), 4),
            "surface_seen": round(float(visible.mean()), 4),
            "reid_cosine": round(float(cosine), 4),
        }

    def _sources(
        self, geometry: TexelGeometry, fit: PosedFit, index: int
    ) -> tuple[np.ndarray, np.ndarray]:
        return source_pixels(
            geometry, self.body.mesh, fit.vertices[index], fit.cameras[index], fit.person[index]
        )


def harvest(
    images: Path,
    out: Path,
    harvester: Harvester,
    *,
    splits: tuple[str, ...] | None = None,
    identities: IdentityRule | None = None,
    licence: str = "",
    stand_in: bool = False,
    sheet_rows: int = 40,
    report: Callable[[str], None] = print,
) -> Harvest:
    """Make a texture for every crop below `images` and write the library `out`.

    Files that give no texture are reported and listed in left_out.csv. Nothing is written when no crop
    can be used.

    Args:
        images: Market-1501's folder, or any folder of crops.
        out: the library's folder. Textures that are there, of the same crop and networks, are kept.
        harvester: makes the textures.
        splits: of a Market-1501 folder ("train", "query", "gallery"); all when None.
        identities: who is who in any other folder; its folders say so when None.
        licence: tag of the photographs, written to every line.
        stand_in: whether the crops are generated; written to every line.
        sheet_rows: crops on the contact sheet; 0 for no sheet.
        report: is told what was understood of the folder before work begins, what is left out, and
            which textures are of crops that are gone.

    Raises:
        BadInput: for a folder without a usable crop, or one that the options do not fit.
    """
    out = Path(out)
    folder = read_crop_folder(images, splits=splits, rule=identities, out=out)
    for line in [*understanding_lines(folder), *left_out_lines(folder.left_out)]:
        report(line)
    stand_in = stand_in or is_stand_in(images) or is_stand_in(Path(images).parent)
    listed = {e.file: e for e in read_manifest(out).values()} if (out / MANIFEST).is_file() else {}
    old = {name: entry for name, entry in listed.items() if (out / name).is_file()}
    labels = {crop.texture: crop.person.identity for crop in folder.crops}
    gone = sorted(set(old) - set(labels))
    for line in gone_lines(gone, out, folder.folder):
        report(line)
    lost = sorted(set(listed) - set(old) - set(labels))
    if lost:
        shown = ", ".join(lost[:FILES_SHOWN]) + ", ..." * (len(lost) > FILES_SHOWN)
        report(f"dropped: {len(lost):,} lines whose crop and PNG are gone ({shown})")
    assigned = _splits(
        folder.crops,
        {
            e.identity: e.split
            for e in listed.values()
            if labels.get(e.file, e.identity) == e.identity
        },
    )
    entries = {
        name: dataclasses.replace(entry, identity=identity, split=assigned[identity])
        for name, entry in old.items()
        for identity in [labels.get(name, entry.identity)]
    }
    bad: list[LeftOut] = []
    todo: list[tuple[SourceCrop, TextureEntry]] = []
    reasons: list[list[str]] = []
    for crop in folder.crops:
        try:
            digest = sha256_of(crop.path)
        except OSError as error:
            detail = f"{crop.path}: cannot be opened ({error.strerror}); check the path"
            bad.append(_unreadable(crop, detail, old))
            continue
        entry = TextureEntry(
            file=crop.texture,
            uv_layout=harvester.body.uv_layout,
            size=harvester.size,
            source=crop.source,
            source_sha256=digest,
            identity=crop.person.identity,
            camera=crop.person.camera,
            split=assigned[crop.person.identity],
            licence=licence,
            generator=harvester.tag,
            scorer=harvester.scorer,
            stand_in=stand_in,
        )
        earlier = listed.get(crop.texture)
        texts = reasons_to_make(earlier, entry, out)
        if earlier is not None and not texts:
            entries[crop.texture] = dataclasses.replace(entry, scores=earlier.scores)
        else:
            todo.append((crop, entry))
            reasons.append(texts)
    for line in reuse_lines(len(folder.crops) - len(todo) - len(bad), reasons) if listed else []:
        report(line)
    new = 0
    with tqdm(
        total=len(folder.crops),
        initial=len(folder.crops) - len(todo),
        desc="textures",
        unit="crop",
    ) as bar:
        for start in range(0, len(todo), BATCH):
            ready = []
            for crop, entry in todo[start : start + BATCH]:
                try:
                    ready.append((entry, read_crop(crop.path)))
                except BadInput as error:
                    bad.append(_unreadable(crop, str(error), old))
            if ready:
                fit = harvester.fit([image for _, image in ready])
                refusals = harvester.refusals([image for _, image in ready], fit)
                for (entry, _), refusal in zip(ready, refusals):
                    if refusal is not None:
                        earlier = entries.pop(entry.file, None)
                        ending = "; its texture of an earlier run is no longer listed"
                        detail = refusal + ending * (earlier is not None)
                        bad.append(LeftOut(source=entry.source, reason=REFUSED, detail=detail))
                usable = [index for index, refusal in enumerate(refusals) if refusal is None]
                ready, fit = [ready[index] for index in usable], selected_fits(fit, usable)
            if ready:
                out.mkdir(parents=True, exist_ok=True)
                pictures = [image.pixels for _, image in ready]
                textures = harvester.method.textures(pictures, fit)
                scores = harvester.scores(pictures, fit, textures)
                for i, (entry, image) in enumerate(ready):
                    texture = harvester.finished(textures[i], image.pixels, fit, i)
                    write_texture(out / entry.file, texture)
                    entries[entry.file] = dataclasses.replace(entry, scores=scores[i])
                    new += 1
                write_manifest(out, [entries[key] for key in sorted(entries)])
            bar.update(len(todo[start : start + BATCH]))
    for line in left_out_lines(bad):
        report(line)
    if not entries:
        raise BadInput(
            f"{images}: none of its {len(folder.crops)} images could be used; nothing was written"
        )
    write_manifest(out, [entries[key] for key in sorted(entries)])
    left_out = (*folder.left_out, *bad)
    write_left_out(out, left_out)
    unusable = {item.source for item in bad}
    readable = [crop for crop in folder.crops if crop.source not in unusable]
    sheet = (
        _contact_sheet(readable, entries, out, harvester, sheet_rows)
        if sheet_rows and readable
        else None
    )
    return Harvest(
        entries=[entries[key] for key in sorted(entries)],
        new=new,
        left_out=left_out,
        contact_sheet=sheet,
    )


def _unreadable(crop: SourceCrop, detail: str, old: Mapping[str, TextureEntry]) -> LeftOut:
    """A crop that cannot be used, whose texture of an earlier run stays if there is one."""
    ending = "; its texture of an earlier run stays" if crop.texture in old else ""
    return LeftOut(source=crop.source, reason=UNREADABLE, detail=detail + ending)


def gone_lines(gone: Sequence[str], out: Path, folder: Path) -> list[str]:
    """What is said of textures whose crops are not among those of this run."""
    if not gone:
        return []
    remaining = f", and {len(gone) - FILES_SHOWN:,} more" if len(gone) > FILES_SHOWN else ""
    return [
        f"kept, though their crops are no longer among those of {folder}: {len(gone):,} textures "
        f"({', '.join(gone[:FILES_SHOWN])}{remaining}); to drop them, remove their lines "
        f"from {out / MANIFEST}"
    ]


def _splits(crops: Sequence[SourceCrop], assigned: dict[str, str]) -> dict[str, str]:
    """Market-1501's own test identities go to "test"; `assign_splits` deals out the others."""
    fixed = {c.person.identity: "test" for c in crops if c.folder_split in ("query", "gallery")}
    free = [c.person.identity for c in crops if c.person.identity not in fixed]
    return assign_splits(free, {k: v for k, v in assigned.items() if k not in fixed}) | fixed


def reasons_to_make(earlier: TextureEntry | None, entry: TextureEntry, out: Path) -> list[str]:
    """Why a texture is made although a library is there; nothing where the library's is the same."""
    if earlier is None:
        return ["new"]
    if not (out / earlier.file).is_file():
        return ["the PNG was gone"]
    return [
        reason for name, reason in MAKING.items() if getattr(earlier, name) != getattr(entry, name)
    ]


def reuse_lines(kept_count: int, reasons: Iterable[Sequence[str]]) -> list[str]:
    """What is said of textures that are kept, and of those that are made and why."""
    lines = [f"kept: {kept_count:,} textures of the same crops, weights and size"]
    for reason, count in Counter(" and ".join(texts) for texts in reasons).items():
        lines.append(f"to make: {count:,} textures, {reason}")
    return lines


def _contact_sheet(
    crops: Sequence[SourceCrop],
    entries: dict[str, TextureEntry],
    out: Path,
    harvester: Harvester,
    limit: int,
) -> Path:
    """Write contact_sheet.png: up to `limit` crops, evenly spaced."""
    usable = [crop for crop in crops if crop.texture in entries]
    chosen = [
        usable[i] for i in np.unique(np.linspace(0, len(usable) - 1, limit).round().astype(int))
    ]
    rows = []
    for start in range(0, len(chosen), BATCH):
        chunk = chosen[start : start + BATCH]
        pictures = [read_crop(crop.path) for crop in chunk]
        fit = harvester.fit(pictures)
        for i, crop in enumerate(chunk):
            rows.append(
                sheet_row(
                    harvester.body,
                    harvester.skinning,
                    pictures[i].pixels,
                    read_texture(out / crop.texture),
                    fit.vertices[i],
                    fit.cameras[i],
                    fit.betas[i],
                )
            )
    path = out / CONTACT_SHEET
    sheet = stacked(rows, columns=2 if len(rows) > 6 else 1)
    with atomic_write(path) as temporary:
        write_image(temporary, sheet)
    return path
