"""How much do landmarks on a video tremble and lag, by tracking and smoothing, against the exact truth of drawn videos?"""
