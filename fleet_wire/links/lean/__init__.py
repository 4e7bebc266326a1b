"""The lean link: a sans-I/O MQTT 5 codec under one asyncio protocol, for very many clients."""
