"""The simulator's model beside published measurements: `python -m bench.fidelity`."""
