"""The words every floor shares: values, clock, settings, errors, ids. No I/O happens here."""
