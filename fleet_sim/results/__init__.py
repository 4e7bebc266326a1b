"""The results of a run: summary, expectations, report."""
