"""Pages and endpoints of the monitor over HTTP."""
