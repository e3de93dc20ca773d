{{/*
Two operators over one namespace would undo each other's work, so an installation that would be a second one is refused. They are
found by the bindings of their rights. `helm template` and Argo CD ask no cluster; there the operator that goes second stands by.
*/}}
{{- define "modelway.refuseSecondInstallation" -}}
{{- $mine := printf "%s/%s" .Release.Namespace .Release.Name -}}
{{- if empty .Values.namespaces -}}
{{- range (lookup "rbac.authorization.k8s.io/v1" "ClusterRoleBinding" "" "").items -}}
{{- include "modelway.refuseIfAnother" (dict "binding" . "mine" $mine "where" "all namespaces") -}}
{{- end -}}
{{- end -}}
{{- range .Values.namespaces -}}
{{- $namespace := . -}}
{{- range (lookup "rbac.authorization.k8s.io/v1" "RoleBinding" $namespace "").items -}}
{{- include "modelway.refuseIfAnother" (dict "binding" . "mine" $mine "where" (printf "namespace %s" $namespace)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A binding of another release's operator, but for that of its Lease. */}}
{{- define "modelway.refuseIfAnother" -}}
{{- $meta := .binding.metadata -}}
{{- $labels := $meta.labels | default dict -}}
{{- $ours := and (eq (get $labels "app.kubernetes.io/part-of") "modelway") (eq (get $labels "app.kubernetes.io/component") "operator") -}}
{{- if and $ours (not (hasSuffix "-leader-election" $meta.name)) -}}
{{- $annotations := $meta.annotations | default dict -}}
{{- $release := get $annotations "meta.helm.sh/release-name" -}}
{{- $in := get $annotations "meta.helm.sh/release-namespace" -}}
{{- $other := printf "%s/%s" $in $release -}}
{{- if and $release (ne $other .mine) -}}
{{- fail (printf "Modelway is installed already: release %s in namespace %s looks after %s. Upgrade that one (helm upgrade %s -n %s), remove it (helm uninstall %s -n %s), or give each release namespaces of its own (the value namespaces)." $release $in .where $release $in $release $in) -}}
{{- end -}}
{{- end -}}
{{- end -}}
