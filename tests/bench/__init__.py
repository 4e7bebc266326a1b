"""Tests of the benchmarks themselves: that every fleet answers, not how fast."""
