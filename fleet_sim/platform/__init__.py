"""The emulated platform: what stands between a customer's phone and the broker."""
