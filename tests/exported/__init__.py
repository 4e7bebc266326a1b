"""Whether what `platform-probe export` writes shows again what it was made of."""
