"""The demo: a fictional brand and its residents on real ground."""
