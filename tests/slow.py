"""Tests that may be slow, and why; of each group `make test` runs a share (tests/quick.py).

An entry is a folder, of which whole files run, a file or a function.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Slow:
    share: float
    """Of the tests of an entry, or of the files of a folder, that run in `make test`. 1: an entry runs whole or not at all."""
    why: str
    entries: float = 1
    """Of the entries of the group."""


GROUPS = (
    (
        Slow(
            0.06,
            "The installed command drills in each case, with a server that is made and taken away.",
            entries=0.3,
        ),
        (
            "tests/acceptance/test_after_verified.py",
            "tests/acceptance/test_bad_input.py",
            "tests/acceptance/test_barman.py",
            "tests/acceptance/test_barman_cloud.py",
            "tests/acceptance/test_barman_variants.py",
            "tests/acceptance/test_basebackups.py",
            "tests/acceptance/test_bombs.py",
            "tests/acceptance/test_bring_back.py",
            "tests/acceptance/test_command_check.py",
            "tests/acceptance/test_commands.py",
            "tests/acceptance/test_comparisons.py",
            "tests/acceptance/test_containers.py",
            "tests/acceptance/test_disk_full.py",
            "tests/acceptance/test_dumps_of_others.py",
            "tests/acceptance/test_early_signals.py",
            "tests/acceptance/test_faults.py",
            "tests/acceptance/test_fence.py",
            "tests/acceptance/test_formats.py",
            "tests/acceptance/test_full_text.py",
            "tests/acceptance/test_hostile.py",
            "tests/acceptance/test_interrupts.py",
            "tests/acceptance/test_kill.py",
            "tests/acceptance/test_killer.py",
            "tests/acceptance/test_moments.py",
            "tests/acceptance/test_pgbackrest.py",
            "tests/acceptance/test_pgbackrest_repositories.py",
            "tests/acceptance/test_physical.py",
            "tests/acceptance/test_physical_clusters.py",
            "tests/acceptance/test_physical_elsewhere.py",
            "tests/acceptance/test_physical_hostile.py",
            "tests/acceptance/test_physical_mixtures.py",
            "tests/acceptance/test_physical_small.py",
            "tests/acceptance/test_pipelines.py",
            "tests/acceptance/test_private_files.py",
            "tests/acceptance/test_propose.py",
            "tests/acceptance/test_prove.py",
            "tests/acceptance/test_query_time.py",
            "tests/acceptance/test_row_values.py",
            "tests/acceptance/test_runner.py",
            "tests/acceptance/test_scratch.py",
            "tests/acceptance/test_select.py",
            "tests/acceptance/test_servers.py",
            "tests/acceptance/test_several_databases.py",
            "tests/acceptance/test_storage_damages.py",
            "tests/acceptance/test_storage_network.py",
            "tests/acceptance/test_storages.py",
            "tests/acceptance/test_timelines.py",
            "tests/acceptance/test_upgrade.py",
            "tests/acceptance/test_walg.py",
        ),
    ),
    (
        Slow(1, "A minute or more: hosts, jobs, an image or every fault of AWS.", entries=0.15),
        (
            "tests/acceptance/test_image.py",
            "tests/acceptance/test_kubernetes_jobs.py",
            "tests/acceptance/test_three_hosts.py",
            "tests/acceptance/test_workers.py",
            "tests/rds/test_doctor.py",
            "tests/rds/test_faults.py",
        ),
    ),
    (
        Slow(0.1, "Each page is laid out by a real browser at several widths."),
        ("tests/browser/test_pages.py", "tests/browser/test_served_pages.py"),
    ),
    (
        Slow(0.07, "Each case damages a database of its own and reads all of it again."),
        (
            "tests/damage/test_matrix.py",
            "tests/damage/test_physical_matrix.py",
            "tests/damage/test_prove.py",
            "tests/damage/test_shapes.py",
        ),
    ),
    (
        Slow(0.1, "Templates and packages are built and resolved as AWS's tools do."),
        ("tests/infra/test_packages.py", "tests/test_release.py"),
    ),
    (
        Slow(
            0.1,
            "Each case starts servers or programs of PostgreSQL, or reads dumps made for it.",
            entries=0.5,
        ),
        (
            "tests/integration/test_ahead.py",
            "tests/integration/test_bombs.py",
            "tests/integration/test_doctor.py",
            "tests/integration/test_dumpfiles.py",
            "tests/integration/test_formats.py",
            "tests/integration/test_guest.py",
            "tests/integration/test_jobs.py",
            "tests/integration/test_new_source.py",
            "tests/integration/test_postgres_history.py",
            "tests/integration/test_proposing.py",
            "tests/integration/test_reading.py",
            "tests/integration/test_repositories.py",
            "tests/integration/test_s3_refusals.py",
            "tests/integration/test_server_messages.py",
            "tests/integration/test_structure.py",
            "tests/integration/test_unreadable.py",
            "tests/integration/test_web.py",
            "tests/integration/test_where_to_add.py",
            "tests/integration/test_workers.py",
        ),
    ),
    (
        Slow(
            0.12,
            "Each case is a drill in the simulated AWS, over the wire, with servers behind it.",
        ),
        ("tests/rds",),
    ),
    (
        Slow(0.07, "An enumeration: every call, moment or night goes wrong in turn."),
        (
            "tests/simulation/test_aurora.py",
            "tests/simulation/test_choosing.py",
            "tests/simulation/test_every_crash.py",
            "tests/simulation/test_every_fault.py",
            "tests/simulation/test_many_nights.py",
            "tests/simulation/test_nights.py",
            "tests/simulation/test_operators.py",
            "tests/simulation/test_refusals.py",
            "tests/simulation/test_several_hosts.py",
            "tests/simulation/test_unknowns.py",
        ),
    ),
    (
        Slow(0.2, "A copy of the tree is changed, and its own tests and tools run in it."),
        ("tests/test_site.py", "tests/test_tools.py"),
    ),
    (
        Slow(0.07, "Databases as people have them, each loaded and read for several nights."),
        (
            "tests/world/test_columns.py",
            "tests/world/test_constraints.py",
            "tests/world/test_damages.py",
            "tests/world/test_histories.py",
            "tests/world/test_matrix.py",
            "tests/world/test_zoo.py",
        ),
    ),
)
