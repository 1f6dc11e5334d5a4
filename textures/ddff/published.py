"""Tables 1 to 3 of the paper, and how its data differ from what it is measured on here."""

from __future__ import annotations

from textures.texture_method import PublishedTable

ROW_OF_LINKS = {"independent": "Ind.", "texture-to-image": "T->I", "image-to-texture": "I->T"}


def _row(iper: tuple[float, float], video: tuple[float, float]) -> dict[str, float]:
    return {
        "LPIPS on iPER": iper[0],
        "SSIM on iPER": iper[1],
        "LPIPS on FashionVid": video[0],
        "SSIM on FashionVid": video[1],
    }


TABLE = PublishedTable(
    title="Tables 1 to 3 of Chang et al., AAAI 2022 (DDFF); G_I generated, G_T rendered",
    columns={"FID": ("fid",), "LPIPS": ("st-lpips",), "SSIM": ("ssim@rstg",)},
    rows={
        "G_I (n_h = 1)": _row((0.067, 0.894), (0.063, 0.920)),
        "G_I (n_h = 2)": _row((0.055, 0.907), (0.061, 0.922)),
        "G_I (n_h = 3)": _row((0.051, 0.907), (0.066, 0.921))
        | {
            "FID on DeepFashion": 9.001,
            "LPIPS on DeepFashion": 0.156,
            "SSIM on DeepFashion": 0.830,
        },
        "G_I (n_h = 4)": _row((0.082, 0.871), (0.061, 0.924)),
        "G_T (n_h = 1)": _row((0.076, 0.887), (0.081, 0.903)),
        "G_T (n_h = 2)": _row((0.066, 0.898), (0.081, 0.905)),
        "G_T (n_h = 3)": _row((0.063, 0.897), (0.082, 0.903))
        | {
            "FID on DeepFashion": 19.656,
            "LPIPS on DeepFashion": 0.177,
            "SSIM on DeepFashion": 0.786,
        },
        "G_T (n_h = 4)": _row((0.026, 0.869), (0.079, 0.905)),
        "G_I (Ind.)": _row((0.051, 0.907), (0.073, 0.913)),
        "G_I (T->I)": _row((0.056, 0.903), (0.072, 0.916)),
        "G_I (I->T)": _row((0.061, 0.901), (0.057, 0.900)),
        "G_T (Ind.)": _row((0.075, 0.888), (0.100, 0.888)),
        "G_T (T->I)": _row((0.075, 0.887), (0.085, 0.901)),
        "G_T (I->T)": _row((0.073, 0.892), (0.083, 0.902)),
    },
    data="Published: 256x256 pictures of DeepFashion, iPER and Fashion videos, one person before a plain "
    "wall, annotations by DensePose and OpenPose. Here: other crops of pedestrians that were not trained "
    "on, alone on grey, at the networks' size, annotations by fits with a fit's errors. The full model "
    "with three hallucinations is both tables' row n_h = 3. Orders between rows can be "
    "compared, figures cannot.",
)
