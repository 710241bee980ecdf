"""A pgBackRest repository."""

from typing import Annotated

from pydantic import Field

from restorecheck.checks.keys import Keys, Text, optional
from restorecheck.config.physical.kind import PhysicalKind


class PgBackRest(Keys):
    config: Text | None = optional(
        "kind: pgbackrest. pgBackRest's configuration file, which names the repository. Relative to the "
        "configuration file. By default those that pgBackRest reads: /etc/pgbackrest/pgbackrest.conf and conf.d."
    )
    stanza: Text = Field(description="kind: pgbackrest. The stanza.")
    repo: Annotated[int, Field(ge=1, le=256)] | None = optional(
        "kind: pgbackrest. Number of the repository, where there are several. By default the backups of all are listed, "
        "and the report says which repository has the chosen one."
    )
    reader: Text | None = optional(
        "kind: pgbackrest. User of the operating system that reads the repository, when restorecheck runs as root. "
        "By default the owner of a local repository, or else of pgBackRest's configuration file."
    )
    verify: bool | None = optional(
        "kind: pgbackrest. Also run `pgbackrest verify`, which reads the whole repository: what it finds is a warning, because "
        "it may be about another backup. By default it does not run."
    )


PGBACKREST = PhysicalKind(
    key="pgbackrest", keys=PgBackRest, files=("config",), help="a pgBackRest repository"
)
