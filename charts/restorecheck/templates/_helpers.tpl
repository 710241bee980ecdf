{{- define "restorecheck.name" -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) | trunc 48 | trimSuffix "-" }}
{{- end }}

{{- define "restorecheck.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "restorecheck.labels" -}}
{{ include "restorecheck.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "restorecheck.secret" -}}
{{- if .Values.existingSecret }}{{ .Values.existingSecret }}{{ else }}{{ include "restorecheck.name" . }}{{ end }}
{{- end }}

{{- define "restorecheck.image" -}}
{{- if .Values.image.digest }}{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}{{ else }}{{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}{{ end }}
{{- end }}

{{- define "restorecheck.claim" -}}
accessModes: [ReadWriteOnce]
{{- with .storageClassName }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests: {storage: {{ .size }}}
{{- end }}

{{/* The Pod of every mode: what the Pod Security Standard `restricted` asks for cannot be switched off. */}}
{{- define "restorecheck.pod" -}}
metadata:
  labels:
    {{- include "restorecheck.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # The runner starts anew when the configuration changes.
    checksum/config: {{ toYaml .Values.config | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  restartPolicy: {{ if eq .Values.mode "runner" }}Always{{ else }}Never{{ end }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .Values.serviceAccount.name | default (ternary (include "restorecheck.name" .) "" .Values.serviceAccount.create) }}
  serviceAccountName: {{ . }}
  {{- end }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  # Longer than runner.stop_within_seconds, for the teardown.
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile: {type: RuntimeDefault}
  {{- with .Values.initContainers }}
  initContainers: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: restorecheck
      image: {{ include "restorecheck.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      {{- if eq .Values.mode "cronjob" }}
      args: ["run", "--once"]
      {{- else if eq .Values.mode "job" }}
      args: {{- toYaml .Values.job.args | nindent 8 }}
      {{- else }}
      args: ["run"]
      {{- with .Values.runner.port }}
      ports: [{name: metrics, containerPort: {{ . }}}]
      livenessProbe:
        httpGet: {path: /healthz, port: metrics}
        periodSeconds: 60
        timeoutSeconds: 10
        failureThreshold: 5
      {{- end }}
      {{- end }}
      {{- with .Values.env }}
      env: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.envFrom }}
      envFrom: {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      resources: {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/restorecheck, readOnly: true}
        {{- if .Values.backups.existingClaim }}
        - {name: backups, mountPath: {{ .Values.backups.mountPath }}, readOnly: true}
        {{- end }}
        - {name: state, mountPath: /var/lib/restorecheck/state}
        - {name: work, mountPath: /tmp}
        {{- range $index, $file := .Values.secretFiles }}
        - {name: secret-{{ $index }}, mountPath: {{ $file.mountPath }}, readOnly: true}
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      secret: {secretName: {{ include "restorecheck.secret" . }}}
    {{- with .Values.backups.existingClaim }}
    - name: backups
      persistentVolumeClaim: {claimName: {{ . }}, readOnly: true}
    {{- end }}
    - name: state
      {{- if eq .Values.state.kind "none" }}
      emptyDir: {sizeLimit: {{ .Values.state.size }}}
      {{- else }}
      persistentVolumeClaim: {claimName: {{ if eq .Values.state.kind "existing" }}{{ .Values.state.existingClaim }}{{ else }}{{ include "restorecheck.name" . }}-state{{ end }}}
      {{- end }}
    - name: work
      {{- if eq .Values.work.kind "emptyDir" }}
      # Room for the whole restored database.
      emptyDir: {sizeLimit: {{ .Values.work.size }}}
      {{- else }}
      ephemeral:
        volumeClaimTemplate:
          spec:
            {{- include "restorecheck.claim" .Values.work | nindent 12 }}
      {{- end }}
    {{- range $index, $file := .Values.secretFiles }}
    - name: secret-{{ $index }}
      secret: {secretName: {{ $file.secretName }}}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
