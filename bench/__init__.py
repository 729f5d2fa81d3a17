"""Benchmarks: `python -m bench.<name> [--json] [--quick]`. They print tables and never gate a test on wall time."""
