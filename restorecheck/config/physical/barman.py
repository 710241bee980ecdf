"""Backups that Barman keeps on this machine."""

from pydantic import Field

from restorecheck.checks.keys import Keys, Text
from restorecheck.config.physical.kind import PhysicalKind


class Barman(Keys):
    home: Text = Field(
        description="kind: barman. Barman's folder (barman_home) with a folder for each server. Only its files are "
        "read: Barman itself is not started, and need not be installed. Relative to the configuration file."
    )
    server: Text = Field(description="kind: barman. Name of the server in Barman.")


BARMAN = PhysicalKind(
    key="barman", keys=Barman, files=("home",), help="the files that Barman keeps"
)
