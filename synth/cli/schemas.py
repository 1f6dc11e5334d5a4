"""`synth schemas`: JSON Schemas of the files that the commands write."""

from __future__ import annotations

import json
from pathlib import Path

import click

from synth.cli.options import out_option


@click.command("schemas")
@out_option("the schemas, a folder", required=False)
def schemas(out: Path | None) -> None:
    """Write JSON Schemas of plan.jsonl, clips.jsonl and textures.jsonl, of a line each.

    They are made of what reads those files, so a line that fits is a line that is read. Without --out
    they are printed, as one JSON object.
    """
    from mocap.files import atomic_write
    from synth.clips.file_schemas import file_schemas

    texts = file_schemas()
    if out is None:
        click.echo(json.dumps(texts, indent=1))
        return
    for name, schema in texts.items():
        with atomic_write(out / f"{name}.schema.json") as temporary:
            temporary.write_text(json.dumps(schema, indent=1) + "\n", encoding="utf-8")
    click.echo(f"wrote {len(texts)} schemas to {out}")
