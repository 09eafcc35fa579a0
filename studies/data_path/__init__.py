"""How fast do stored crops become batches, against a plain loader of picture files?"""
