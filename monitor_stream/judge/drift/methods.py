"""Which distance judges a column, and from where on anybody cares."""

from __future__ import annotations

from typing import Final, get_args

from monitor_stream.events.spec import Distance, NumericReference, Reference
from monitor_stream.judge.drift.folding import CUMULATIVE

#: Up to so many values a classical test speaks best; beyond, it rejects anything, and a distance says how much.
_SMALL: Final = 1_000
#: A numeric column with so few bins is a category by another name.
_FEW_BINS: Final = 5

#: The least effect (value less what chance adds to it) that counts. One change has nearly the same size by all of them: to
#: second order psi = 2 kl = 8 ln 2 · js² = 8 hellinger² = 4 V².
FLOORS: Final[dict[Distance, float]] = {
    "psi": 0.1,  # "some change" to banks, since Siddiqi
    "kl": 0.05,  # half of psi
    "js": 0.1,  # Evidently, NannyML
    "hellinger": 0.1,  # Evidently
    "tvd": 0.1,  # one value in ten is elsewhere
    "ks": 0.1,  # one value in ten crossed some point
    "chi2": 0.1,  # Cramér's V: below "small"; Deepchecks fails at 0.2
    "wasserstein": 0.1,  # a tenth of a standard deviation: Evidently, NannyML
}


def methods(reference: Reference) -> list[Distance]:
    """The distances that a column of this kind has."""
    every: tuple[Distance, ...] = get_args(Distance)
    numeric = isinstance(reference, NumericReference)
    return [method for method in every if numeric or method not in CUMULATIVE]


def default_methods(reference: Reference, n: float) -> list[Distance]:
    """What a column is judged by, first, and what is shown beside it, for samples of about n values.

    As Evidently picks: up to 1,000 values `ks` for numbers and `chi2` for categories; beyond `wasserstein` and `js`. A numeric column
    of at most 5 bins counts as categories. Where a few wild values make the standard deviation, so that the middle 95 % lie
    within 2 of it (of a normal law: within 4), Wasserstein in its units is deaf, and `psi` judges.

    >>> from monitor_stream.events.spec import CategoricalReference
    >>> default_methods(CategoricalReference(n=10_000, missing=0.0, shares={"UA": 0.5, "AA": 0.5}), 5_000)
    ['js', 'psi', 'chi2']
    """
    if not isinstance(reference, NumericReference) or len(reference.shares) <= _FEW_BINS:
        return ["chi2", "psi", "js"] if n <= _SMALL else ["js", "psi", "chi2"]
    if n <= _SMALL:
        return ["ks", "psi", "wasserstein"]
    if reference.edges[-1] - reference.edges[0] < 2.0 * reference.std:
        return ["psi", "wasserstein", "ks"]
    return ["wasserstein", "psi", "ks"]
