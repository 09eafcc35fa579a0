"""Which codec, loss and decoder finds landmarks best, on the same faces, network, epochs and seeds?"""
