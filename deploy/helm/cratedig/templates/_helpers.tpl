{{- /* The image of a service: (list $ "ingest"). */}}
{{- define "cratedig.image" -}}
{{- $root := index . 0 -}}
{{- $service := index . 1 -}}
{{- if and $root.Values.gpu.enabled (eq $service "separation") -}}
{{- $service = "separation-gpu" -}}
{{- end -}}
{{- with $root.Values.images.registry }}{{ . }}/{{ end -}}
{{- $root.Values.images.repository }}/{{ $service -}}
{{- with $root.Values.images.tag }}:{{ . }}{{ end -}}
{{- end }}

{{- /* A setting as the text of an environment variable: large numbers stay whole. */}}
{{- define "cratedig.setting" -}}
{{- if kindIs "string" . }}{{ quote . }}{{ else }}{{ toJson . | quote }}{{ end -}}
{{- end }}

{{- /* The name of the job that fetches a service's weights. A job's template cannot change, so what
would change it makes a new job. */}}
{{- define "cratedig.weightsJob" -}}
{{- $root := index . 0 -}}
{{- $parts := list (include "cratedig.image" .) $root.Values.images $root.Values.authorities -}}
weights-{{ index . 1 }}-{{ $parts | toJson | sha256sum | trunc 8 }}
{{- end }}

{{- /* The labels of nodes with GPUs, with those that the service asks for: (list $ $nodeSelector). */}}
{{- define "cratedig.gpu.nodeSelector" -}}
{{- $root := index . 0 -}}
{{- $labels := deepCopy (index . 1) -}}
{{- if $root.Values.gpu.enabled }}{{ $labels = merge $labels $root.Values.gpu.nodeSelector }}{{ end -}}
{{- toYaml $labels -}}
{{- end }}

{{- define "cratedig.gpu.tolerations" -}}
{{- $root := index . 0 -}}
{{- $tolerations := index . 1 -}}
{{- if $root.Values.gpu.enabled }}{{ $tolerations = concat $root.Values.gpu.tolerations $tolerations }}{{ end -}}
{{- toYaml $tolerations -}}
{{- end }}
