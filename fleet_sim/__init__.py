"""The cars: telematics boxes on SimPy, their radio, their faults, and the runs that start them."""
