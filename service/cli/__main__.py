"""`python -m service.cli`, for processes that start another one of us."""

from service.cli.main import main

main()
