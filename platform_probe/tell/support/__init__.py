"""Pages for support agents: the time, what happened to whom, what to say and what to do."""
