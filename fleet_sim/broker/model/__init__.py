"""A model of mosquitto in this process: it keeps its rules and passes its test body."""
