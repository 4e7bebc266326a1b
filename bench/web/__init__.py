"""HTTP: web stacks side by side, and the platform's API beside a bare handler of its own stack."""
