"""How publishers name the parameters of the networks that `action_recog.networks` builds.

Names were read in the publishers' own sources:

    torchvision           conv1.weight, layer2.0.bn1.running_mean, fc.bias (and ours)
    pytorchvideo          blocks.3.res_blocks.0.branch2.conv_a.weight, blocks.6.proj.bias
    pyslowfast            s3.pathway0_res0.branch2.a_bn.weight, s3.pathway0_nonlocal1.conv_theta.bias
    mmaction2             backbone.layer2.1.non_local_block.g.0.conv.weight, cls_head.fc_cls.bias
    video-nonlocal-net    res3_0_branch2a_bn_riv, nonlocal_conv3_1_theta_w, pred_b (Caffe2)

The names tell the layout, but not everything about the network: see `Conventions`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

Rename = Callable[[str], str | None]
_LETTERS = {"a": "1", "b": "2", "c": "3"}


@dataclass(frozen=True)
class NameLayout:
    """One publisher's names: `sign` is a pattern of a name that no other layout has.

    `rules` are patterns with their replacement; the first that matches the whole name counts. Names
    that match `ignored` are no part of the network (momenta, counters).
    """

    sign: str
    rules: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]
    ignored: str = r".*num_batches_tracked"

    def rename(self, name: str) -> str | None:
        """Our name of a parameter: None where it is none, the same name where no rule knows it."""
        if re.fullmatch(self.ignored, name):
            return None
        for pattern, replacement in self.rules:
            match = re.fullmatch(pattern, name)
            if match:
                return (
                    match.expand(replacement)
                    if isinstance(replacement, str)
                    else replacement(match)
                )
        return name


def _slowfast_residual(match: re.Match[str]) -> str:
    stage, index, letter, norm, end = match.groups()
    return f"layer{int(stage) - 1}.{index}.{'bn' if norm else 'conv'}{_LETTERS[letter]}.{end}"


def _slowfast_shortcut(match: re.Match[str]) -> str:
    stage, index, norm, end = match.groups()
    return f"layer{int(stage) - 1}.{index}.downsample.{1 if norm else 0}.{end}"


def _slowfast_nonlocal(match: re.Match[str]) -> str:
    stage, index, layer, end = match.groups()
    layer = "bn" if layer in ("norm", "bn") else layer.removeprefix("conv_")
    return f"nonlocal_blocks.layer{int(stage) - 1}_{index}.{layer}.{end}"


def _video_stage(block: str) -> int:
    """The stage of a block of pytorchvideo's list: stem, res2, pooling without weights, res3, ..."""
    return int(block) - (int(block) > 1)


def _video_residual(match: re.Match[str]) -> str:
    block, index, kind, letter, end = match.groups()
    kind = "bn" if kind == "norm" else "conv"
    return f"layer{_video_stage(block)}.{index}.{kind}{_LETTERS[letter]}.{end}"


def _video_shortcut(match: re.Match[str]) -> str:
    block, index, kind, end = match.groups()
    return f"layer{_video_stage(block)}.{index}.downsample.{1 if kind == 'norm' else 0}.{end}"


_CAFFE2_ENDS = {"s": "weight", "b": "bias", "rm": "running_mean", "riv": "running_var"}


def _caffe2_stem(match: re.Match[str]) -> str:
    return f"bn1.{_CAFFE2_ENDS[match[1]]}"


def _caffe2_residual(match: re.Match[str]) -> str:
    stage, index, letter, norm = match.groups()
    prefix, number = f"layer{int(stage) - 1}.{index}", _LETTERS[letter]
    return f"{prefix}.bn{number}.{_CAFFE2_ENDS[norm]}" if norm else f"{prefix}.conv{number}.weight"


def _caffe2_shortcut(match: re.Match[str]) -> str:
    stage, index, norm = match.groups()
    prefix = f"layer{int(stage) - 1}.{index}.downsample"
    return f"{prefix}.1.{_CAFFE2_ENDS[norm]}" if norm else f"{prefix}.0.weight"


def _caffe2_nonlocal(match: re.Match[str]) -> str:
    stage, index, layer, end = match.groups()
    end = "weight" if end == "w" else _CAFFE2_ENDS[end]
    return f"nonlocal_blocks.layer{int(stage) - 1}_{index}.{layer}.{end}"


_CAFFE2_NORM = r"(?:w|bn_(s|b|rm|riv))"

LAYOUTS: dict[str, NameLayout] = {
    "pytorchvideo": NameLayout(
        r"blocks\.1\.res_blocks\.0\.branch2\.conv_a\.weight",
        (
            (r"blocks\.0\.conv\.(.+)", r"conv1.\1"),
            (r"blocks\.0\.norm\.(.+)", r"bn1.\1"),
            (
                r"blocks\.([1345])\.res_blocks\.(\d+)\.branch2\.(conv|norm)_([abc])\.(.+)",
                _video_residual,
            ),
            (r"blocks\.([1345])\.res_blocks\.(\d+)\.branch1_(conv|norm)\.(.+)", _video_shortcut),
            (r"blocks\.6\.proj\.(.+)", r"fc.\1"),
        ),
    ),
    "pyslowfast": NameLayout(
        r"s1\.pathway0_stem\.conv\.weight",
        (
            (r"s1\.pathway0_stem\.conv\.(.+)", r"conv1.\1"),
            (r"s1\.pathway0_stem\.bn\.(.+)", r"bn1.\1"),
            (
                r"s([2-5])\.pathway0_res(\d+)\.branch2\.([abc])(_bn)?\.([a-z_]+)",
                _slowfast_residual,
            ),
            (r"s([2-5])\.pathway0_res(\d+)\.branch1(_bn)?\.([a-z_]+)", _slowfast_shortcut),
            (
                r"s([2-5])\.pathway0_nonlocal(\d+)\.(conv_theta|conv_phi|conv_g|conv_out|norm|bn)\.(.+)",
                _slowfast_nonlocal,
            ),
            (r"head\.projection\.(.+)", r"fc.\1"),
        ),
    ),
    "mmaction2": NameLayout(
        r"backbone\.conv1\.conv\.weight",
        (
            (r"backbone\.conv1\.conv\.(.+)", r"conv1.\1"),
            (r"backbone\.conv1\.bn\.(.+)", r"bn1.\1"),
            (r"backbone\.(layer\d\.\d+)\.conv(\d)\.conv\.(.+)", r"\1.conv\2.\3"),
            (r"backbone\.(layer\d\.\d+)\.conv(\d)\.bn\.(.+)", r"\1.bn\2.\3"),
            (r"backbone\.(layer\d\.\d+)\.downsample\.conv\.(.+)", r"\1.downsample.0.\2"),
            (r"backbone\.(layer\d\.\d+)\.downsample\.bn\.(.+)", r"\1.downsample.1.\2"),
            (
                r"backbone\.(layer\d)\.(\d+)\.non_local_block\.(theta|phi|g)(?:\.0)?\.conv\.(.+)",
                r"nonlocal_blocks.\1_\2.\3.\4",
            ),
            (
                r"backbone\.(layer\d)\.(\d+)\.non_local_block\.conv_out\.conv\.(.+)",
                r"nonlocal_blocks.\1_\2.out.\3",
            ),
            (
                r"backbone\.(layer\d)\.(\d+)\.non_local_block\.conv_out\.bn\.(.+)",
                r"nonlocal_blocks.\1_\2.bn.\3",
            ),
            (
                r"backbone\.(layer\d)\.(\d+)\.non_local_block\.concat_project\.conv\.weight",
                r"nonlocal_blocks.\1_\2.pair.weight",
            ),
            (r"cls_head\.fc_cls\.(.+)", r"fc.\1"),
        ),
    ),
    "video-nonlocal-net": NameLayout(
        r"res2_0_branch2a_w",
        (
            (r"conv1_w", "conv1.weight"),
            (r"res_conv1_bn_(s|b|rm|riv)", _caffe2_stem),
            (rf"res([2-5])_(\d+)_branch2([abc])_{_CAFFE2_NORM}", _caffe2_residual),
            (rf"res([2-5])_(\d+)_branch1_{_CAFFE2_NORM}", _caffe2_shortcut),
            (r"nonlocal_conv([2-5])_(\d+)_(theta|phi|g|out)_(w|b)", _caffe2_nonlocal),
            (r"nonlocal_conv([2-5])_(\d+)_(bn)_(s|b|rm|riv)", _caffe2_nonlocal),
            (r"pred_w", "fc.weight"),
            (r"pred_b", "fc.bias"),
        ),
        r".*_momentum|lr|model_iter|weight_decay(_bn)?|ONE",
    ),
    # The last: what no other layout claims. Its names are ours.
    "torchvision": NameLayout(r"conv1\.weight", ()),
}


def layout_of(names: Mapping[str, Tensor]) -> str:
    """The layout whose sign is among the names of a file's arrays.

    Raises:
        ValueError: Where none is.
    """
    for layout, description in LAYOUTS.items():
        if any(re.fullmatch(description.sign, name) for name in names):
            return layout
    first = ", ".join(list(names)[:3]) or "nothing"
    raise ValueError(
        f"parameters of no known layout ({first}, ...); expected one of {', '.join(LAYOUTS)}"
    )
