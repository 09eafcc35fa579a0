"""Models at work: on arrays, picture files, folders and videos, and over HTTP."""
