"""How fast are targets, decoders, a training step and inference, against plain ways of doing the same?"""
