"""The Faust shell: feeds whole fetches to the folds, and keeps what they hold, to the record, through any crash."""
