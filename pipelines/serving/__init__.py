"""Models at work: on arrays, picture files and folders, and over HTTP."""
