"""Texts for people: answers to support, messages to on-call, exported incidents."""
