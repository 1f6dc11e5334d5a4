"""Photographs of people become textures: hello_texture.py PHOTOGRAPHS OUT"""

import sys
from pathlib import Path

from mocap import Skinning, load_body
from textures import (
    METHODS,
    AttirePainter,
    BodyFitter,
    Harvester,
    SourceOptions,
    load_method,
    open_sources,
    read_texture,
)
from textures.harvest.harvest import harvest

photographs, out = map(Path, sys.argv[1:])
body = load_body()
fitter = BodyFitter(body, Skinning(body), open_sources(["network"], SourceOptions()))
method = load_method(METHODS["rstg"], body)
harvester = Harvester(body, method, fitter, attire=AttirePainter(body, size=256))
library = harvest(photographs, out, harvester, licence="CC0-1.0")
for entry in library.entries:
    print(entry.file, entry.identity, read_texture(out / entry.file).shape, entry.scores)
