"""What a drill of a dump imports: a module that it does not need makes each of its starts longer."""

import subprocess
import sys

UNNEEDED = {
    "apprise",
    "apscheduler",
    "boto3",
    "botocore",
    "jinja2",
    "prometheus_client",
    "pygal",
    "restorecheck.aws",
    "restorecheck.hosts.daemon",
    "restorecheck.hosts.demo",
    "restorecheck.hosts.notifying",
    "restorecheck.postgres.damage",
    "restorecheck.postgres.profile",
    "restorecheck.report.html",
    "restorecheck.sandbox",
    "restorecheck.simulated",
    "restorecheck.storages",
    "urllib3",
}
DRILL = """
import sys
from restorecheck.hosts.cli.arguments import main
status = main(["drill", "--json", "--quiet"])
print(status, *sys.modules, sep="\\n", file=sys.stderr)
"""


def test_a_drill_of_a_dump_imports_only_what_it_needs(tmp_path):
    (tmp_path / "dumps").mkdir()
    (tmp_path / "restorecheck.yaml").write_text(
        "version: 1\nhistory: {path: history.sqlite}\n"
        "targets: [{name: shop, dump: {path: dumps}}]\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", DRILL], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    status, *modules = done.stderr.splitlines()
    assert status == "1", done.stderr
    assert "restorecheck.postgres.dump.local_provider" in modules
    assert UNNEEDED.isdisjoint(modules)
