"""One test body for every link and broker."""
