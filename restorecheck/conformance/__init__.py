"""Undocumented behaviour of AWS: the questions, the calls that answer them, the recording, the replay.

Pure: the calls go through a port (`port.Cloud`), so the same steps run on two real accounts and in
the sandbox.
"""
