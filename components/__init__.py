"""The domain: what a face, a crop, a heatmap, a model and an error are. Knows numpy, torch and OpenCV, and no service."""
