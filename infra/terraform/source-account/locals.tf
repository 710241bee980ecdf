locals {
  parameters = merge(
    {
      BackupAccountId = var.backup_account_id
      ExternalId      = var.external_id
    },
    var.parameters,
  )
}
