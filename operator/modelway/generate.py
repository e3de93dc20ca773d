"""Writes what is generated from the code: ``python -m modelway.generate``; ``--check`` only compares.

The CRD, the chart's copy of it, the reference for people, the picture of an update's stages, and what Argo CD is told.
``tests/contract/`` fails when they drift.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

import yaml

from modelway.api.crd import custom_resource_definition
from modelway.api.reference import reference
from modelway.decide import diagram
from modelway.decide.verbs import VERBS
from modelway.manifests import names

ROOT: Final = Path(__file__).resolve().parents[2]

_HEADER: Final = "# Generated from operator/modelway/api/ by `make generate`; do not edit.\n"
_ARGO_CD: Final = """\
# Generated from the scripts beside it by `make generate`; do not edit. What it does: docs/gitops.md.
# kubectl apply --server-side --field-manager=modelway-argocd -n argocd -f gitops/argocd/argocd-cm.yaml
"""
_KEEP: Final = """  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
"""


def generated() -> dict[str, str]:
    """Path below the repository's root → content."""
    definition = custom_resource_definition()
    text = _yaml(definition)
    return {
        "crds/modeldeployments.modelway.io.yaml": _HEADER + text,
        "helm/modelway/templates/crds.yaml": _template(text),
        "docs/reference/modeldeployment.md": reference(definition),
        "docs/reference/stages.md": diagram.page(),
        "gitops/argocd/argocd-cm.yaml": _ARGO_CD + _argo_cd(),
    }


def _argo_cd() -> str:
    """The part of Argo CD's ConfigMap that is about ModelDeployments: their health, and an action for each verb."""
    health, discovery, action = (
        (ROOT / "gitops/argocd" / f"{script}.lua").read_text() for script in ("health", "discovery", "action")
    )
    definitions = [{"name": verb, "action.lua": action.replace("VERB", verb)} for verb in VERBS]
    actions = yaml.dump({"discovery.lua": discovery, "definitions": definitions}, Dumper=_Blocks, sort_keys=False)
    about = f"{names.GROUP}_{names.KIND}"
    data = {f"resource.customizations.health.{about}": health, f"resource.customizations.actions.{about}": actions}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": data}
    return yaml.dump(manifest, Dumper=_Blocks, sort_keys=False, width=160)


def _yaml(manifest: dict[str, Any]) -> str:
    return yaml.dump(manifest, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=160)


class _Plain(yaml.SafeDumper):
    """No anchors: the same rule twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        """Nothing is an alias."""
        return True


class _Blocks(_Plain):
    """Scripts as blocks that people can read."""

    def represent_str(self, text: str) -> yaml.ScalarNode:
        """A text of several lines as a block."""
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Blocks.add_representer(str, _Blocks.represent_str)


def _template(text: str) -> str:
    """The CRD as a chart's template: what looks like one in a description is escaped."""
    escaped = text.replace("{{", '{{ "{{" }}')
    head, metadata, rest = escaped.partition("metadata:\n")
    return f"{{{{- if .Values.crds.install }}}}\n{_HEADER}{head}{metadata}{_KEEP}{rest}{{{{- end }}}}\n"


def main() -> int:
    """Writes the files, or with --check says which are out of step."""
    parser = argparse.ArgumentParser(prog="python -m modelway.generate", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is out of step")
    check = parser.parse_args().check
    stale = [path for path, content in generated().items() if _read(ROOT / path) != content]
    for path in stale:
        if not check:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(generated()[path])
        print(f"{path}: {'out of step; run `make generate`' if check else 'written'}")
    return 1 if check and stale else 0


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
