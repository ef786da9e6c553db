"""What the product finds on data whose truth is known: ``make evaluate`` measures it and writes docs/evaluation.md."""
