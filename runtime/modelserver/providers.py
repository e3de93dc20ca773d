"""Execution providers: what `MODELSERVER_PROVIDERS` asks for, and whether the installed ONNX Runtime has it. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from modelserver.errors import BadSettings

SUFFIX = "executionprovider"
CPU = "CPUExecutionProvider"
SYNTAX = "'auto', or names in order such as cuda,cpu, each with options such as cuda:device_id=0;use_tf32=0"
# Which package brings a provider; the others come only with an ONNX Runtime that was built with them.
PACKAGES = {
    "cuda": "onnxruntime-gpu",
    "tensorrt": "onnxruntime-gpu",
    "openvino": "onnxruntime-openvino",
    "dml": "onnxruntime-directml",
    "migraphx": "onnxruntime-migraphx",
    "qnn": "onnxruntime-qnn",
}


@dataclass(frozen=True, slots=True)
class Provider:
    """`name` as the setting or as ONNX Runtime says it; `options` go to ONNX Runtime unread."""

    name: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def short(self) -> str:
        """`CUDAExecutionProvider` → `cuda`."""
        return short(self.name)


def short(name: str) -> str:
    """ONNX Runtime's name without its suffix, in lower case."""
    return name.lower().removesuffix(SUFFIX)


def parse(text: str) -> tuple[Provider, ...]:
    """The setting's value; () for auto. Raises ValueError with what was expected."""
    if text.strip().lower() == "auto":
        return ()
    asked = tuple(_provider(word.strip()) for word in text.split(","))
    if len({one.short for one in asked}) < len(asked):
        raise ValueError(f"{SYNTAX}, each name once")
    return asked


def _provider(word: str) -> Provider:
    name, colon, rest = word.partition(":")
    pairs = [pair.partition("=") for pair in rest.split(";")] if colon else []
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or any(not key or not equals for key, equals, _ in pairs):
        raise ValueError(SYNTAX)
    return Provider(name, tuple((key.strip(), value.strip()) for key, _, value in pairs))


def resolve(asked: Sequence[Provider], installed: Sequence[str]) -> tuple[Provider, ...]:
    """`asked` under ONNX Runtime's own names; the CPU for auto. Raises BadSettings for one that is not installed."""
    if not asked:
        return (Provider(CPU),)
    names = {short(name): name for name in installed}
    for one in asked:
        if one.short not in names:
            package = PACKAGES.get(one.short)
            remedy = f"Use an image made with {package}" if package else "Use an ONNX Runtime that was built with it"
            raise BadSettings(
                f"MODELSERVER_PROVIDERS asks for {one.name!r}, but the installed ONNX Runtime has "
                f"{', '.join(sorted(names))}. {remedy}, or ask for one of these."
            )
    return tuple(Provider(names[one.short], one.options) for one in asked)
