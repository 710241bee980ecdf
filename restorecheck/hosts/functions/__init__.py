"""The AWS host: functions under Step Functions. The state machine waits, the functions do not."""
