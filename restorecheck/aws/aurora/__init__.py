"""Aurora: cluster snapshots, restored into a cluster with one instance."""
