"""Everything the cars and the monitor agree on: messages, topics, codec, causes, clocks and links.

Neither `fleet_sim` nor `platform_probe` is imported here.
"""
