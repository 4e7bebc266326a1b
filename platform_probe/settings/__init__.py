"""The settings of the monitor: files, environment, flags."""
