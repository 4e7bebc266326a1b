"""The judge: it folds the journal into diagnoses and incidents. No I/O, no clock of its own."""
