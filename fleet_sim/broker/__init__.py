"""The brokers that the simulator starts: a private process, or a model in this process."""
