"""Channel files: lossless where they say so, within the stated error where not, refused when damaged."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocap.errors import BadInput
from synth.clips.channel_files import (
    channel_files,
    clip_files,
    read_channels,
    stored_channels,
    write_channels,
)
from synth.clips.compact_channels import ERRORS
from synth.clips.conventions import CONVENTIONS
from synth.scene.ground_truth import CHANNELS, GroundTruth
from tests.synth.film_clip import ExampleClip, make_clip
from textures.visibility.camera import Camera

FIELDS = {
    "depth": ("depth",),
    "segm": ("parts",),
    "normal": ("normals",),
    "gtflow": ("flow_backward", "flow_forward"),
    "bgflow": ("background_flow_backward", "background_flow_forward"),
    "uv": ("uv", "face"),
    "occlusion": ("occlusion_forward", "occlusion_backward"),
    "tracks": (*("tracks2d", "tracks3d", "tracks_visible", "track_faces", "track_barycentric"),),
    "instances": ("instances",),
}
LOSSLESS = {
    *("parts", "face", "occlusion_forward", "occlusion_backward"),
    *("tracks_visible", "track_faces", "track_barycentric", "instances"),
}


@pytest.fixture(scope="module")
def made(body) -> ExampleClip:
    return make_clip(body, channels=CHANNELS, frames=4)


@pytest.fixture(scope="module")
def truth(made) -> GroundTruth:
    return made.truth


@pytest.fixture(scope="module")
def cameras(made) -> tuple[Camera, ...]:
    return made.posed_clip.cameras


def drawn_truth(seed: int, *, frames: int, height: int, width: int, reach: float) -> GroundTruth:
    """Values of any size on a mask of any shape: noise, which no body ever shows."""
    rng = np.random.default_rng(seed)
    mask = rng.random((frames, height, width)) < rng.choice([0.0, 0.1, 0.6, 1.0], (frames, 1, 1))
    parts = np.where(mask, rng.integers(1, 25, mask.shape), 0).astype(np.uint8)

    def on_body(values: np.ndarray, background: float, dtype: type) -> np.ndarray:
        inside = mask.reshape(mask.shape + (1,) * (values.ndim - 3))
        return np.where(inside, values, background).astype(dtype)

    normals = rng.standard_normal((*mask.shape, 3)) * rng.choice(
        [0.0, 1.0], (*mask.shape, 3), p=[0.2, 0.8]
    )
    normals[np.linalg.norm(normals, axis=-1) < 1e-3] = (0, 0, -1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    tracks = int(rng.integers(0, 5))
    flow = reach * rng.standard_normal((2, *mask.shape, 2))
    return GroundTruth(
        parts=parts,
        joints2d=np.zeros((frames, 24, 2), np.float32),
        joints3d=np.zeros((frames, 24, 3), np.float32),
        depth=on_body(rng.uniform(0.1, 12, mask.shape), np.inf, np.float32),
        normals=on_body(normals, 0, np.float32),
        flow_forward=on_body(flow[0], 0, np.float32),
        flow_backward=on_body(flow[1], 0, np.float32),
        background_flow_forward=np.where(mask[..., None], 0, flow[1]).astype(np.float32),
        background_flow_backward=np.where(mask[..., None], 0, flow[0]).astype(np.float32),
        uv=on_body(rng.random((*mask.shape, 2)), 0, np.float32),
        face=on_body(rng.integers(0, 2**24, mask.shape), -1, np.int32),
        occlusion_forward=mask & (rng.random(mask.shape) < 0.5),
        occlusion_backward=mask & (rng.random(mask.shape) < 0.5),
        tracks2d=(reach * rng.standard_normal((frames, tracks, 2))).astype(np.float32),
        tracks3d=rng.standard_normal((frames, tracks, 3)).astype(np.float32),
        tracks_visible=rng.random((frames, tracks)) < 0.5,
        track_faces=rng.integers(0, 27000, tracks).astype(np.int32),
        track_barycentric=rng.random((tracks, 3)).astype(np.float32),
        instances=on_body(rng.integers(1, 16, mask.shape), 0, np.uint8),
    )


def turned_degrees(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    a /= np.linalg.norm(a, axis=-1, keepdims=True)
    return float(np.degrees(2 * np.arcsin(np.linalg.norm(a - b, axis=-1) / 2)).max(initial=0))


def assert_as_stated(found: dict[str, np.ndarray], truth: GroundTruth, *, flow_step=None) -> None:
    mask = truth.mask
    for name, values in found.items():
        true = getattr(truth, name)
        assert values.dtype == true.dtype and values.shape == true.shape, name
        if name in LOSSLESS:
            assert np.array_equal(values, true), name
    for name, background in (("depth", np.inf), ("normals", 0), ("uv", 0), ("flow_forward", 0)):
        assert (found[name][~mask] == background).all(), name

    def off(name: str) -> float:
        true = getattr(truth, name)
        true, values = (true, found[name]) if "tracks" in name else (true[mask], found[name][mask])
        return float(np.abs(values.astype(np.float64) - true).max(initial=0))

    assert off("depth") <= ERRORS["depth"]["metres"]
    assert off("uv") <= ERRORS["uv"]["texture sides"]
    flow_error = ERRORS["gtflow"]["pixels"] if flow_step is None else flow_step / 2
    assert max(off("flow_forward"), off("flow_backward")) <= flow_error
    for name in FIELDS["bgflow"]:
        assert (found[name][mask] == 0).all(), name
        beside = found[name][~mask].astype(np.float64) - getattr(truth, name)[~mask]
        allowed = ERRORS["bgflow"]["pixels"] if flow_step is None else flow_step / 2
        assert np.abs(beside).max(initial=0) <= allowed, name
    assert off("tracks2d") <= ERRORS["tracks"]["pixels"]
    assert off("tracks3d") <= ERRORS["tracks"]["metres"]
    turned = turned_degrees(truth.normals[mask], found["normals"][mask])
    assert turned <= ERRORS["normal"]["degrees"] + 1e-5  # float32 of the vectors themselves


@given(
    seed=st.integers(0, 2**32),
    frames=st.integers(1, 3),
    height=st.integers(1, 9),
    width=st.integers(1, 19),
    reach=st.sampled_from([0.0, 0.3, 40.0]),
)
@settings(max_examples=60, deadline=None)
def test_compact_files_keep_every_channel_within_its_stated_error(
    tmp_path_factory, seed, frames, height, width, reach
):
    truth = drawn_truth(seed, frames=frames, height=height, width=width, reach=reach)
    stem = tmp_path_factory.mktemp("compact") / "a"
    write_channels(stem, truth, CHANNELS, "compact")
    assert_as_stated(read_channels(stem, frames=frames), truth)


@given(seed=st.integers(0, 2**32), exponent=st.integers(9, 60))
@settings(max_examples=25, deadline=None)
def test_a_flow_that_is_too_wide_gets_a_wider_step_which_the_file_states(
    tmp_path_factory, seed, exponent
):
    truth = drawn_truth(seed, frames=2, height=6, width=7, reach=2.0**exponent)
    stem = tmp_path_factory.mktemp("wide") / "a"
    write_channels(stem, truth, ["gtflow"], "compact")
    found = read_channels(stem)
    with np.load(f"{stem}_gtflow.npz", allow_pickle=False) as file:
        for name in ("forward", "backward"):
            true, error = getattr(truth, f"flow_{name}"), float(file[f"{name}_error_pixels"])
            ranges = [np.ptp(t[m], axis=0).max() for t, m in zip(true, truth.mask) if m.any()]
            # No wider than needed: a frame's range fits 16 bits, where it begins 32.
            begins = 4 * float(np.abs(true).max()) / 2**31
            widest = max(4 * max(ranges, default=0) / 65535, begins, 1 / 64)
            assert error * 2 <= widest
            off = np.abs(found[f"flow_{name}"].astype(np.float64) - true)
            # a float32 cannot come nearer than half its own last bit
            assert (off <= np.maximum(error, np.spacing(np.abs(true)) / 2)).all()


def test_both_layouts_keep_a_real_clip(truth, cameras, tmp_path):
    for layout in ("surreal", "compact"):
        write_channels(tmp_path / layout, truth, CHANNELS, layout, cameras=cameras)
        names = sorted(path.name for path in tmp_path.glob(f"{layout}_*"))
        assert names == sorted(layout + suffix for suffix in channel_files(CHANNELS, layout))
        assert stored_channels(tmp_path / layout) == dict.fromkeys(CHANNELS, layout)
    assert_as_stated(read_channels(tmp_path / "compact", frames=4), truth)
    exact = read_channels(tmp_path / "surreal", frames=4)
    assert set(exact) == {name for names in FIELDS.values() for name in names}
    for name, values in exact.items():
        assert values.dtype == getattr(truth, name).dtype, name
        if name in ("depth", "tracks2d", "tracks3d"):  # turned by SURREAL's camera: the last bits
            np.testing.assert_allclose(values, getattr(truth, name), rtol=3e-7, atol=2e-6)
        else:
            assert np.array_equal(values, getattr(truth, name)), name


@pytest.mark.parametrize("channel", CHANNELS)
def test_each_channel_can_be_kept_alone(truth, cameras, tmp_path, channel):
    for layout in ("surreal", "compact"):
        write_channels(tmp_path / layout, truth, [channel], layout, cameras=cameras)
        assert set(read_channels(tmp_path / layout)) == set(FIELDS[channel])
        other = next(c for c in CHANNELS if c != channel)
        with pytest.raises(BadInput, match=rf"no _{other}\S* or _{other}\S*, expected the channel"):
            read_channels(tmp_path / layout, [channel, other])


def test_compact_is_read_by_numpy_and_the_words_in_conventions_alone(truth, tmp_path):
    """A second reader, written after the text in conventions.json, pixel by pixel."""
    write_channels(tmp_path / "a", truth, CHANNELS, "compact")
    load = {c: np.load(tmp_path / f"a_{c}.npz", allow_pickle=False) for c in ("mask", *CHANNELS)}
    width = load["mask"]["shape"][2]
    rows = np.bitwise_xor.accumulate(load["mask"]["bits"], axis=1)
    mask = np.unpackbits(rows, axis=-1, count=width).astype(bool)
    assert np.array_equal(mask, truth.mask)
    places = [tuple(map(int, place)) for place in np.argwhere(mask)]

    def numbers(planes: np.ndarray) -> np.ndarray:
        codes = planes[0].astype(int) + 256 * planes[1].astype(int)
        rest, out, known = (codes >> 1) ^ -(codes & 1), np.zeros(codes.shape, int), {}
        for n, (t, y, x) in enumerate(places):
            left, above = known.get((t, y, x - 1)), known.get((t, y - 1, x))
            corner = known.get((t, y - 1, x - 1))
            if left is not None and above is not None:
                guess = left + above - corner if corner is not None else (left + above) // 2
            elif left is not None or above is not None:
                guess = left if left is not None else above
            else:
                guess = out[:, n - 1] if n and places[n - 1][0] == t else 0
            known[t, y, x] = out[:, n] = (rest[:, n] + guess) % 65536
        return out.T

    def fixed(file, prefix: str = "") -> np.ndarray:
        base = file[f"{prefix}base"][[t for t, _, _ in places]]
        return (numbers(file[f"{prefix}residuals"]) + base) * file[f"{prefix}step"]

    at = tuple(np.array(places).T)
    ours = read_channels(tmp_path / "a")
    assert np.array_equal(fixed(load["depth"])[:, 0], ours["depth"][at])
    assert np.array_equal(fixed(load["gtflow"], "forward_"), ours["flow_forward"][at])
    assert np.array_equal(fixed(load["uv"]), ours["uv"][at])
    assert np.array_equal(load["segm"]["parts"], truth.parts[at])
    u, v = (numbers(load["normal"]["residuals"]) / 1023 - 1).T
    z = abs(u) + abs(v) - 1
    far = z > 0
    u[far], v[far] = (
        (1 - abs(v[far])) * np.where(u[far] >= 0, 1, -1),
        (1 - abs(u[far])) * np.where(v[far] >= 0, 1, -1),
    )
    normal = np.stack([u, v, z], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    np.testing.assert_allclose(normal, ours["normals"][at], atol=1e-6)
    faces = load["uv"]["faces"].astype(int)
    assert np.array_equal(faces[0] + 256 * faces[1] + 65536 * faces[2], truth.face[at])
    seen = np.unpackbits(load["occlusion"]["forward"], count=len(places))
    assert np.array_equal(seen, truth.occlusion_forward[at])
    assert np.array_equal(load["instances"]["instances"], truth.instances[at])
    tracks = load["tracks"]
    codes = sum(
        plane.astype(np.int64) << 8 * byte for byte, plane in enumerate(tracks["metres_residuals"])
    )
    twice = np.cumsum(np.cumsum(((codes >> 1) ^ -(codes & 1)), 0), 0)
    assert np.array_equal(twice * tracks["metres_step"], ours["tracks3d"])
    assert CONVENTIONS["layouts"]["compact"]["version"] == int(tracks["version"]) == 1


def test_errors_stated_in_files_and_conventions_agree(truth, tmp_path):
    write_channels(tmp_path / "a", truth, CHANNELS, "compact")
    stated = {
        ("depth", "error_metres"): ERRORS["depth"]["metres"],
        ("normal", "error_degrees"): ERRORS["normal"]["degrees"],
        ("gtflow", "forward_error_pixels"): ERRORS["gtflow"]["pixels"],
        ("gtflow", "backward_error_pixels"): ERRORS["gtflow"]["pixels"],
        ("uv", "error_sides"): ERRORS["uv"]["texture sides"],
        ("tracks", "pixels_error"): ERRORS["tracks"]["pixels"],
        ("tracks", "metres_error"): ERRORS["tracks"]["metres"],
    }
    for (channel, member), error in stated.items():
        with np.load(tmp_path / f"a_{channel}.npz", allow_pickle=False) as file:
            assert float(file[member]) == error
    assert CONVENTIONS["errors"]["compact"] == ERRORS


def test_tracks_beside_the_camera_are_not_numbers(truth, tmp_path):
    wild = truth.tracks2d.copy()
    wild[1, 0], wild[2, 1] = np.nan, 3e30
    changed = GroundTruth(**{**vars(truth), "tracks2d": wild})
    write_channels(tmp_path / "a", changed, ["tracks"], "compact")
    found = read_channels(tmp_path / "a")["tracks2d"]
    assert np.isnan(found[1, 0]).all() and np.isnan(found[2, 1]).all()
    rest = np.ones(wild.shape[:2], bool)
    rest[1, 0] = rest[2, 1] = False
    assert np.abs(found - wild)[rest].max() <= ERRORS["tracks"]["pixels"]


def test_what_compact_cannot_hold_is_refused(truth, cameras, tmp_path):
    def changed(name: str, place: str, value: float) -> GroundTruth:
        values = getattr(truth, name).copy()
        mask = truth.mask if place == "on" else ~truth.mask
        values[tuple(np.argwhere(mask)[0])] = value
        return GroundTruth(**{**vars(truth), name: values})

    with pytest.raises(ValueError, match="depth has values where there is no body"):
        write_channels(tmp_path / "a", changed("depth", "off", 3.0), ["depth"], "compact")
    with pytest.raises(ValueError, match="not finite"):
        write_channels(tmp_path / "a", changed("flow_forward", "on", np.nan), ["gtflow"], "compact")
    with pytest.raises(ValueError, match="not finite"):
        write_channels(tmp_path / "a", changed("normals", "on", np.nan), ["normal"], "compact")
    with pytest.raises(ValueError, match="faces -1"):
        write_channels(tmp_path / "a", changed("face", "on", -1), ["uv"], "compact")
    for layout in ("surreal", "compact"):
        without = GroundTruth(**{**vars(truth), "flow_forward": None})
        with pytest.raises(ValueError, match="flow_forward is not there"):
            write_channels(tmp_path / "a", without, ["gtflow"], layout, cameras=cameras)
    with pytest.raises(ValueError, match="for the clip's cameras, found none"):
        write_channels(tmp_path / "a", truth, ["segm"], "surreal")
    with pytest.raises(ValueError, match="no channel albedo"):
        clip_files(["albedo"])
    with pytest.raises(ValueError, match="no layout zarr"):
        clip_files([], "zarr")


@pytest.fixture(scope="module")
def whole_files(truth, cameras, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    for layout in ("surreal", "compact"):
        write_channels(folder / "a", truth, CHANNELS, layout, cameras=cameras)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@given(data=st.data())
@settings(max_examples=120, deadline=None)
def test_damaged_files_are_bad_input_or_read_whole(whole_files, tmp_path_factory, data):
    name = data.draw(st.sampled_from(sorted(whole_files)))
    content = bytearray(whole_files[name])
    kind = data.draw(st.sampled_from(["cut", "flip", "noise"]))
    if kind == "cut":
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        for _ in range(data.draw(st.integers(1, 4)) if kind == "noise" else 1):
            content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    folder = tmp_path_factory.mktemp("damaged")
    suffix = name.rpartition(".")[2]
    for other, whole in whole_files.items():
        if other.endswith(suffix):
            (folder / other).write_bytes(content if other == name else whole)
    channel = name.partition("_")[2].partition(".")[0].removesuffix("_forward")
    try:
        found = read_channels(folder / "a", ["depth" if channel == "mask" else channel], frames=4)
    except BadInput as error:
        assert "a_" in str(error) and ";" in str(error)
    else:
        assert all(isinstance(values, np.ndarray) for values in found.values())


def test_truncation_and_foreign_arrays_are_refused_with_file_and_advice(truth, cameras, tmp_path):
    write_channels(tmp_path / "a", truth, ["depth", "segm"], "compact")
    whole = (tmp_path / "a_depth.npz").read_bytes()
    (tmp_path / "a_depth.npz").write_bytes(whole[:-100])
    with pytest.raises(BadInput, match=r"a_depth\.npz: no NumPy archive.*; render the clip again"):
        read_channels(tmp_path / "a")
    np.savez(tmp_path / "a_depth.npz", base=np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(BadInput, match=r"a_depth\.npz.*pickle"):
        read_channels(tmp_path / "a")
    (tmp_path / "a_depth.npz").write_bytes(whole)
    np.savez(tmp_path / "a_segm.npz", version=np.array(1, np.int32), parts=np.ones(7, np.uint8))
    with pytest.raises(BadInput, match=r"a_segm\.npz: parts of uint8 7, expected uint8 \d+"):
        read_channels(tmp_path / "a")
    np.savez(tmp_path / "a_segm.npz", version=np.array(9, np.int32))
    with pytest.raises(BadInput, match=r"a_segm\.npz: version 9, expected version 1"):
        read_channels(tmp_path / "a")
    with pytest.raises(BadInput, match=r"4 frames of depth, expected 5"):
        read_channels(tmp_path / "a", ["depth"], frames=5)
    write_channels(tmp_path / "a", truth, ["depth"], "surreal", cameras=cameras)
    with pytest.raises(BadInput, match=r"found both _depth\.mat and _depth\.npz"):
        read_channels(tmp_path / "a")


def test_archives_are_ordinary_zip_files(truth, tmp_path):
    """Another reader of the container: Python's zipfile, its checksums and its directory."""
    write_channels(tmp_path / "a", truth, CHANNELS, "compact")
    for path in tmp_path.glob("*.npz"):
        with zipfile.ZipFile(path) as file:
            assert file.testzip() is None
            assert all(info.date_time == (1980, 1, 1, 0, 0, 0) for info in file.infolist())
            with np.load(path, allow_pickle=False) as arrays:
                assert [f"{name}.npy" for name in arrays.files] == file.namelist()
                for name in arrays.files:
                    again = io.BytesIO(file.read(f"{name}.npy"))
                    assert np.array_equal(np.lib.format.read_array(again), arrays[name])
