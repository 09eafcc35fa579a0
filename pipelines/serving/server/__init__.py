"""The HTTP server of a model: requests in batches, a page to try it on, numbers for Prometheus, and the champion when it changes."""
