"""docs/tutorial/first-drill.md is followed, from its configuration to a verdict and a failure."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs/tutorial/first-drill.md").read_text()
FOLLOWED = ("## Look first", "## Every night")


def commands() -> list[str]:
    begin, end = map(PAGE.index, FOLLOWED)
    blocks = re.findall(
        r"^```\n(restorecheck.*?|mkdir.*?)^```$", PAGE[begin:end], re.DOTALL | re.MULTILINE
    )
    return [line.split("    #")[0].strip() for block in blocks for line in block.splitlines()]


def test_who_follows_the_tutorial_comes_to_a_verdict_and_then_to_a_failure(world, dumps):
    shutil.copy(dumps["custom"], world.backups / "courses-2026-03-01.dump")
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    # What is the reader's own: the folder and the table. And where this test works.
    own = block.replace("public.answers, min: 1_000_000", "public.books, min: 1")
    own += f"postgres: {{work_dir: {world.work}, jobs: 2}}\nhistory: {{path: history.sqlite}}\n"
    world.config.write_text(own.replace("/backups/", f"{world.backups}/"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = {}
    for command in commands():
        here = command.replace("/backups/", f"{world.backups}/")
        done[command] = subprocess.run(
            ["bash", "-c", here],
            cwd=world.directory,
            env={**os.environ, "PATH": path, "HOME": str(world.directory)},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    first, *_, last = [one for name, one in done.items() if name.startswith("restorecheck drill")]
    assert "the plan; nothing was done" in first.stdout
    good = done["restorecheck drill"]
    assert (good.returncode, good.stdout.splitlines()[0]) == (0, "courses  VERIFIED"), good.stderr
    assert last.returncode == 1, last.stderr
    assert "\n  to do     The newest dump is damaged" in last.stdout
