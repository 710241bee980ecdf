output "outputs" {
  description = "Outputs of the stack, under their names: TransitKeyArn, the role's ARN."
  value       = aws_cloudformation_stack.this.outputs
}
