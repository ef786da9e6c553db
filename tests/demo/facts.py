"""What is known of the flights of March to December, whatever the software."""

PREDICTIONS = 284_821
LABELS = 277_337
UNLABELLED = 7_484
WINDOWS = 5_815  # hours in which a flight was to depart
LATE_SHARE = {
    3: 0.228,
    4: 0.279,
    5: 0.220,
    6: 0.308,
    7: 0.315,
    8: 0.238,
    9: 0.132,
    10: 0.168,
    11: 0.174,
    12: 0.326,
}
