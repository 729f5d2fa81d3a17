"""The command line. Every reading or creating command has `--json`; logs go to standard error."""
