"""What the deployment in AWS keeps: drills, reports, leases, pages, messages."""
