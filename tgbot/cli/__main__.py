"""`python -m tgbot.cli`: the command line where the script `tgbot` is not on the path."""

from tgbot.cli import main

main()
