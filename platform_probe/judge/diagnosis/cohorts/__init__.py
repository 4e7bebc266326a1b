"""Which cohort the failures share, and since when."""
