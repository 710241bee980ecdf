"""The command after a verified verdict: its keys."""

from restorecheck.config.sources.kind import NEEDS_SERVER
from tests.unit.config.test_config import HERE, parse, problem, target


def after(keys):
    return target(f"after_verified: {{{keys}}}")


def test_a_program_with_a_folder_is_found_from_the_file_s_own_and_another_one_by_path():
    beside, by_path = (
        parse(after(f"run: [{program}, -v]")).targets[0].after_verified
        for program in ("bin/mask.sh", "python3")
    )

    assert beside.run == (str(HERE / "bin/mask.sh"), "-v")
    assert by_path.run == ("python3", "-v")


def test_a_secret_in_an_argument_or_a_variable_that_is_written_out_is_refused():
    assert "after_verified.run[2]" in problem(after("run: [mask, --password, hunter2]"))
    assert "after_verified.environment.PASSWORD" in problem(
        after("run: [mask], environment: {PASSWORD: hunter2}")
    )


def test_a_list_is_no_command():
    assert "after_verified" in problem(target("after_verified: [mask]"))


def test_it_needs_a_server_of_the_drill_s_own():
    with_another = target(
        "after_verified: {run: [mask]}",
        dump="into: 'postgresql://u@h/d'",
        top="scratch_servers: ['h:5432']",
    )

    assert f"after_verified {NEEDS_SERVER}" in problem(with_another)
