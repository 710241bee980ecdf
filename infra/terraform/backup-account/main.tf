# Everything else: infra/backup-account.yaml, with the packages of its functions.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

resource "aws_s3_object" "package" {
  for_each = local.packages
  bucket   = var.artifact_bucket
  key      = "${local.prefix}/${each.key}.zip"
  source   = each.value
}

# Too large to be given in the request (51,200 bytes), so CloudFormation reads it from the bucket.
resource "aws_s3_object" "template" {
  bucket  = var.artifact_bucket
  key     = "${local.prefix}/backup-account.yaml"
  content = local.template
}

# The host of a bucket is its region's, and its partition's.
data "aws_s3_bucket" "artifacts" {
  bucket = var.artifact_bucket
}

resource "aws_cloudformation_stack" "this" {
  name         = var.stack_name
  template_url = "https://${data.aws_s3_bucket.artifacts.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  parameters   = var.parameters
  capabilities = ["CAPABILITY_NAMED_IAM"]
  tags         = { "restorecheck:managed" = "true" }
  depends_on   = [aws_s3_object.package]
}
