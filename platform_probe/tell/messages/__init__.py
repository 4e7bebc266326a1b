"""Messages about incidents: to Slack, to Alertmanager, and to any URL."""
