"""Dumps of managed services, recognised by the roles, schemas and extensions that the service makes. Pure.

Sources: Amazon RDS User Guide, "Understanding the rds_superuser role"; Cloud SQL documentation, "PostgreSQL users";
AlloyDB documentation, "Predefined roles"; Azure Database for PostgreSQL, "Create users"; Supabase documentation,
"Postgres roles"; Neon documentation, "Manage roles"; Heroku Dev Center, "Changes to PostgreSQL extension schemas".
No dump of a real service was tried.
"""

from collections.abc import Collection
from dataclasses import dataclass

from restorecheck.postgres.dumpfiles.inspect import Inspection


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    name: str
    roles: frozenset[str] = frozenset()
    schemas: frozenset[str] = frozenset()


SERVICES = (
    Service(
        name="Supabase",  # before RDS: it names no role of another service
        roles=frozenset({"supabase_admin", "supabase_auth_admin", "supabase_storage_admin"}),
    ),
    Service(name="Neon", roles=frozenset({"neon_superuser", "neondb_owner"})),
    Service(
        name="Google Cloud SQL",
        roles=frozenset({"cloudsqladmin", "cloudsqlagent", "cloudsqlsuperuser"}),
    ),
    Service(name="Google AlloyDB", roles=frozenset({"alloydbadmin", "alloydbsuperuser"})),
    Service(
        name="Azure Database for PostgreSQL",
        roles=frozenset({"azure_pg_admin", "azure_superuser", "azuresu"}),
    ),
    Service(
        name="Amazon RDS",
        roles=frozenset({"rdsadmin", "rds_superuser", "rds_replication", "rds_iam"}),
    ),
    Service(name="Heroku Postgres", schemas=frozenset({"heroku_ext"})),
)


def service_of(inspection: Inspection, of_extensions: Collection[str] = ()) -> str:
    """The managed service that the dump is of; empty: none is recognised.

    Args:
        inspection: The dump.
        of_extensions: Services that alone have extensions of the dump.
    """
    roles = set(inspection.needs.roles)
    schemas = {entry.tag for entry in inspection.entries if entry.desc == "SCHEMA"}
    by_objects = (s.name for s in SERVICES if s.roles & roles or s.schemas & schemas)
    return next(by_objects, next(iter(of_extensions), ""))
