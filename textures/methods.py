"""The methods that make textures: one line each.

A further method is a folder of its own, with a class that is a `TextureMethod`, and a line here.
"""

from __future__ import annotations

from mocap.errors import BadInput
from textures.ddff.method import DdffMethod
from textures.rstg.method import RstgMethod
from textures.sampler_refiner.method import SamplerRefinerMethod
from textures.texture_method import TextureMethod

METHODS: dict[str, type[TextureMethod]] = {
    "rstg": RstgMethod,
    "sampler-refiner": SamplerRefinerMethod,
    "ddff": DdffMethod,
}
DEFAULT_METHOD = "rstg"


def method_named(name: str) -> type[TextureMethod]:
    """The class of a method. Raises BadInput for a name that no method has."""
    if name not in METHODS:
        raise BadInput(f"method {name}: expected one of {', '.join(METHODS)}")
    return METHODS[name]


def variant_overrides(method: type[TextureMethod], name: str) -> tuple[str, ...]:
    """The changes that a variant of a method makes to a recipe, its name among them.

    Raises:
        BadInput: for a name that none of the method's variants has.
    """
    if name not in method.variants:
        expected = ", ".join(method.variants) or "none: the method has no variants"
        raise BadInput(f"--variant {name}: expected one of {expected}")
    return (f"variant={name}", *method.variants[name].overrides)
