"""Hosts start drills and wait for them: the command line, the runner, AWS Lambda.

Only hosts use the clock, sleep, and handle signals and the terminal.
"""
