"""The commands that ask a store, as a user types them."""
