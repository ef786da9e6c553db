"""The demo: a model of flight delays, trained on two months of 2013 and watched through the other ten."""
