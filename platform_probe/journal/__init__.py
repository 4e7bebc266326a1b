"""The journal: everything that the monitor measured and heard, in order, written once."""
