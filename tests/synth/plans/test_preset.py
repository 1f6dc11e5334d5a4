"""Presets: what is written is what is meant, and what is not known is refused with the nearest name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mocap.errors import BadInput
from synth.plans.preset import preset_names, read_preset


def test_every_preset_of_the_package_reads_and_extends():
    assert preset_names() == ["standard", "surreal", "surreal++", "surveillance"]
    standard, surreal = read_preset("standard"), read_preset("surreal")
    assert surreal.windows.strides == (50, 30, 70) and surreal.splits.subjects == "surreal"
    # SURREAL's numbers are the default ones; its files are large, and four a clip.
    assert surreal.film == replace(standard.film, layout="surreal", channels=("depth", "segm"))
    assert read_preset("standard", ["film.layout=surreal"]).film.channels == ("depth", "segm")
    paper = read_preset("surreal++")
    assert paper.windows == surreal.windows and paper.bodies == surreal.bodies
    assert surreal.light.minimum_lit == 0.0
    assert standard.light.minimum_lit == paper.light.minimum_lit == 0.65
    assert (paper.motions.limit, paper.textures.limit) == (2607, 1500)


@pytest.mark.parametrize(
    ("override", "field", "value"),
    [
        ("camera.distance_mean=6", "camera.distance_mean", 6.0),
        ("film.channels=depth,segm", "film.channels", ("depth", "segm")),
        ("film.channels=depth", "film.channels", ("depth",)),
        ("film.engine=raster", "film.engine", "raster"),
        ("camera.moves={orbit = 1}", "camera.moves", {"orbit": 1.0}),
        ("camera.moves.pan=2", "camera.moves", {"pan": 2.0}),
        ("windows.strides=[25, 75]", "windows.strides", (25, 75)),
        ("light.least=0.5", "light.minimum_lit", 0.5),
        ("camera.height=[1, 3]", "camera.height", (1.0, 3.0)),
    ],
)
def test_any_number_can_be_overridden(override, field, value):
    section, name = field.split(".")
    assert getattr(getattr(read_preset("surreal++", [override]), section), name) == value


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "camera.distence_mean=6",
            r"no field camera.distence_mean; did you mean camera.distance_mean",
        ),
        ("kamera.focal=6", "no field kamera.focal; did you mean camera.focal"),
        ("camera.focal", "expected FIELD=VALUE"),
        ("camera.focal=long", "camera.focal is 'long', expected float"),
        ("camera.focal=-3", "camera.focal is -3.0, expected more than 0"),
        ("film.samples=-1", "film.samples is -1, expected at least 1"),
        ("light.kinds={sh = 1, fire = 1}", "light.kinds is 'fire', expected one of sh"),
        ("light.least=1", "light.least is 1.0, expected 0 .any light., or a share of up to 0.95"),
        ("film.samples=true", "film.samples is True, expected int"),
        ("film.channels=depth,albedo", "film.channels is 'albedo', expected one of depth"),
        ("film.engine=eevee", "film.engine is 'eevee', expected one of cycles, raster"),
        ("camera.moves={fly = 1}", "camera.moves is 'fly', expected one of still"),
        ("camera.moves={still = 0}", "not all 0"),
        ("windows.frames=1", "windows.frames is 1, expected at least 2"),
        ("windows.strides=[0]", "percent of a window"),
        ("windows.strides=[50, 50]", "different ones"),
        ("film.width=321", "film.width is 321, expected even"),
        ("film.fps=0", "film.fps is 0.0, expected more than 0"),
        ("camera.near=20", "camera.near is 20.0, expected from 0.5 to camera.far"),
        ("bodies.genders=[]", "bodies.genders is .*expected at least one"),
        ("camera.focal=1e30", "camera.focal is 1e.30, expected a number <= 1000000"),
        ("camera.focal=nan", "camera.focal is nan, expected a finite number"),
        ("camera.focal=1e-9", "camera.focal is 1e-09, expected a number >= 1"),
        ("camera.distance_mean=-5", "camera.distance_mean is -5.0, expected a number > 0"),
        ("camera.distance_mean=1e9", "camera.distance_mean is 1000000000.0, expected a number <="),
        ("camera.distance_spread=-1", "camera.distance_spread is -1.0, expected"),
        ("camera.far=1e12", "camera.far is 1000000000000.0, expected a number <= 1000"),
        ("camera.sides=1000000000", "camera.sides is 1000000000, expected"),
        ("camera.flesh=inf", "camera.flesh is inf, expected a finite number"),
        ("camera.height=-5000,2", r"camera.height\[0\] is -5000.0, expected"),
        (
            "camera.height=2.4,1.4",
            r"expected nothing, or \[low, high\], as --set camera.height=1.4,2.4",
        ),
        (
            "camera.height=1.4",
            r"expected nothing, or \[low, high\], as --set camera.height=1.4,2.4",
        ),
        ("camera.height=1.4,tall", "camera.height is 'tall', expected float"),
        ("camera.pitch=10,-10", "expected .low, high. within 80 degrees, as --set camera.pitch"),
        ("camera.orbit=1e7", "camera.orbit is 10000000.0, expected"),
        ("camera.shake=-1", "camera.shake is -1.0, expected"),
        ("camera.moves={still = 1e300}", r"camera.moves\[...\] is .*expected a number <= "),
        ("bodies.shape_limit=1e9", "bodies.shape_limit is 1000000000.0, expected a number <= 10"),
        ("motions.limit=-1", "motions.limit is -1, expected"),
        ("textures.limit=-1", "textures.limit is -1, expected"),
        (
            "textures.splits=training",
            "textures.splits is 'training', expected one of train, val, test",
        ),
        ("textures.quality=1e9", "textures.quality is 1000000000.0, expected"),
        ("film.width=100000000", "film.width is 100000000, expected even, from 16 to 8192"),
        ("windows.shortest=999999999", "windows.shortest is 999999999, expected"),
    ],
)
def test_bad_values_are_refused_with_what_was_expected(override, message):
    with pytest.raises(BadInput, match=message):
        read_preset("standard", [override])


def test_each_engine_takes_its_own_samples():
    film = read_preset("surreal").film
    assert (film.samples_under("sh"), film.samples_under("sun-sky")) == (4, 6)
    assert read_preset("surreal", ["film.samples=9"]).film.samples_under("lamps") == 9
    raster = read_preset("surreal", ["film.engine=raster"])
    assert raster.film.samples_under("sh") == 5
    with pytest.raises(BadInput, match=r"film\.samples is 64, expected at most 37 with raster"):
        read_preset("surreal", ["film.engine=raster", "film.samples=64"])
    sunny = read_preset("surreal", ["film.engine=raster", "light.kinds={sun-sky = 1}"])
    assert sunny.film.samples_under("sun-sky") == 5


def test_files_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    small = "[film]\nwidth = 160\nheight = 120\n"  # of the same lens
    path.write_text(f'extends = "surreal"\n{small}[camera]\nfocal = 300\n')
    preset = read_preset(path)
    assert preset.name == "mine" and preset.camera.focal == 300.0
    assert preset.windows.strides == (50, 30, 70)
    for text, message in (
        ("[camera]\nfocl = 3\n", r"mine\.toml: no field camera.focl; did you mean camera.focal"),
        ("focal = 3\n", "focal stands outside a table"),
        ("[camera\n", "not a preset in TOML"),
        (f'extends = "{path}"\n', "extends itself"),
    ):
        path.write_text(text)
        with pytest.raises(BadInput, match=message):
            read_preset(path)
    with pytest.raises(BadInput, match="preset nothing: no such preset or file; expected standard"):
        read_preset("nothing")


@pytest.mark.parametrize("text", ["1.4,2.4", "1.4, 2.4", "[1.4, 2.4]", "(1.4, 2.4)"])
def test_a_range_is_two_numbers_with_a_comma_between(text):
    if text.startswith("("):
        with pytest.raises(BadInput, match=r"camera.height is .*expected float"):
            read_preset("standard", [f"camera.height={text}"])
        return
    assert read_preset("standard", [f"camera.height={text}"]).camera.height == (1.4, 2.4)
    assert read_preset("standard", ["camera.pitch=-5,15"]).camera.pitch == (-5.0, 15.0)
    assert read_preset("standard", ["windows.strides=25,75"]).windows.strides == (25, 75)


@pytest.mark.parametrize("text", ["[" * 9000, "1\nlight.least = 3", "9" * 6000])
def test_a_value_that_toml_chokes_on_is_refused(text):
    with pytest.raises(BadInput, match=r"camera.focal is .*expected"):
        read_preset("standard", [f"camera.focal={text}"])
