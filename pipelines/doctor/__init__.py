"""What is wrong with this machine, this checkout and its servers, and what mends it; looking changes nothing."""
