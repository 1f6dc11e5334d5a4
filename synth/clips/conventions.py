"""The meaning of every number in a film folder: the contents of conventions.json."""

from __future__ import annotations

from typing import Any

from mocap.bodies.body import JOINT_NAMES, PART_NAMES
from synth.clips.compact_channels import COMPACT, ERRORS
from synth.clips.surreal_channels import NO_DEPTH
from synth.plans.plan_row import MAX_PEOPLE
from synth.scene.dressed_figure import CARRIED_PART
from synth.scene.lights.registry import LIGHT_KINDS
from synth.scene.occluders import OCCLUDER_KINDS, OCCLUDER_PART
from synth.scene.placement import FLESH, MARGIN

GENDERS = {"female": 0, "male": 1, "neutral": 2}  # SURREAL has the first two

# Fields of _info.mat: SURREAL's (README of its release), then ours.
# What they mean in the layout "compact", and in what `read_clip` gives; SURREAL_MEANING has the other.
SURREAL_FIELDS: dict[str, str] = {
    "bg": "1xT cell: the photograph or environment behind the person, or painted",
    "camDist": "1 single: metres from the camera to the middle of the clip, as drawn or as needed",
    "camLoc": "3x1 single: the first frame's camera in the world, metres",
    "clipNo": "1 double (uint8 in the layout surreal): number of the clip in its sequence, from 1",
    "cloth": "1xT cell: the texture",
    "gender": "Tx1 uint8: " + ", ".join(f"{number} {name}" for name, number in GENDERS.items()),
    "joints2D": "2x24xT single: pixels, not rounded, whether visible or not (SURREAL rounds)",
    "joints3D": "3x24xT single: world metres",
    "light": "9xT single: SURREAL's spherical harmonics, in the axes (x, -y, -z) of our world; 0 where "
    "light_kind is not sh",
    "pose": "72xT single: SMPL's axis-angle numbers, the first three turn the pelvis in the world",
    "sequence": "char: the clip's name",
    "shape": "10xT single: betas",
    "source": "char: where the motion comes from: cmu, or stand-in for generated motions",
    "stride": "1 uint8: the step from one window to the next, in percent of a window",
    "zrot": "Tx1 single: the side the camera stands on; 0 at +z of the world, pi/2 at +x",
}
ADDED_FIELDS: dict[str, str] = {
    "trans": "3xT single: as SMPL's; the pelvis is at its rest position plus this",
    "K": "3x3xT double",
    "R": "3x3xT double",
    "t": "3xT double",
    "joints3D_camera": "3x24xT single: metres in camera axes",
    "joints_visible": "24xT uint8: the first surface on the ray through the joint is its own part's or a "
    "neighbour's, and the joint is in the image",
    "joints_inside": "24xT uint8: before the camera and in the image; else truncated",
    "pose_ends": "72x2 single: pose of the frame before the first and of the one after the last",
    "trans_ends": "3x2 single",
    "K_ends": "3x3x2 double",
    "R_ends": "3x3x2 double",
    "t_ends": "3x2 double",
    "flow_ends": "1x2 uint8: whether those two frames are real; where not, the end frame is repeated and "
    "that flow is 0",
    "placement": "1x2 double: zrot and camDist unrounded",
    "image_size": "1x2 int32: width, height",
    "fps": "1 double",
    "seed": "1 int64",
    "frame_indices": "1xT int32: frames of the motion at this clip's fps, from 0",
    "light_kind": f"char: {', '.join(LIGHT_KINDS[:-1])} or {LIGHT_KINDS[-1]}",
    "light_fields": "char, JSON: all of the light",
    "lens_fields": "char, JSON: what the camera does to the picture; the labels know none of it",
    "category": "char: the action",
    "subject": "char: who moved",
    "split": "char: train, val or test",
    "identity": "char: whose texture",
    "uv_layout": "char: the UV layout of texture and uv",
    "stand_in": "1 uint8: whether anything in the clip is generated in place of recorded data",
    "plan_row": "char, JSON: the row of the plan; everything else follows from it and its files",
    "versions": "char, JSON: of the programs, and the body's name and build",
}

SCENE_FIELDS: dict[str, str] = {
    "people": "1 uint8: how many people; only where there are several",
    "occluders": "char, JSON: kind, size (width, height, depth), turn, and start and end (x, z) between "
    "which each moves evenly from the frame before the first to the one after the last; only where there "
    "are some",
    "clothes": "char, JSON: of each person null, or the pieces worn beside what the texture shows and "
    "their seed; only where somebody wears some",
    "background_yaw": "1 double, where the clip is filmed in a place: the side on which the camera stood "
    "that took the photograph, as zrot",
}
"""Fields of clips of several people, with occluders or clothes, or filmed in a place."""

SURREAL_MEANING: dict[str, str] = {
    "in short": "get_extrinsic(camLoc), get_intrinsic() and rotateBody(zrot, pose) of SURREAL's scripts "
    "work on the files; at other sizes than 320x240 with its res_x_px and res_y_px",
    "film and channels": "mirrored: x is W minus the x of our conventions; left and right of joints and "
    "parts are still the person's own",
    "world": "vertical is -y, and the camera stands on the +x side; ours turned by zrot and then upright",
    "camera": "R is SURREAL's reflection (det -1), t = -R camLoc; K R t project joints3D onto joints2D, "
    "joints3D_camera is in the mirrored camera's axes",
    "camLoc, joints3D, trans, tracks3D, R, t": "in SURREAL's world; the _ends too",
    "joints2D, tracks2D": "in the mirrored picture, not rounded (SURREAL rounds)",
    "pose": "the first three turn the pelvis in the motion's z-up world, before zrot",
    "zrot": "the turn about the vertical of that world; R_x(90) R_z(zrot) R(pose[:3]) is the pelvis in "
    "SURREAL's world",
    "light": "in the axes of SURREAL's world",
    "clipNo": "uint8; uint16 beyond 255",
    "depth": "depth_N: the ray's length to the camera's centre, as Blender 2.78's Z; background "
    f"{NO_DEPTH:g}",
    "gtflow": "gtflow_N: Blender's vectors, to where the point was one frame before, x right, y up; "
    "gtflow_forward_N the same to one frame after",
    "bgflow": "bgflow_N, bgflow_forward_N: the same of the background",
    "normal": "normal_N: unit normals in SURREAL's world",
    "tracks_R, tracks_t, tracks_width": "of _tracks.mat: our camera and picture, by which it is turned",
    "film_mirrored": "1 uint8: 1",
    "proper_pelvis, proper_trans, proper_R, proper_t": "3x(T+2) single, 3x(T+2) single, 3x3 double, 3x1 "
    "double: the first three of pose, trans, R, t in our conventions, with the frames before and after, "
    "as the clip was rendered",
    "check": "char, JSON: what the clip's checks measured; there is no _check.json",
}

CONVENTIONS: dict[str, Any] = {
    "version": 3,
    "units": "metres, seconds, radians, pixels",
    "image": "origin at the top-left corner, x right, y down; the first pixel's centre is (0.5, 0.5)",
    "world": "right-handed, y up",
    "camera": "x right, y down, z forward; X_cam = R X + t, det R = +1; pixel = K X_cam / z",
    "mirrored": {"compact": False, "surreal": True},  # see in_surreal_layout
    "rgb": "mp4, H.264, yuv420p; lossy",
    "check": "_check.json: what the clip's checks measured before it was published",
    "depth": f"depth_N (H,W) single: planar z in metres, not the distance; background {NO_DEPTH:g}",
    "segm": "segm_N (H,W) uint8: parts 1..24, background 0",
    "parts": dict(enumerate(PART_NAMES, start=1)),
    "occluder": f"part {OCCLUDER_PART} of segm: {', '.join(OCCLUDER_KINDS)}; its UVs are of a texture of "
    "its own",
    "clothes": f"cloth and hair that stand off the body have the part and the UV of the body beneath; "
    f"part {CARRIED_PART} is what is carried, whose UVs are 0",
    "several people": f"up to {MAX_PEOPLE}; joints2D, joints3D, joints3D_camera, joints_visible, "
    "joints_inside, pose, trans, shape, pose_ends, trans_ends have a last axis of people, gender is T x "
    "people, cloth people x T, and people is their number; one person has none of these axes. subject, "
    "category, frame_indices and identity are the first person's; plan_row has everybody's. A person is "
    f"in no frame nearer to another than {MARGIN:g} m on the floor, between discs about the joints that "
    f"are {FLESH:g} m wider",
    "instances": "instances_N (H,W) uint8: 1 the first person, 2 the next, then the occluders; "
    "background 0",
    "normal": "normal_N (H,W,3) single: unit normals in camera axes; background 0",
    "gtflow": "gtflow_N (H,W,2) single: backward flow, where the point was one frame before, minus where "
    "it is, (dx, dy) pixels, y down; background 0",
    "bgflow": "bgflow_N, bgflow_forward_N (H,W,2) single: as gtflow, of the background beside the body, "
    "which stands still while the camera moves; exact for the surfaces that it is drawn on; body 0",
    "gtflow_forward": "gtflow_forward_N in _gtflow_forward.mat: the same to one frame after",
    "uv": "uv_N (H,W,2) single: texture coordinates in [0, 1], (0, 0) at the image's bottom-left; "
    "background 0",
    "face": "face_N (H,W) int32, in _uv.mat: the body's face, from 0; of several people the faces of the "
    "first, then of the next, then of occluders; background -1",
    "occlusion": "occlusion_forward_N, occlusion_backward_N (H,W) uint8: 1 where the pixel's point is "
    "not seen in the frame after, before; background 0",
    "tracks": "tracks2D 2xNxT single pixels, tracks3D 3xNxT single world metres, tracks_visible NxT "
    "uint8; track_faces Nx1 int32, track_barycentric Nx3 single: where on the body they are",
    "joints": list(JOINT_NAMES),
    "info": SURREAL_FIELDS | ADDED_FIELDS | SCENE_FIELDS,
    "layouts": {
        "surreal": "SURREAL's files: channels as <clip>_<channel>.mat with the variables above, their "
        "values as in_surreal_layout says; others than depth and segm where asked for; run0 to run2 in "
        "each split",
        "compact": COMPACT,
    },
    "errors": {
        "surreal": "none but float32's last bits: depth along the ray, points in SURREAL's world",
        "compact": ERRORS,
    },
    "in_surreal_layout": SURREAL_MEANING,
    "in_other_conventions": {
        "SURREAL": "image mirrored (its camera has det -1): x -> W - x; world (x, -y, -z); depth is "
        "probably the distance |X_cam|; gtflow as Blender's vectors (dx, -dy)",
        "Blender": "camera axes (x, -y, -z); Vector pass X, Y, Z, W: backward (X, -Y), forward (-Z, W)",
        "Kubric": "backward_flow is (row, column) and negated: (-dy, -dx); depth is |X_cam|",
        "OpenCV": "the same camera; its pixel centres are whole numbers: subtract 0.5 from x and y",
    },
}  # fmt: skip
