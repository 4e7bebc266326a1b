"""The wire contract: messages, topics, codec, signatures, causes and the unlock attempt. No I/O."""
