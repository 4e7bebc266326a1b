"""Why an unlock failed, from what a monitor may know. No I/O, no clock."""
