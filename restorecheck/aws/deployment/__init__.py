"""Storage of the deployment in AWS: drills, reports, leases, pages, messages."""
