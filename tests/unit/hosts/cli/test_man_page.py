"""The manual page has every command and option, and troff reads it without a warning."""

import shutil
import subprocess

from restorecheck.hosts.cli import arguments, man_page
from tests.missing import needs

PAGE = man_page.render(arguments._parser())
GROFF = shutil.which("groff") or ""


def test_every_command_and_option_stands_in_the_manual_page():
    plain = PAGE.replace(r"\-", "-")

    def look(parser):
        for option in parser.options:
            assert all(rf"\fB{text}\fR" in plain for text in option.option_strings)
        for child in parser.commands.values():
            assert f".SS {child.prog}\n" in plain
            assert child.description in plain
            look(child)

    look(arguments._parser())


def test_a_line_that_would_be_a_command_of_troff_is_text():
    assert (
        man_page._text(".TH x\n'so /etc/passwd\na\\fBb") == "\\&.TH x\n\\&'so /etc/passwd\na\\efBb"
    )


@needs(GROFF, "groff", "apt-get install groff-base")
def test_troff_reads_the_page_without_a_warning():
    done = subprocess.run(
        [GROFF, "-man", "-Tutf8", "-ww"], input=PAGE, capture_output=True, text=True, check=True
    )

    assert done.stderr == ""
    assert "130  interrupted; everything was deleted, or the report names the rest" in done.stdout


def test_the_command_prints_the_page(capsys):
    assert arguments.main(["man"]) == 0
    assert capsys.readouterr().out == PAGE
