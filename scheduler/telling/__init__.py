"""Decisions in words: the stored reasons, told to a customer, a marketer or an auditor, in their language."""
