"""What people are told: answers to support, messages to on-call, exported incidents."""
