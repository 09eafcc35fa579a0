"""How often the gate errs, and what it can see."""
