{{/*
What the operator may do in each namespace that it looks after. It sees by list and watch alone, writes by server-side apply
(patch, and create for what does not exist yet), and never reads a Secret.
*/}}
{{- define "modelway.operatorRules" -}}
- apiGroups: [modelway.io]
  resources: [modeldeployments]
  verbs: [list, watch]
- apiGroups: [modelway.io]
  resources: [modeldeployments/status]
  verbs: [patch]
# Owner references that block the owner's deletion, where OwnerReferencesPermissionEnforcement is on.
- apiGroups: [modelway.io]
  resources: [modeldeployments/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments, controllerrevisions]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch, create, patch, delete]
# Traffic documents, which go with their ModelDeployment and are never deleted by the operator; and golden requests.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, watch, create, patch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch, create, patch, delete]
# Only for spec.traffic.gateway; a cluster without the Gateway API takes no notice.
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, grpcroutes]
  verbs: [list, watch, create, patch, delete]
# Why a revision does not come up is read from its pods' status; one that holds the wrong bytes is deleted; an annotation makes
# the kubelet refresh a mounted ConfigMap at once.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}
