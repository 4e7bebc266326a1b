"""Tests of bench/score."""
