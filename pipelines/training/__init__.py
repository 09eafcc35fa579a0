"""The training: batches from stored crops, the loop, where it runs, and what is fitted after it."""
