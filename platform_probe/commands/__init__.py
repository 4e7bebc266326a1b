"""The commands of `platform-probe` that ask a store, a module each; `__main__` lists them."""
