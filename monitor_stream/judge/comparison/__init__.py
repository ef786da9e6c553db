"""Champion, challenger and shadow: whether one version of a model errs less than another, however often one looks."""
