"""Where everything is, in cm and in px: head, hair, landmarks and the camera before them; imports no other room."""
