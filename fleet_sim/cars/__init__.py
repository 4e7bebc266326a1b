"""The cars: box, modem, radio, vehicle, and the world they share. No I/O, no wall clock."""
