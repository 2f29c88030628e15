{{- define "gantry.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "gantry.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "gantry.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "gantry.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "gantry.selector" -}}
app.kubernetes.io/name: {{ include "gantry.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "gantry.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "gantry.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "gantry.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "gantry.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "gantry.fullname" .) }}
{{- else -}}
{{ required "serviceAccount.name is needed where serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{/* The label that a node bears while Gantry runs there, and that pods of the RuntimeClass are scheduled by. */}}
{{- define "gantry.nodeLabel" -}}gantry.example/runtime{{- end -}}

{{/* What the agent is told; deploy/agent/settings.ts reads it. */}}
{{- define "gantry.settings" -}}
{{- $config := dict "cgroup-driver" .Values.daemon.cgroupDriver "log-level" .Values.daemon.logLevel "metrics-listen" "unix:/run/gantry/metrics.sock" -}}
{{- $daemon := merge (dict) .Values.daemon.config $config -}}
{{- if eq .Values.mode "beside" -}}
{{- $_ := set $daemon "upstream-endpoint" .Values.upstream.endpoint -}}
{{- $_ := set $daemon "upstream-handlers" (list .Values.runtimeClass.name) -}}
{{- end -}}
{{- dict
  "mode" .Values.mode
  "daemon" $daemon
  "kubelet" (dict "service" .Values.kubelet.service "previousEndpoint" .Values.kubelet.previousEndpoint "revertAfterSeconds" .Values.kubelet.revertAfterSeconds)
  "healthTimeoutSeconds" .Values.agent.healthTimeoutSeconds
  "leaseSeconds" .Values.agent.leaseSeconds
  "runtimeClass" .Values.runtimeClass.name
  | toPrettyJson -}}
{{- end -}}
