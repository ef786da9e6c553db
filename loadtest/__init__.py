"""Load on the product, and on what it is compared with. Run by ``make bench``; nothing here is imported by it."""
