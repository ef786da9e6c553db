"""Where a mean lies, at whatever time one looks: Robbins' normal mixture."""

from __future__ import annotations

import math

import msgspec


class Mixture(msgspec.Struct, array_like=True):
    r"""A confidence sequence for the mean of independent values with known variances.

    With :math:`S = \sum x_i / v_i` and :math:`V = \sum 1 / v_i`, the likelihood ratio against a mean of μ, mixed over
    the alternatives :math:`N(μ, τ^2)`, is :math:`(1 + τ^2 V)^{-1/2} \exp\frac{(S - μ V)^2}{2 (V + τ^{-2})}`: a martingale that
    begins with 1, and by Ville's inequality it ever exceeds 1/α with probability α at most. So the mean lies for ever within

    .. math:: \frac{S}{V} \pm \frac{1}{V} \sqrt{(V + τ^{-2}) (\ln(1 + τ^2 V) - 2 \ln α)}

    with probability 1 − α. The variances may be chosen as one goes, from what came before; the values need be no more than
    sub-Gaussian with them.

    Parameters
    ----------
    prior
        :math:`τ^2`, the variance of the means that it is tightest for.

    Examples
    --------
    >>> sequence = Mixture(0.25)
    >>> for value in (2.0, 1.0, 3.0, 2.0):
    ...     sequence.add(value, 1.0)
    >>> [round(bound, 2) for bound in sequence.bounds(0.05)]
    [0.17, 3.83]

    References
    ----------
    Robbins (1970), Statistical methods related to the law of the iterated logarithm, Ann. Math. Stat. 41.
    Howard, Ramdas, McAuliffe and Sekhon (2021), Time-uniform, nonparametric, nonasymptotic confidence sequences, Ann. Stat.
    49, section 3.2.
    """

    prior: float
    weighted: float = 0.0
    weight: float = 0.0

    def add(self, value: float, variance: float) -> None:
        """Take in a value; its variance is above 0."""
        self.weighted += value / variance
        self.weight += 1.0 / variance

    @property
    def mean(self) -> float:
        """The mean, each value by its precision."""
        return self.weighted / self.weight

    def reach(self, alpha: float) -> float:
        """How far the true mean may be from `mean`."""
        spread = math.log1p(self.prior * self.weight) - 2.0 * math.log(alpha)
        return math.sqrt((self.weight + 1.0 / self.prior) * spread) / self.weight

    def bounds(self, alpha: float) -> tuple[float, float]:
        """Where the true mean lies."""
        reach = self.reach(alpha)
        return self.mean - reach, self.mean + reach
