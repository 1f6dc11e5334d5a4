"""Table 1 of the paper, and how its data differ from what it is measured on here."""

from __future__ import annotations

from textures.texture_method import PublishedTable

TABLE = PublishedTable(
    title="Table 1 of Cha et al., SIGGRAPH 2022 posters (SamplerNet and RefinerNet)",
    columns={
        "LPIPS": ("st-lpips",),
        "PSNR": ("psnr@strict",),
        "SSIM": ("ssim@rstg", "ssim@strict"),
    },
    rows={
        "sampled": {"LPIPS": 0.2305, "PSNR": 17.4234, "SSIM": 0.5787},
        "refinement": {"LPIPS": 0.2258, "PSNR": 17.8700, "SSIM": 0.5993},
        "full": {"LPIPS": 0.2061, "PSNR": 18.1052, "SSIM": 0.6032},
    },
    data="Published: 212 textures of 256 texels of scanned people in SMPL's layout, partial textures by "
    "DensePose. Here: generated pedestrians that were not trained on, in the free body's layout, true "
    "textures of the wardrobe brought to the networks' size, partial textures by fits with a fit's "
    "errors. Orders between rows can be compared, figures cannot.",
)
