"""A town whose people are known through and through: what decides well is told from what only seems to."""
