"""Many runs of one scenario, one table and one report."""
