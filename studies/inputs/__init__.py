"""What the studies start from: a recipe with some of its keys changed, and stored crops, one's own or drawn."""
