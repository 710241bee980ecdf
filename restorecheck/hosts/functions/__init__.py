"""The AWS host: functions under Step Functions. They wait for nothing; the state machine does."""
