# The role in the account that holds production: infra/source-account.yaml, and nothing else.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

resource "aws_cloudformation_stack" "this" {
  name          = var.stack_name
  template_body = file("${var.directory}/source-account.yaml")
  parameters    = local.parameters
  capabilities  = ["CAPABILITY_NAMED_IAM"]
  tags          = { "restorecheck:managed" = "true" }
}
