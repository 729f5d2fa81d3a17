"""All SQL lives here: one metadata, one migration history, one file of functions per resource.

Functions take the caller's transaction first and never commit; the caller owns the transaction.
"""
