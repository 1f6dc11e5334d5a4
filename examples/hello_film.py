"""Three films with ground truth, and what is in one: hello_film.py MOTIONS TEXTURES OUT"""

import sys
from pathlib import Path

from synth import find_clips, open_inputs, plan_films, read_clip, read_preset, render_videos


def main() -> None:
    """Plan, film, and read a film back."""
    motions, textures, out = map(Path, sys.argv[1:])
    inputs = open_inputs(motions=motions, textures={"": textures})
    preset = read_preset("standard", ["film.engine=raster", "windows.frames=30"])
    rows = plan_films(inputs, preset, clips=3)[""]
    print(render_videos(rows, inputs, out))
    clip = read_clip(out / find_clips(out)[0])
    print(clip.frames.shape, clip.truth.depth.shape, clip.info["category"])


if __name__ == "__main__":  # films are made by processes that import this file
    main()
