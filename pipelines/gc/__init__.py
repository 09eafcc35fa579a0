"""What nothing needs any more of all that retrainings leave behind, and how it goes; looking changes nothing."""
