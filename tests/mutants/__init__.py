"""Whether the tests of the core notice when it is changed."""
