"""What a picture shows and how it is taken, from the dice to the lens; imports `paint` and `shape`."""
