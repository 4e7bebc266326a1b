"""What came of a run: summary, expectations, report."""
