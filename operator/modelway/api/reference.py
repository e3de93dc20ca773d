"""The resource's reference for people: every field, its type, default, rules and description, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .crd import COLUMNS
from .field import CEL
from .schema import INT_OR_STRING

_HEAD: Final = """# ModelDeployment

`modelway.io/v1alpha1`, short name `md`, category `modelway`. Generated from `operator/modelway/api/` by
`make generate`; `kubectl explain md.spec` shows the same.

**No field is silently ignored.** `kubectl apply` and `kubectl create` refuse unknown and misspelt fields
(`--validate=strict` is kubectl's default). With other clients ask for it (`fieldValidation=Strict`), for the API
server otherwise drops what the schema does not know. A field that the CRD knows and the operator does not, since one
of them is older, is told as `Stalled=True, reason=InvalidSpec`.

## Smallest useful manifest

```yaml
apiVersion: modelway.io/v1alpha1
kind: ModelDeployment
metadata: {name: digits}
spec:
  model: {uri: "https://example.com/digits.onnx"}
```
"""


def reference(definition: Mapping[str, Any]) -> str:
    """The reference page of a CustomResourceDefinition."""
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    lines = [_HEAD, "## Name", *_rules(schema), ""]
    for part in ("spec", "status"):
        lines += [f"## {part}", "", schema["properties"][part]["description"], *_rules(schema["properties"][part]), ""]
        lines += ["| field | type | default | meaning |", "|---|---|---|---|"]
        lines += [_row(path, node, required) for path, node, required in fields(schema["properties"][part], part)]
        lines.append("")
    lines += ["## Columns", "", "| column | from | shown |", "|---|---|---|"]
    lines += [
        f"| {name.upper()} | `{path}` | {'with -o wide' if priority else 'always'} |"
        for name, _, path, priority in COLUMNS
    ]
    return "\n".join(lines) + "\n"


def fields(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Every field below a node: its path, its schema, and whether it must be given."""
    for name, field in node.get("properties", {}).items():
        below = f"{path}.{name}"
        yield below, field, name in node.get("required", ())
        yield from fields(field, below)
        yield from fields(field.get("items", {}), f"{below}[]")


def _row(path: str, node: Mapping[str, Any], required: bool) -> str:
    default = "required" if required else f"`{_json(node['default'])}`" if "default" in node else ""
    told = [node.get("description", ""), *(f"*{sentence}.*" for sentence in _sentences(node))]
    return f"| `{path}` | {_type(node)} | {default} | {' '.join(told)} |"


def _type(node: Mapping[str, Any]) -> str:
    if "enum" in node:
        return " \\| ".join(f"`{value}`" for value in node["enum"])
    if node.get(INT_OR_STRING):
        return "integer or string"
    if "additionalProperties" in node:
        return "map"
    if node.get("type") == "array":
        return "list"
    bounds = [f"{sign} {node[key]}" for key, sign in (("minimum", "≥"), ("maximum", "≤")) if key in node]
    return " ".join([str(node.get("format", node.get("type"))), *bounds])


def _rules(node: Mapping[str, Any]) -> list[str]:
    return ["", *(f"- {sentence}." for sentence in _sentences(node))]


def _sentences(node: Mapping[str, Any]) -> list[str]:
    return [rule["message"] for rule in node.get(CEL, ())]


def _json(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
