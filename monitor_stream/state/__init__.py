"""Where the truth is kept: state, offsets and outbox of a (fold, partition), written together or not at all."""
