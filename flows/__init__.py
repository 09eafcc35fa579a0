"""When things run, who is asked, what is retried."""

from pipelines.runtime import environment

environment.set_defaults()
