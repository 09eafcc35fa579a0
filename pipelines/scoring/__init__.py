"""What a model says of stored faces, what that is worth under a protocol, and the table of many protocols."""
