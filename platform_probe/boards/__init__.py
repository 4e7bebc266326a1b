"""Boards of squads: YAML files of questions to the store or to Prometheus, with charts and text."""
