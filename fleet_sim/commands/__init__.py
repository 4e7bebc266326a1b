"""The commands of `fleet-sim`, one module each."""
