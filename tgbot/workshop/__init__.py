"""What a person needs who writes a bot: to try it on a sandbox, and to see each change at once.

project.py      a project to begin with, made of what is in template/
child.py        the bot: `tgbot run` as a process of its own
restarts.py     from its start to its end, with a start after each change of its sources
sources.py      the files that it was made of, and whether they changed
playground.py   a sandbox for one bot, with people who are played at a prompt
"""
