"""Signatures by `securesystemslib`, time stamps by `rfc3161-client`: the extra `signing`."""
