"""Decisions and what is known of a person in words, told to a customer, a marketer or an auditor in their language."""
