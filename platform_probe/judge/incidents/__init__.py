"""One incident for one problem, whatever the number of findings. No I/O, no clock."""
