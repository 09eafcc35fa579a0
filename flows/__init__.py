"""When things run, who is asked, what is retried."""

from pipelines import environment

environment.set_defaults()
