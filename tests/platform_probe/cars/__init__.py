"""The state of a car, and fleets of cars."""
