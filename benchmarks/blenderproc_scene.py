"""The scene of `benchmarks/render.py` in BlenderProc: colours, depth, normals, segmentation, flows.

    PEER_PYTHON benchmarks/blenderproc_scene.py SCENE.npz TEXTURE RESULT.json --samples 4

`render.py` calls this with the interpreter of an environment that holds BlenderProc; it imports nothing
of ours. It uses BlenderProc's own functions throughout, as its documentation shows them, and leaves
its defaults alone but for what makes the comparison one of the same picture:

- the denoiser is off and so is adaptive sampling, so that both take the samples that were asked for;
- the film is transparent and the view transform Standard, since ours is laid over a background;
- a mesh cache moves the body (`MeshObject.add_modifier`); `--rigid` leaves it standing instead, which
  spares BlenderProc all of the deformation.

What favours BlenderProc: its segmentation is by object, so it writes one label where we write 24; it
gets no background and encodes no film; opening Blender and building the scene are not counted.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import shutil
import struct
import sys
import tempfile
import time
import types
from pathlib import Path
from typing import Any

import numpy as np

OWN_BPY = "USE_EXTERNAL_BPY_MODULE"


def import_blenderproc(scratch: Path) -> Any:
    """BlenderProc on the environment's own bpy.

    Its source after the release 2.8.0 has a mode for that. The release wants to be started inside a
    Blender of its own and to install packages there; here the packages are installed already, so
    only its folder for single frames is left to be named.
    """
    import bpy  # noqa: F401 - the environment must have it

    spec = importlib.util.find_spec("blenderproc")
    if spec is None:
        raise SystemExit("no blenderproc in this environment")
    package = Path(spec.submodule_search_locations[0])
    os.environ["INSIDE_OF_THE_INTERNAL_BLENDER_PYTHON_ENVIRONMENT"] = "1"
    sys.path.append(str(package.parent))  # it takes one such entry away and would lose the others
    if OWN_BPY in (package / "python" / "utility" / "SetupUtility.py").read_text():
        os.environ[OWN_BPY] = "1"
        import blenderproc
    else:
        name = "blenderproc.python.utility.SetupUtility"
        installer = types.ModuleType(name)
        installer.SetupUtility = type("SetupUtility", (), {"setup": staticmethod(lambda *_: [])})
        sys.modules[name] = installer
        import blenderproc
    from blenderproc.python.utility.Utility import Utility

    Utility.temp_dir = str(scratch)
    return blenderproc


def init(bproc: Any) -> None:
    """BlenderProc's `init`. The release insists on a language that pip's bpy has not; then its other
    steps are called one by one."""
    import bpy

    try:
        bproc.init()
    except TypeError as error:
        if "en_US" not in str(error):
            raise
        from blenderproc.python.utility.GlobalStorage import GlobalStorage
        from blenderproc.python.utility.Initializer import _Initializer

        bpy.context.scene.render.engine = "CYCLES"
        bproc.renderer.set_render_devices()
        _Initializer.set_default_parameters()
        GlobalStorage.add("bproc_init_complete", True)


def dressed_body(bproc: Any, scene: Any, texture: Path, scratch: Path, *, rigid: bool) -> Any:
    """The body with our material: texture times spherical-harmonics irradiance, as emission."""
    import bpy

    body = bproc.object.create_with_empty_mesh("body")
    faces, mesh = scene["faces"], body.get_mesh()
    mesh.from_pydata(scene["vertices"][1].tolist(), [], faces.tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
    layer = mesh.uv_layers.new(name="uv")
    layer.data.foreach_set("uv", scene["uv"][scene["uv_faces"].ravel()].astype(np.float32).ravel())
    mesh.update()
    body.set_local2world_mat(scene["body_to_blender"])
    body.set_cp("category_id", 1)
    if not rigid:
        vertices = np.ascontiguousarray(scene["vertices"], np.float32)
        cache = scratch / "body.pc2"
        header = (b"POINTCACHE2\0", 1, vertices.shape[1], 0.0, 1.0, len(vertices))
        cache.write_bytes(struct.pack("<12siiffi", *header) + vertices.tobytes())
        # The first of the vertices belongs to the frame before the clip: flow needs it.
        body.add_modifier("MESH_CACHE", cache_format="PC2", filepath=str(cache), frame_start=-1.0)

    material = body.new_material("cloth")
    material.remove_node(material.get_the_one_node_with_type("BsdfPrincipled"))

    def vector(operation: str, *inputs: Any) -> Any:
        node = material.new_node("ShaderNodeVectorMath")
        node.operation = operation
        for socket, value in zip(node.inputs, inputs):
            if isinstance(value, bpy.types.NodeSocket):
                material.link(value, socket)
            else:
                socket.default_value = tuple(value)
        return node

    geometry = material.new_node("ShaderNodeNewGeometry")
    turn = material.new_node("ShaderNodeVectorTransform")
    turn.vector_type, turn.convert_from, turn.convert_to = "NORMAL", "WORLD", "OBJECT"
    material.link(geometry.outputs["Normal"], turn.inputs[0])
    normal = vector("NORMALIZE", turn.outputs[0]).outputs[0]
    rows = [vector("DOT_PRODUCT", normal, row).outputs["Value"] for row in scene["light_quadratic"]]
    product = material.new_node("ShaderNodeCombineXYZ")
    for row, socket in zip(rows, product.inputs):
        material.link(row, socket)
    linear = vector("ADD", product.outputs[0], scene["light_linear"])
    irradiance = vector("DOT_PRODUCT", linear.outputs[0], normal)
    positive = material.new_node("ShaderNodeMath")
    positive.operation = "MAXIMUM"
    positive.inputs[1].default_value = 0.0
    material.link(irradiance.outputs["Value"], positive.inputs[0])
    image = material.new_node("ShaderNodeTexImage")
    image.image = bpy.data.images.load(str(texture), check_existing=True)
    lit = vector("SCALE", image.outputs["Color"])
    material.link(positive.outputs[0], lit.inputs["Scale"])
    emission = material.new_node("ShaderNodeEmission")
    material.link(lit.outputs[0], emission.inputs["Color"])
    output = material.get_the_one_node_with_type("OutputMaterial")
    material.link(emission.outputs[0], output.inputs["Surface"])
    return body


def build(bproc: Any, scene: Any, texture: Path, scratch: Path, *, rigid: bool) -> None:
    """Everything that is set once."""
    init(bproc)
    dressed_body(bproc, scene, texture, scratch, rigid=rigid)
    k = scene["intrinsics"].copy()
    k[:2, 2] -= 0.5  # its first pixel's centre is (0, 0), ours (0.5, 0.5)
    bproc.camera.set_intrinsics_from_K_matrix(k, int(scene["width"]), int(scene["height"]))
    for pose in scene["camera_to_blender"][1:-1]:
        bproc.camera.add_camera_pose(pose)
    bproc.renderer.set_noise_threshold(0)
    bproc.renderer.set_denoiser(None)
    bproc.renderer.set_output_format(enable_transparency=True, view_transform="Standard")
    bproc.renderer.enable_depth_output(activate_antialiasing=False)
    bproc.renderer.enable_normals_output()
    bproc.renderer.enable_segmentation_output(
        map_by=["category_id"], default_values={"category_id": 0}
    )


def film(bproc: Any, out: Path) -> dict[str, Any]:
    """Wall seconds of one clip, by what they go into, and its CPU seconds."""
    cpu = time.process_time()
    marks = [time.perf_counter()]
    data = bproc.renderer.render()
    marks.append(time.perf_counter())
    data.update(bproc.renderer.render_optical_flow())
    marks.append(time.perf_counter())
    bproc.writer.write_hdf5(str(out), data)
    marks.append(time.perf_counter())
    wall = dict(zip(("colours and passes", "flow", "HDF5"), np.diff(marks).tolist()))
    return {"wall": wall, "cpu": time.process_time() - cpu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scene", type=Path)
    parser.add_argument("texture", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rigid", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder that keeps the last HDF5 files")
    options = parser.parse_args()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # its own choice as well
    with tempfile.TemporaryDirectory(dir=memory) as name:
        scratch, out = Path(name) / "frames", Path(name) / "hdf5"
        scratch.mkdir()
        begin = time.perf_counter()
        bproc = import_blenderproc(scratch)
        import bpy

        with np.load(options.scene) as scene, contextlib.redirect_stdout(sys.stderr):
            build(bproc, dict(scene), options.texture.resolve(), scratch, rigid=options.rigid)
            setup = time.perf_counter() - begin
            bproc.renderer.set_max_amount_of_samples(options.samples)
            bproc.renderer.set_cpu_threads(options.threads)
            film(bproc, out)  # the first one compiles and reads
            clips = [film(bproc, out) for _ in range(options.repeats)]
        if options.keep is not None:
            shutil.copytree(out, options.keep, dirs_exist_ok=True)
        result = {
            "blenderproc": bproc.__version__,
            "blender": bpy.app.version_string,
            "threads": bpy.context.scene.render.threads,
            "setup": setup,
            "clips": clips,
        }
        options.result.write_text(json.dumps(result))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # Blender 4.2 as a module crashes when Python takes it down


if __name__ == "__main__":
    main()
