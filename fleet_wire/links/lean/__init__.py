"""The lean link: a sans-I/O MQTT codec under one asyncio protocol, for very many clients."""
