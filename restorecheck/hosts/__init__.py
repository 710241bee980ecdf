"""What starts drills and waits for them: the command line now, a daemon and Lambda later.

Only hosts know the clock, sleeping, signals and the terminal.
"""
