"""Pages for support agents: when it was, what happened to whom, what to say and what to do."""
