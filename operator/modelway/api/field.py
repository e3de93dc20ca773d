"""What every model of the resource is made of: the frozen object, and texts and numbers that explain their mistakes.

A rule is written once, as CEL with a sentence. The API server evaluates it; where a value is plain text the same
pattern also guards the operator, for a CRD may be older or newer than the operator that reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

CEL: Final = "x-kubernetes-validations"


class Object(BaseModel):
    """An object of the resource: frozen, camelCase on the wire; an unknown field is a mistake, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)


def rule(expression: str, sentence: str) -> dict[str, str]:
    """One CEL rule as the API server wants it."""
    return {"rule": expression, "message": sentence}


def rules(*given: dict[str, str], **schema: Any) -> ConfigDict:
    """A model's configuration with CEL rules over the whole object."""
    extra: dict[str, Any] = {CEL: list(given), **schema}
    return ConfigDict(json_schema_extra=extra)


@dataclass(frozen=True, slots=True, eq=False)  # hashed by identity: typing wants annotations hashable
class Schema:
    """Annotation: keys that only the CRD's schema knows, such as list types and bounds of maps."""

    extra: dict[str, Any]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Pydantic's schema of the field, and ours."""
        return {**handler(core), **self.extra}


@dataclass(frozen=True, slots=True)
class Matches:
    """Annotation: text that matches ``pattern`` (RE2 and Python alike); other text is answered with ``sentence``."""

    pattern: str
    sentence: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The guard in the operator."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The guard in the API server; a sentence instead of its ``should match '^…$'``."""
        schema = dict(handler(core))
        schema[CEL] = [*schema.get(CEL, []), rule(f"self.matches({quoted(self.pattern)})", self.sentence)]
        return schema

    def _check(self, value: str) -> str:
        if not re.search(self.pattern, value):
            raise ValueError(self.sentence)
        return value


def quoted(text: str) -> str:
    """A CEL string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def text(maximum: int) -> StringConstraints:
    """Non-empty text of at most ``maximum`` characters: the bound keeps the CEL rules cheap."""
    return StringConstraints(min_length=1, max_length=maximum)


_DURATION: Final = re.compile(r"(\d+)([smh])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}


def seconds(duration: str) -> float:
    """``1h30m`` → 5400.0."""
    return float(sum(int(number) * _SECONDS[unit] for number, unit in _DURATION.findall(duration)))


Duration = Annotated[
    str, text(16), Matches(r"^([0-9]{1,5}[smh]){1,3}$", "must be a duration such as 90s, 10m or 1h30m")
]

_QUANTITY: Final = re.compile(r"^([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$")
_POWERS: Final = ("k", "M", "G", "T", "P", "E")
_SUFFIX: Final = {
    **{"": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")},
    **{unit: Decimal(1000) ** power for power, unit in enumerate(_POWERS, 1)},
    **{f"{unit.upper()}i": Decimal(1024) ** power for power, unit in enumerate(_POWERS, 1)},
}


def amount(quantity: str | int) -> Decimal:
    """A Kubernetes quantity as a number: ``500m`` → 0.5, ``1Gi`` → 1073741824; ValueError for anything else."""
    found = _QUANTITY.match(str(quantity))
    if not found:
        raise ValueError("must be a quantity such as 500m, 2 or 512Mi")
    number, suffix = Decimal(found[1]), found[2] or ""
    return number * (_SUFFIX[suffix] if suffix in _SUFFIX else Decimal(f"1{suffix}"))


def _quantity(value: str | int) -> str | int:
    if amount(value) < 0:
        raise ValueError("must not be negative")
    return value


Quantity = Annotated[
    int | str,
    AfterValidator(_quantity),
    Schema(
        {
            "x-kubernetes-int-or-string": True,
            CEL: [
                rule(
                    "type(self) == int ? self >= 0 : isQuantity(self) && !quantity(self).isLessThan(quantity('0'))",
                    "must be a quantity such as 500m, 2 or 512Mi, and not negative",
                )
            ],
        }
    ),
]
