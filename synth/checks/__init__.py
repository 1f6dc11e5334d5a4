"""Whether clips are what they say: checks, results, and ground truth computed again.

To add a check:

1. Write the pure function of arrays that measures it, in one of the `*_figures` modules.
2. Beside its kin in one of the `*_checks` modules, write a `Check`: its name, the fields of `ClipData`
   (or of its ground truth) that it needs, the function that hands these to the first one, and its
   figures, each with what it means and the limit that it must keep.
3. Name it in one line of `CHECKS` in `synth.checks.clip_checks`.
4. Raise `VERSION` in `synth.checks.clip_results`, and add the faults that the check is there for to
   `FAULTS` in its tests.

The table, the JSON and the findings of `synth check` are made from what the check says of itself. Only a
check that needs data which no other looks at also adds a field to `ClipData`.

How the limits were measured: over 54 clips of 320x240, 1919 frames: of the raster engine 12 with a
still camera, 12 with cameras that pan, orbit, drive and shake, in compact files, 8 of those from up to
25 m, 8 from 4 m and 8 at 15 frames per second, people walking out of the frame; and 6 of Cycles in
sunlight and in harmonics. Numbers behind "good", beside the limits, are the worst of them. The limits
were chosen with these clips in view: no others were held back to say how often a good clip fails.
"""
