"""What does a perfect network lose by each codec, decoder, sigma, window, temperature, map size and precision?"""
