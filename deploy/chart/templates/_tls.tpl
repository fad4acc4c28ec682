{{/* Fails unless the Secret has one origin, and the API server can come to trust it. */}}
{{- define "imagereview.checkTLS" -}}
{{- $tls := .Values.tls -}}
{{- $ways := list -}}
{{- if $tls.caBundle }}{{ $ways = append $ways "tls.caBundle" }}{{ end -}}
{{- if $tls.certManager.enabled }}{{ $ways = append $ways "tls.certManager.enabled" }}{{ end -}}
{{- if $tls.generate }}{{ $ways = append $ways "tls.generate" }}{{ end -}}
{{- if gt (len $ways) 1 -}}
{{- fail (printf "%s exclude each other: set the one that says where the certificate in the Secret %s comes from" (join " and " $ways) $tls.secret) -}}
{{- end -}}
{{- if and (include "imagereview.registers" .) (not $ways) -}}
{{- fail (printf "an API server has to know whom to trust before it can ask the webhook: set tls.caBundle to the authority of the certificate in the Secret %s, or tls.certManager.enabled, or tls.generate" $tls.secret) -}}
{{- end -}}
{{- if and $tls.mutual (or $tls.generate (and $tls.certManager.enabled (not $tls.certManager.issuerRef))) -}}
{{- fail "tls.mutual asks clients for a certificate that nobody could give them: name an authority of your own with tls.certManager.issuerRef, or make the Secret yourself" -}}
{{- end -}}
{{- end -}}

{{/* Fails unless it is said who may ask for reviews. */}}
{{- define "imagereview.checkClients" -}}
{{- $byAddress := and .Values.networkPolicy.enabled .Values.networkPolicy.reviewsFrom -}}
{{- if not (or .Values.tls.mutual $byAddress .Values.allowAnyClient) -}}
{{- fail "say who may ask for reviews: clients with a certificate (tls.mutual), those at the addresses of API servers (networkPolicy.reviewsFrom, with networkPolicy.enabled), or any that reaches a pod (allowAnyClient)" -}}
{{- end -}}
{{- if and .Values.tls.revocationLists (not .Values.tls.mutual) -}}
{{- fail "tls.revocationLists revokes certificates of clients, and without tls.mutual they show none: set both or neither" -}}
{{- end -}}
{{- end -}}

{{/* The name that the API server expects in the certificate. */}}
{{- define "imagereview.host" -}}
{{ include "imagereview.name" . }}.{{ .Release.Namespace }}.svc
{{- end -}}

{{/* Not empty if the chart makes an API server ask. */}}
{{- define "imagereview.registers" -}}
{{- if or .Values.webhooks.validating.enabled .Values.webhooks.mutating.enabled }}true{{ end -}}
{{- end -}}
