"""Where records go: files, metrics, logs."""
