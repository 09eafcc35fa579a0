"""What colour everything has and how it answers light: skin, eyes, hair, cloth; imports `shape` only."""
