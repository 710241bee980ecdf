"""The keys that say who is told of what, and those of the service."""

import pytest

from restorecheck.announcing import Kind
from tests.unit.config.test_config import parse, problem, problems, target


def notify(*items):
    return target(top="\n".join(["notify:", *(f"  - {item}" for item in items)]))


def channels(*items, **environment):
    return parse(notify(*items), **environment).notify


def test_a_bare_text_is_an_apprise_url_and_is_never_shown():
    config = parse(notify("discord://token/of-mine"))

    assert config.notify[0].apprise.get_secret_value() == "discord://token/of-mine"
    assert "token" not in repr(config)


def test_channels_without_a_name_are_named_after_kind_and_position():
    found = channels("slack://a/b/c", "{name: mine, ping: {url: https://hc/x}}", "ntfy://x")

    assert [channel.name for channel in found] == ["apprise-1", "mine", "apprise-3"]


def test_by_default_a_channel_hears_of_what_somebody_should_act_on():
    (only,) = channels("slack://a/b/c")

    assert set(only.on) == set(Kind) - {Kind.VERIFIED, Kind.SKIPPED}
    assert only.inconclusive_after == 2


def test_always_is_everything():
    (only,) = channels("{apprise: 'slack://a/b/c', on: always}")

    assert set(only.on) == set(Kind)


def test_what_to_tell_may_be_a_list_or_a_single_word():
    first, second = channels(
        "{apprise: 'slack://a', on: [failed, recovered]}", "{apprise: 'slack://b', on: failed}"
    )

    assert first.on == (Kind.FAILED, Kind.RECOVERED)
    assert second.on == (Kind.FAILED,)


def test_a_channel_is_about_all_targets_or_about_those_it_names():
    every, one = channels("slack://a", "{apprise: 'slack://b', targets: [a]}")

    assert every.concerns("a")
    assert every.concerns("z")
    assert one.concerns("a")
    assert not one.concerns("z")
    assert one.concerns("")  # what is about the runner itself


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("{name: x}", "notify[0]: missing channel: expected one of these keys"),
        (
            "{ping: {url: https://a/b}, webhook: {url: https://a/b}}",
            "expected one channel, found webhook and ping",
        ),
        ("{webhook: {url: ftp://a/b}}", "expected a URL that begins with https://"),
        ("{webhook: {url: 'https://'}}", "expected a URL that begins with https://"),
        ("{ping: {url: hc-ping.com/x}}", "expected a URL that begins with https://"),
        ("{sns: {topic_arn: arn:aws:sqs:eu-west-1:1:x}}", "expected the ARN of a topic"),
        ("{apprise: slack}", "expected an Apprise URL"),
        ("{apprise: 'slack://a', on: [faild]}", "expected 'always' or a list of failed,"),
        ("{apprise: 'slack://a', on: {}}", "expected 'always' or a list of failed,"),
        ("{apprise: 'slack://a', targets: [b]}", "no target has the name 'b'"),
        ("{apprise: 'slack://a', inconclusive_after: 0}", "expected a number not less than 1"),
        ("{apprise: 'slack://a', onn: [failed]}", "unknown key 'onn'; did you mean 'on'?"),
        ("5", "expected an Apprise URL or a mapping, found 5"),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(item, said):
    assert said in problem(notify(item))


TOPIC = "arn:aws:sns:eu-west-1:111111111111:nights"


@pytest.mark.parametrize(
    ("arn", "known"),
    [
        (TOPIC, True),
        (TOPIC.replace("aws", "aws-cn", 1), True),
        (TOPIC.replace("111111111111", ""), False),
        (TOPIC.replace("nights", ""), False),
        (f"{TOPIC}:subscription", False),
    ],
)
def test_a_topic_is_named_by_its_whole_arn(arn, known):
    item = f"{{sns: {{topic_arn: '{arn}'}}}}"

    if known:
        assert channels(item)[0].own.topic_arn == arn
    else:
        assert "ARN of a topic" in problem(notify(item))


@pytest.mark.parametrize(
    ("item", "secrets"),
    [
        ("discord://token/of-mine", ["discord://token/of-mine"]),
        ("{ping: {url: https://hc-ping.com/x}}", ["https://hc-ping.com/x"]),
        ("{webhook: {url: https://a/b}}", ["https://a/b"]),
        (f"{{sns: {{topic_arn: '{TOPIC}'}}}}", []),
    ],
)
def test_what_of_a_channel_must_stand_in_no_text_is_known(item, secrets):
    """`doctor` leaves these out of what it says of a channel."""
    (channel,) = channels(item)

    assert [secret.get_secret_value() for secret in channel.secrets] == secrets


def test_a_name_is_taken_once():
    items = ("{name: x, apprise: 'slack://a'}", "{name: x, apprise: 'slack://b'}")

    assert "the name 'x' is taken by the item on line 7" in problem(notify(*items))


def test_no_url_is_shown_in_a_problem():
    found = problems(notify("{webhook: {url: 'ftp://user:hunter2@host/'}}", "{apprise: hunter2}"))

    assert len(found) == 2
    assert not any("hunter2" in text for text in found)


def test_the_service_has_defaults_that_need_no_configuration():
    runner = parse(target()).runner

    assert (runner.max_parallel_drills, runner.stop_within_seconds) == (2, 60)
    assert runner.listen is None


@pytest.mark.parametrize("listen", ["9187", "127.0.0.1", ":9187", "127.0.0.1:65536"])
def test_where_to_listen_has_a_host_and_a_port(listen):
    text = target(top=f"runner: {{listen: '{listen}'}}")

    assert "expected host:port, as in 127.0.0.1:9187" in problem(text)


def test_the_pages_are_served_where_they_are_configured_and_nowhere_else(tmp_path):
    text = target(top="runner: {pages: {listen: '127.0.0.1:9188', token_file: token}}")

    runner = parse(target()).runner
    assert (runner.pages, runner.pages_at) == (None, None)
    runner = parse(text, directory=tmp_path).runner
    pages = runner.pages
    assert runner.pages_at == pages.listen
    assert (pages.listen, pages.drills_per_hour) == ("127.0.0.1:9188", 6)
    assert pages.token_file == str(tmp_path / "token")
    assert "missing" in problem(target(top="runner: {pages: {token_file: token}}"))
    assert "not less than 1" in problem(text.replace("token_file: token", "drills_per_hour: 0"))


def test_history_may_be_kept_for_a_number_of_days():
    assert parse(target(top="history: {keep_days: 400}")).history.keep_days == 400
    assert parse(target()).history.keep_days is None


def test_the_file_of_numbers_is_one_that_node_exporter_reads(tmp_path):
    text = target(top="runner: {textfile: numbers/restorecheck.prom}")

    assert parse(text, directory=tmp_path).runner.textfile == str(
        tmp_path / "numbers/restorecheck.prom"
    )
    found = problem(text.replace(".prom", ".txt"))
    assert (
        "expected a file name that ends with .prom (node_exporter reads no other files), found the text 'numbers/restorecheck.txt'"
        in found
    )
