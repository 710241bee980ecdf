output "outputs" {
  description = "Outputs of the stack, under their names: keys, groups, buckets and machines."
  value       = aws_cloudformation_stack.this.outputs
}
