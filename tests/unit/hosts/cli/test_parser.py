"""What the command line says of a mistyped word, and where `-c` may stand."""

import pytest

from restorecheck.hosts.cli import arguments


def refusal(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        arguments.main(words)
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["drlil"], "restorecheck: error: no command 'drlil'; did you mean 'drill'?"),
        (["config", "validat"], "config: error: no command 'validat'; did you mean 'validate'?"),
        (["drill", "--jsn"], "drill: error: no option '--jsn'; did you mean '--json'?"),
        (["drill", "--ful-text=x"], "error: no option '--ful-text'; did you mean '--full-text'?"),
        (["--versoin", "run"], "error: no option '--versoin'; did you mean '--version'?"),
        (["--json", "drill"], "drill: error: the option --json belongs after the command"),
        (["report", "--format", "htm"], "--format: no choice 'htm'; did you mean 'html'?"),
        (["demo", "asw"], "story: no choice 'asw'; did you mean 'aws'?"),
        (["drill", "a", "--json", "b"], "unexpected argument 'b'; write all arguments together"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_nearest_that_there_is(capsys, words, says):
    assert says in refusal(capsys, *words)


def test_a_word_that_resembles_nothing_is_answered_with_what_there_is(capsys):
    said = refusal(capsys, "xyzzy")

    assert "no command 'xyzzy'; known: drill, sweep, run" in said


def test_the_configuration_is_named_before_the_command_or_after_it(tmp_path, capsys):
    file = tmp_path / "mine.yaml"
    file.write_text("version: 1\ntargets: [{name: shop, dump: {path: x}}]\n")

    for words in (["-c", str(file), "config", "validate"], ["config", "validate", "-c", str(file)]):
        assert arguments.main(words) == 0
        assert capsys.readouterr().out == f"{file}: valid; 1 target\n"


def test_of_two_configurations_the_one_after_the_command_counts(tmp_path, capsys):
    assert arguments.main(["-c", "other.yaml", "status", f"--config={tmp_path}/mine.yaml"]) == 2

    said = capsys.readouterr().err
    assert "mine.yaml" in said
    assert "other.yaml" not in said


@pytest.mark.parametrize("words", [["demo"], ["config", "schema"], ["man"]])
def test_a_configuration_is_refused_by_a_command_that_reads_none(capsys, words):
    assert "reads no configuration" in refusal(capsys, "-c", "mine.yaml", *words)


def test_help_tells_exit_statuses_of_the_commands_that_have_some_of_their_own(capsys):
    with_statuses = set()
    for name, parser in arguments._parser().commands.items():
        for words, each in [
            (name, parser),
            *((f"{name} {n}", p) for n, p in parser.commands.items()),
        ]:
            if "exit status:" in each.format_help():
                with_statuses.add(words)

    assert with_statuses == {
        *("drill", "sweep", "run", "status", "history", "report", "manifest", "doctor", "audit"),
        *(
            "propose",
            "prove",
            "bring-back",
            "conformance aws",
            "config validate",
            "config discover",
            "demo",
            "sandbox up",
        ),
        *("infra export", "server install", "work", "server list", "server pin", "server pull"),
    }
