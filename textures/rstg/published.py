"""Tables 1 and 2 of the paper: their rows as changes to a recipe, their figures, and our own rows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from textures.texture_method import PublishedTable, Variant

TABLE = PublishedTable(
    title="Tables 1 and 2 of Wang et al., CVPR 2019 (RSTG)",
    columns={
        "SSIM": ("ssim@rstg in a scene (own view)",),
        "mask-SSIM": ("mask-ssim@rstg in a scene (own view)",),
        "IS": ("is@rstg",),
        "mask-IS": ("mask-is@rstg",),
    },
    rows={
        "pixel-wise l1": {"SSIM": 0.162, "mask-SSIM": 0.374, "IS": 3.96, "mask-IS": 2.90},
        "Perceptual": {"SSIM": 0.149, "mask-SSIM": 0.356, "IS": 4.04, "mask-IS": 2.59},
        "ReID Loss": {"SSIM": 0.164, "mask-SSIM": 0.372, "IS": 3.96, "mask-IS": 2.52},
        "Deep Feature": {"SSIM": 0.155, "mask-SSIM": 0.354, "IS": 3.77, "mask-IS": 2.37},
        "No-Pose": {"SSIM": 0.158, "mask-SSIM": 0.365, "IS": 4.07, "mask-IS": 2.63},
        "No-PCB": {"SSIM": 0.159, "mask-SSIM": 0.369, "IS": 3.75, "mask-IS": 2.77},
    },
    data="Published: 1,747 crops of 100 people, SMPL by HMR, textures of 64 texels on backgrounds of PRW "
    "and CUHK-SYSU, pose masks of key points, IS by Inception-v3. Here: the same people, as many of "
    "their crops as are said, the free body by our fit, generated backgrounds, the body's mask. Orders "
    "between rows can be compared, figures cannot.",
)

VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        "reid": Variant("The full method: the re-ID loss at four stages.", (), "ReID Loss"),
        "pixel": Variant(
            "Pixel-wise l1 loss in place of the re-ID loss.",
            ("losses.reid=0", "losses.pixel=1"),
            "pixel-wise l1",
        ),
        "perceptual": Variant(
            "Perceptual loss in place of the re-ID loss: by losses.vgg, else by ST-LPIPS's VGG-16.",
            ("losses.reid=0", "losses.perceptual=1"),
            "Perceptual",
        ),
        "deep-feature": Variant(
            "l1 loss of the re-ID network's embedded stripes in place of the re-ID loss.",
            ("losses.reid=0", "losses.deep_feature=1"),
            "Deep Feature",
        ),
        "no-pose": Variant(
            "Textures on random walking bodies (--motions) in place of the fitted ones.",
            ("bodies=walking",),
            "No-Pose",
        ),
        "no-pcb": Variant(
            "Supervised by the re-ID network without stripes (--reid).",
            ("supervisor.stripes=1",),
            "No-PCB",
        ),
        "one-stage": Variant("The re-ID loss at the first stage alone.", ("losses.stages=[1]",)),
        "two-stages": Variant("The re-ID loss at the first two stages.", ("losses.stages=[1,2]",)),
        "three-stages": Variant(
            "The re-ID loss at the first three stages.", ("losses.stages=[1,2,3]",)
        ),
        "last-stage": Variant("The re-ID loss at the last stage alone.", ("losses.stages=[4]",)),
        "no-face-hand": Variant("Without the face-and-hand loss.", ("losses.face_hand=0",)),
        "other-view": Variant(
            "The re-ID loss also through another crop of the person, half as heavy.",
            ("losses.cross_view=0.25",),
        ),
        "projection": Variant(
            "The generator also sees the crop's pixels carried onto the texture (texels: 64).",
            (
                "generator.projection=true",
                "generator.unseen=colours",
                "generator.height=64",
                "generator.width=64",
                "generator.texture_size=64",
            ),
        ),
    }
)
