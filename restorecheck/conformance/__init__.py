"""What nobody knows of AWS yet: the questions, the calls that settle them, the recording, the replay.

Pure: the calls go through a port (`port.Cloud`), so the same steps run on two real accounts and in
the sandbox.
"""
