"""What goes over the wire: messages, topics, codec, signatures, causes, the attempt. No I/O."""
