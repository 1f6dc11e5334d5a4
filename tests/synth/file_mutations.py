"""Every file that the commands read, spoiled at random, and the calls that read it.

``python -m tests.synth.file_mutations 10000`` counts, for each file, the mutations that end in anything
but an answer or one line of BadInput.
"""

from __future__ import annotations

import copy
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.loading import BodySource
from mocap.errors import BadInput
from tests.mocap.parsing.json_mutations import _VALUES, _paths

NOT_JSON = (b"", b"{", b"null", b"[]", b"\xff\xfe", b"\0" * 40, b"[" * 5000, b'"x"', b"{}\n{}\n")


def mutated_json(rng: random.Random, text: bytes) -> bytes:
    """A JSON document, or one line of several, with one to three things wrong in it."""
    if rng.random() < 0.05:
        return rng.choice(NOT_JSON)
    try:
        json.loads(text)
        lines = [text]
    except ValueError:
        lines = text.splitlines()
    index = rng.randrange(len(lines))
    document = json.loads(lines[index])
    for _ in range(rng.randint(1, 3)):
        paths = list(_paths(document))
        if not paths:
            break
        *parents, last = rng.choice(paths)
        holder = document
        for key in parents:
            holder = holder[key]
        deed = rng.choice(["replace"] * 4 + ["remove", "add"])
        if deed == "replace":
            holder[last] = copy.deepcopy(rng.choice(_VALUES))
        elif deed == "remove":
            del holder[last]
        elif isinstance(holder, dict):
            holder[rng.choice(["", "x", "kind", "version", "\0"])] = copy.deepcopy(holder[last])
        else:
            holder.append(copy.deepcopy(holder[last]))
    lines[index] = json.dumps(document).encode()
    whole = b"\n".join(lines) + b"\n"
    return mutated_bytes(rng, whole) if rng.random() < 0.15 else whole


def mutated_bytes(rng: random.Random, data: bytes) -> bytes:
    """A file that was cut short, or has some bytes overwritten, doubled or left out."""
    deed = rng.choice(["cut", "bytes", "bytes", "bytes", "double", "hole"])
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.randint(1, 64))
    if deed == "cut":
        return data[:start]
    if deed == "double":
        return data[:end] + data[start:end] + data[end:]
    if deed == "hole":
        return data[:start] + data[end:]
    spoiled = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        spoiled[rng.randrange(len(spoiled))] = rng.randrange(256)
    return bytes(spoiled)


def mutated_info(rng: random.Random, data: bytes) -> bytes:
    """An `_info.mat` with a variable of another value, shape or type, or gone; or other bytes."""
    from synth.clips.mat_files import read_mat, write_mat

    if rng.random() < 0.4:
        return mutated_bytes(rng, data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.mat"
        path.write_bytes(data)
        good = read_mat(path, advice="")
        fields = dict(good)
        for _ in range(rng.randint(1, 2)):
            name = rng.choice(sorted(fields))
            value = np.asarray(fields[name])
            deed = rng.choice(["json", "value", "shape", "type", "empty", "remove"])
            if deed == "json" or name in ("plan_row", "versions", "light_fields"):
                name = rng.choice(["plan_row", "versions", "light_fields"])
                # Of the good file: what an earlier round has spoiled is no JSON any more.
                text = str(np.asarray(good[name]).ravel()[0]) if name in good else "{}"
                spoiled = mutated_json(rng, text.encode() or b"{}")
                fields[name] = spoiled.decode("latin-1").replace("\0", "?") or "x"
            elif deed == "remove":
                fields.pop(name, None)
                break
            elif deed == "empty":
                fields[name] = np.zeros((0, 0))
            elif value.dtype.kind not in "fiu" or deed == "type":
                fields[name] = rng.choice(["text", np.float64(3), np.zeros((2, 2), np.int8)])
            elif deed == "shape":
                fields[name] = value[..., :1]
            else:
                value = value.copy()
                extreme = rng.choice([np.nan, np.inf, 0, -1, 1e30, 255])
                with np.errstate(all="ignore"):
                    value.flat[rng.randrange(value.size)] = np.array(extreme).astype(value.dtype)
                fields[name] = value
        write_mat(path, fields)
        return path.read_bytes()


def mutated_toml(rng: random.Random, data: bytes) -> bytes:
    """A preset with a value replaced, or with other bytes."""
    if rng.random() < 0.3:
        return mutated_bytes(rng, data)
    lines = data.decode().splitlines()
    values = ["nan", "inf", "-1", "0", "1e300", "99999999999999999999", '"x"', "[]", "{}", "true"]
    values += ["[nan, 1]", "{still = -1}", '{"" = 1}', "1979-05-27", '["x"]', "[[1]]", '"\\u0000"']
    for _ in range(rng.randint(1, 2)):
        index = rng.choice([k for k, line in enumerate(lines) if "=" in line])
        lines[index] = f"{lines[index].partition('=')[0]}= {rng.choice(values)}"
    return "\n".join(lines).encode()


@dataclass(frozen=True)
class Target:
    """A file, what spoils it, and what reads it."""

    file: Path
    mutate: Callable[[random.Random, bytes], bytes]
    read: Callable[[], object]


def make_targets(folder: Path, body: Body) -> dict[str, Target]:
    """Small good files of every kind in `folder`, and who reads them."""
    from dataclasses import asdict, replace

    from torch import nn

    from mocap.library.folder_index import list_folder, memory_path
    from mocap.library.motion_library import open_motion_library
    from mocap.library.verdict_cache import Finding, VerdictCache
    from synth.checks.clip_results import SUFFIX, ClipResults, read_clip_results, write_clip_results
    from synth.checks.inspection import InspectionSettings, InspectionTask, inspect_clip
    from synth.checks.recomputation import RecomputationSettings, recompute_clip
    from synth.clips.clip import published_row, read_clip, read_posed_clip, write_conventions
    from synth.clips.clip_bodies import FilmBodies
    from synth.clips.shards import pack
    from synth.films.checksums import CHECKSUMS, verify_checksums, write_checksums
    from synth.films.film_set import begin_film_set, end_film_set
    from synth.films.inputs import check_rows, open_inputs
    from synth.films.ledger import Ledger, LedgerLine, now
    from synth.films.progress import film_progress
    from synth.pictures.report import film_card, write_report
    from synth.plans.plan_row import read_plan, write_plan
    from synth.plans.preset import FOLDER, read_preset
    from tests.synth.film_clip import make_clip, make_row
    from tests.synth.small_film_set import write_inputs
    from textures.checkpoints import load_network, save_networks
    from textures.library import MANIFEST, read_library

    write_inputs(folder, body)
    films, tables = folder / "films", folder / "tables"
    view = make_row(body).view
    clip = make_clip(
        body, frames=2, source="01/01_01.amc", texture="0.png", start=0,
        width=80, height=60, view=replace(view, focal=view.focal / 4),  # small, as it is read often
    )  # fmt: skip
    clip = replace(clip, row=replace(clip.row, light={"kind": "sh", "coefficients": [0.5] * 9}))
    row = clip.row
    stem = films / row.stem
    clip.write(stem.parent)
    write_plan(films / "plan.jsonl", [row])
    write_conventions(films)
    end_film_set(films, [row])
    results = ClipResults({})
    write_clip_results(Path(f"{stem}{SUFFIX}"), results)
    Ledger(films).append(LedgerLine(row.stem, "done", 1, None, 1.0, 0.5, 2, 1000, "host:1", now()))
    pack(films, folder / "shards")
    tables.mkdir()
    gain = {"difference": 3.5, "low": -1.0, "high": 8.0, "p": 0.12, "detectable": 6.5}
    table_row = {"init": "a", "top1": 40.0, "top1_std": 1.0, "top5": 80.0, "top5_std": 2.0}
    table_row |= {"top1_by_split": {"1": 39.0}, "top5_by_split": {"1": 39.0}, "gain": gain}
    table_row |= {"initial_weights": "random", "pretraining_steps": 0.0, "labelled_steps": 600.0}
    table_row["training_accuracy"] = 99.5
    table = {"data": "x", "stand_in": ["videos"], "rows": [table_row], "runs": [{"seconds": 1.0}]}
    table |= {"films": {"f": 680}, "film_classes": {"f": ["walk"]}}
    (tables / "table.json").write_text(json.dumps(table))
    weights = folder / "line.safetensors"

    @dataclass(frozen=True, kw_only=True)
    class Widths:
        width: int = 3

    save_networks(weights, "line", {"line": nn.Linear(3, 2)}, Widths(), data="none")
    preset = folder / "preset.toml"
    preset.write_bytes((FOLDER / "surreal++.toml").read_bytes())
    motions = folder / "motions"
    library = open_motion_library(motions)
    VerdictCache(motions).add(library.entries[0], Finding(None, "no reason"))
    memory, verdicts = memory_path(motions, "json"), VerdictCache(motions).path
    records = {
        file.path.relative_to(motions).as_posix(): {
            "stamp": file.stamp,
            "motions": [{k: v for k, v in asdict(m).items() if k != "path"} for m in file.motions],
            "error": file.error,
        }
        for file in list_folder(motions)
    }
    text = {"format": 1, "folder": str(motions.resolve()), "files": records}
    memory.write_text(json.dumps(text))

    bodies = FilmBodies(BodySource())
    settings = InspectionSettings(folder=films, bodies=BodySource(), backgrounds=None, planned=True)
    recomputation = RecomputationSettings(
        folder=films, out=folder / "truth", partial=folder / "partial", channels=("segm",),
        layout=None, bodies=BodySource(), overwrite=True,
    )  # fmt: skip
    inputs = open_inputs(motions=motions, textures={"": folder / "textures"})

    def read_info_file() -> None:
        for call in (
            lambda: inspect_clip(InspectionTask(row.stem, row), settings, bodies),
            lambda: published_row(films, row),
            lambda: film_card({"path": row.stem, **_LINE}, films),
            lambda: recompute_clip(row.stem, recomputation, bodies),
            lambda: read_posed_clip(stem),
            lambda: read_clip(stem),
        ):
            _allowed(call)

    def read_plan_file() -> None:
        _allowed(lambda: begin_film_set(films, [row]))
        rows = read_plan(films / "plan.jsonl")
        check_rows(rows, inputs)

    def read_clip_index() -> None:
        shutil.rmtree(folder / "out", ignore_errors=True)
        _allowed(lambda: pack(films, folder / "out"))
        _allowed(lambda: write_report(folder / "r.html", body=body, films=films))

    def read_textures() -> None:
        _allowed(lambda: read_library(folder / "textures", body))
        _allowed(lambda: open_inputs(motions=motions, textures={"": folder / "textures"}))
        _allowed(
            lambda: write_report(
                folder / "r.html", body=body, textures=folder / "textures", cards=1
            )
        )

    def read_checksums() -> None:
        verify_checksums(films, workers=1)
        write_checksums(films, [row])

    def read_weights() -> None:
        load_network(weights, "line", Widths, lambda config: nn.Linear(config.width, 2))

    return {
        "clips.jsonl": Target(films / "clips.jsonl", mutated_json, read_clip_index),
        "checksums.jsonl": Target(films / CHECKSUMS, mutated_json, read_checksums),
        "plan.jsonl": Target(films / "plan.jsonl", mutated_json, read_plan_file),
        "table.json": Target(
            tables / "table.json",
            mutated_json,
            lambda: write_report(folder / "r.html", body=body, recognition=tables),
        ),
        "textures.jsonl": Target(folder / "textures" / MANIFEST, mutated_json, read_textures),
        "card": Target(weights.with_suffix(".json"), mutated_json, read_weights),
        "weights": Target(weights, mutated_bytes, read_weights),
        "ledger": Target(Ledger(films).path, mutated_json, lambda: film_progress(films)),
        "packed": Target(
            folder / "shards" / ".packed.jsonl", mutated_json, lambda: pack(films, folder / "shards")
        ),
        "check.json": Target(
            Path(f"{stem}{SUFFIX}"), mutated_json, lambda: read_clip_results(stem)
        ),
        "conventions.json": Target(
            films / "conventions.json", mutated_json, lambda: write_conventions(films)
        ),
        "info.mat": Target(Path(f"{stem}_info.mat"), mutated_info, read_info_file),
        "preset": Target(preset, mutated_toml, lambda: read_preset(str(preset))),
        "motion memory": Target(memory, mutated_json, lambda: list_folder(motions)),
        "verdicts": Target(
            verdicts,
            mutated_json,
            lambda: VerdictCache(motions).attach(library.entries),
        ),
    }  # fmt: skip


_LINE = {
    "category": "walk", "texture": "0.png", "frames": 2, "fps": 30.0, "split": "train",
    "stand_in": True,
}  # fmt: skip


def _allowed(call: Callable[[], object]) -> None:
    try:
        call()
    except BadInput as error:
        assert "\n" not in str(error), f"more than one line: {error!r}"


def faults(target: Target, count: int, seed: int) -> list[str]:
    """What other than an answer or one line of BadInput came of `count` mutations, and of which."""
    rng = random.Random(seed)
    good, out = target.file.read_bytes(), []
    for number in range(count):
        spoiled = target.mutate(rng, good)
        target.file.write_bytes(spoiled)
        try:
            _allowed(target.read)
        except Exception as error:
            import traceback

            line = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__}: {str(error)[:90]} ({Path(line.filename).name}:{line.lineno})"
            out.append(f"mutation {number} of seed {seed}: {text}")
        finally:
            target.file.write_bytes(good)
    return out


def main(count: int, seed: int) -> None:
    """Print a count of faults per file."""
    import os

    from mocap.bodies.free_body import load_free_body
    from mocap.files import cache_folder

    body = load_free_body()
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "cache").mkdir()
        for path in cache_folder().glob("free_body*.npz"):
            (Path(name) / "cache" / path.name).symlink_to(path)
        os.environ["SURREALPP_CACHE"] = f"{name}/cache"
        targets = make_targets(Path(name), body)
        only = sys.argv[3:] or list(targets)
        for label in only:
            bad = faults(targets[label], count // len(targets), seed)
            print(f"{label}: {len(bad)} of {count // len(targets)}", flush=True)
            for line, number in Counter(b.partition(": ")[2] for b in bad).most_common(4):
                print(f"    {number} {line}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
