"""What travels: events, deltas, results, specs, and the contract of the folds that turn one into the other."""
