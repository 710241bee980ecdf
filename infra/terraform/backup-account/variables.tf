variable "directory" {
  description = "Folder that `restorecheck infra export` wrote."
  type        = string
}

variable "artifact_bucket" {
  description = "Existing bucket in the backup account for template and packages."
  type        = string
}

variable "artifact_prefix" {
  description = "Folder in that bucket."
  type        = string
  default     = "restorecheck"
}

variable "parameters" {
  description = "Parameters of the template, under their names."
  type        = map(string)
  default     = {}
  sensitive   = true
}

variable "stack_name" {
  description = "Name of the stack."
  type        = string
  default     = "restorecheck"
}
