"""New faces: what they are held against before they train, and what the champion makes of them."""
