"""The crash matrix: a known stream, a schedule of faults, and a verifier that shares no code with the product.

Run by ``make chaos``; see docs/reliability.md for what is promised and what was measured.
"""
