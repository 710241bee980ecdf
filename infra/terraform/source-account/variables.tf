variable "directory" {
  description = "Folder that `restorecheck infra export` wrote."
  type        = string
}

variable "backup_account_id" {
  description = "Id of the backup account, which may enter the role."
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}$", var.backup_account_id))
    error_message = "Expected the 12 digits of an account id."
  }
}

variable "external_id" {
  description = "Secret word that the backup account says when it enters the role."
  type        = string
  sensitive   = true
  validation {
    condition     = length(var.external_id) >= 16
    error_message = "Expected at least 16 characters."
  }
}

variable "parameters" {
  description = "Further parameters of the template, under their names."
  type        = map(string)
  default     = {}
}

variable "stack_name" {
  description = "Name of the stack."
  type        = string
  default     = "restorecheck-source"
}
