"""The ways in which a car does not open, as data: what each is, and which facts speak for it.

A monitor reads them. They know neither what simulates them nor what watches.
"""
