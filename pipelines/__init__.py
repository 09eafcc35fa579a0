"""Where things run and what is kept. Importing this package sets the quiet, offline defaults of every tool."""

from pipelines import environment

environment.set_defaults()
