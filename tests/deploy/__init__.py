"""Tests of the files in deploy/, of the image and of docker-compose.yml."""
