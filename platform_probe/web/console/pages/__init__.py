"""The pages: each takes what is asked and returns what is shown."""
