"""How well failures are diagnosed: each mode injected in virtual time, and what was named."""
