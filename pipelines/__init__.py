"""Where things run and what is kept. Importing this package sets the quiet, offline defaults of every tool."""

from pipelines.runtime import environment

environment.set_defaults()
