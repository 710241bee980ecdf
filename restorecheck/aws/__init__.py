"""RDS, KMS, STS and Secrets Manager: the only room that speaks to AWS."""
