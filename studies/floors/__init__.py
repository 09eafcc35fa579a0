"""What each codec and decoder loses with a perfect network."""
