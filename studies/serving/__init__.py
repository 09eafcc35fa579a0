"""How long do requests take on a loaded server, and how many faces a second does it answer, against the model in a loop?"""
