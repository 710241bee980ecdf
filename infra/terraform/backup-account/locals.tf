locals {
  packages = { for name in fileset(var.directory, "*.zip") : trimsuffix(name, ".zip") => "${var.directory}/${name}" }
  original = file("${var.directory}/backup-account.yaml")

  # Named after what they hold: a new version is a new key, and the stack sees it.
  digest = sha256(join("", concat([local.original], [for path in values(local.packages) : filesha256(path)])))
  prefix = "${var.artifact_prefix}/${substr(local.digest, 0, 16)}"

  # As `aws cloudformation package` does it.
  template = replace(local.original, "/Code: (\\w+)\\.zip/", "Code: {S3Bucket: ${var.artifact_bucket}, S3Key: ${local.prefix}/$1.zip}")
}
