"""What moved: distances between a reference and now, how far chance alone would carry them, and who is to blame.

Pure functions of histograms and sampled rows: no clock, no state, and random numbers only from seeds that follow from
the reference.
"""
