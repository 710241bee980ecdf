"""The rules about the machine that drills, and its dumps: facts in, findings out."""

import ipaddress
import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta

from restorecheck.rules.facts import DumpFacts, MachineFacts, Preview, Unread
from restorecheck.rules.findings import AdvicePlace, Finding, RuleAdvice, not_looked_at, ok, problem
from restorecheck.spelling import number_of

ROOM = 3
"""Expected space of a restore, as a multiple of the dump's size; with less RC104 reports a problem."""

SKEW = timedelta(hours=1)
"""Tolerated difference of two clocks; a dump with a later time shows a wrong clock."""

FETCH_BUNDLE = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"


def judge(facts: MachineFacts, now: datetime) -> Iterator[Finding]:
    yield from _places(facts)
    yield from _schedules(facts)
    yield from _discovery(facts)
    for dump in facts.dumps:
        yield from _dump(dump, facts, now)


def _here(*words: str) -> RuleAdvice:
    return RuleAdvice(AdvicePlace.HERE, shlex.join(words))


def _checked(rule: str, resource: str, said: str, fine: str, *advice: RuleAdvice) -> Finding:
    return problem(rule, resource, said, *advice) if said else ok(rule, resource, fine)


def _places(facts: MachineFacts) -> Iterator[Finding]:
    folder = facts.history.rpartition("/")[0] or "/"
    advice = f"<give restorecheck the right to write to {folder}, or correct history.path>"
    if not facts.history.startswith("/"):
        advice = "<correct history.url, or the rights of its role>"
    yield _checked(
        "RC107",
        facts.history,
        facts.history_problem,
        "the history can be written",
        RuleAdvice(AdvicePlace.HERE, advice),
    )
    yield _checked(
        "RC109",
        f"the user {facts.account}" if facts.account else "this user",
        facts.account_problem,
        f"PostgreSQL runs as {f'the user {facts.account}' if facts.account else 'this user'}",
        RuleAdvice(AdvicePlace.CONFIGURATION, "remove postgres.run_as"),
    )
    yield _checked(
        "RC108",
        facts.work_dir,
        facts.work_dir_problem,
        "the work directory can be used",
        _here("mkdir", "-p", facts.work_dir),
        _here("chmod", "a+x,u+rwx,o-w", facts.work_dir),
    )
    if facts.dumps or facts.physical:
        walls = " and ".join(facts.missing_walls)
        yield _checked(
            "RC113",
            "the fence around throw-away servers",
            walls and f"the kernel does not support {walls}",
            "the kernel supports all parts of the fence",
            RuleAdvice(AdvicePlace.HERE, "<allow user namespaces, or start restorecheck as root>"),
        )
    yield from _configuration(facts)
    if facts.pages:
        yield from _pages(facts)
    if facts.bundle:
        yield _checked(
            "RC120",
            facts.bundle,
            facts.bundle_problem,
            "the certificates are valid",
            _here("curl", "-o", facts.bundle, FETCH_BUNDLE),
        )


def _configuration(facts: MachineFacts) -> Iterator[Finding]:
    if facts.config_holds_secrets and facts.config_is_open:
        yield problem(
            "RC110",
            facts.config_file,
            "the file contains secrets, and every user of this machine can read it",
            _here("chmod", "o-rwx", facts.config_file),
        )
    else:
        fine = (
            "only its owner and group can read the file"
            if facts.config_holds_secrets
            else "the file contains no secrets"
        )
        yield ok("RC110", facts.config_file, fine)
    yield _checked(
        "RC112",
        facts.config_file,
        _may_change(facts),
        "no other user can change the file",
        _here("chown", "root", facts.config_change_at)
        if facts.config_changer_owns_it
        else _here("chmod", "go-w", facts.config_change_at),
    )
    if facts.channels:
        yield _checked(
            "RC111",
            "notify",
            facts.channel_problem,
            f"{number_of(facts.channels, 'channel')} can be used",
            RuleAdvice(
                AdvicePlace.CONFIGURATION, "<correct the channel, or install the package it needs>"
            ),
        )


def _pages(facts: MachineFacts) -> Iterator[Finding]:
    host, _, port = facts.pages.rpartition(":")
    yield _checked(
        "RC125",
        facts.pages,
        ""
        if _is_loopback(host)
        else "other machines can reach the pages, which ask for no password",
        "this machine only",
        RuleAdvice(AdvicePlace.CONFIGURATION, f'set runner.pages.listen = "127.0.0.1:{port}"'),
    )
    if facts.token_problem:
        advice = RuleAdvice(AdvicePlace.HERE, f"<write a token into {facts.token_file}>")
        yield problem("RC126", facts.token_file, facts.token_problem, advice)
    elif facts.token_file:
        said = "every user of this machine can read it" if facts.token_is_open else ""
        fine = "only its owner and group read it"
        advice = _here("chmod", "o-rwx", facts.token_file)
        yield _checked("RC126", facts.token_file, said, fine, advice)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _may_change(facts: MachineFacts) -> str:
    if not facts.config_changer:
        return ""
    by = "owns" if facts.config_changer_owns_it else "may write to"
    return f"{facts.config_changer} {by} {facts.config_change_at}"


def _discovery(facts: MachineFacts) -> Iterator[Finding]:
    again = RuleAdvice(AdvicePlace.HERE, "restorecheck config discover")
    for said in facts.discovery_problems:
        yield problem("RC128", "discover", said, again)
    for name in facts.undiscovered:
        yield problem("RC128", name, "the database was found, and is no target yet", again)
    if facts.discovered and not facts.undiscovered and not facts.discovery_problems:
        found = f"{number_of(len(facts.discovered), 'database')} found, each with a target"
        yield _checked("RC128", "discover", "", found, again)


def _schedules(facts: MachineFacts) -> Iterator[Finding]:
    for target in facts.unscheduled:
        yield problem(
            "RC121",
            target,
            "the target has no schedule: `restorecheck run` never drills it",
            RuleAdvice(AdvicePlace.CONFIGURATION, 'set defaults.schedule = "15 3 * * *"'),
        )


def _dump(dump: DumpFacts, facts: MachineFacts, now: datetime) -> Iterator[Finding]:
    if dump.decrypt:
        yield _checked(
            "RC105",
            dump.target,
            "" if dump.decrypt_found else f"the program {dump.decrypt} is not installed",
            f"{dump.decrypt} is installed",
            RuleAdvice(AdvicePlace.HERE, f"<install {dump.decrypt}>"),
        )
    if dump.problem:
        yield problem(
            "RC102",
            dump.target,
            dump.problem,
            RuleAdvice(
                AdvicePlace.HERE,
                f"<correct dump.path, or give restorecheck the right to read {dump.path}>",
            ),
        )
        return
    yield ok("RC102", dump.target, f"the newest dump is {dump.newest}")
    yield _age(dump, now)
    yield _head(dump)
    yield from _changes(dump)
    if dump.restores_here:
        yield _programs(dump)
        yield _room(dump, facts)
    yield from _preview(dump)


def _changes(dump: DumpFacts) -> Iterator[Finding]:
    """Nothing where it cannot be known: a repository may be append-only, and a try would be a write."""
    allowed = dump.changes_allowed
    if isinstance(allowed, Unread):
        yield not_looked_at("RC127", dump.target, allowed.needs, allowed.because)
    elif allowed is not None:
        said = f"restorecheck could change the dumps: {', '.join(allowed)}" if allowed else ""
        yield _checked(
            "RC127",
            dump.target,
            said,
            "restorecheck may only read the dumps",
            RuleAdvice(
                AdvicePlace.HERE,
                "<give restorecheck credentials, or a user, with the right to read the dumps only>",
            ),
        )


def _age(dump: DumpFacts, now: datetime) -> Finding:
    if dump.taken_at is None:
        why = "neither its name nor its storage says when it was taken"
        return not_looked_at("RC103", dump.target, "the dump itself", why)
    age = now - dump.taken_at
    if age < -SKEW:
        said = f"the time of the newest dump is in the future: {dump.taken_at:%Y-%m-%d %H:%M} UTC"
        correct = "correct the clock: of this machine, or of the machine that made the dump"
        return problem("RC103", dump.target, said, RuleAdvice(AdvicePlace.HERE, f"<{correct}>"))
    shown = f"the newest dump is {age / timedelta(hours=1):.1f} hours old"
    if dump.max_age is None:
        return ok("RC103", dump.target, f"{shown}; dump.max_age_hours is not set")
    if age <= dump.max_age:
        return ok("RC103", dump.target, shown)
    hours = dump.max_age / timedelta(hours=1)
    said = f"{shown}; max_age_hours is {hours:g}"
    return problem(
        "RC103", dump.target, said, RuleAdvice(AdvicePlace.HERE, "<run the job that dumps>")
    )


def _preview(dump: DumpFacts) -> Iterator[Finding]:
    """Findings of the drill's first steps, unless another rule has them already."""
    seen = dump.preview
    if isinstance(seen, Unread):
        if not seen.because.startswith("see RC"):
            yield not_looked_at("RC122", dump.target, seen.needs, seen.because)
        return
    if seen.reason and not _is_said(dump, seen):
        said = f"{seen.reason}: the drill would be {seen.verdict}"
        yield problem("RC122", dump.target, said, *_advised(seen.hint))
    for said in seen.problems:
        yield problem("RC122", dump.target, f"{said}: the drill would fail", *_advised(""))
    if seen.only_head:
        yield not_looked_at("RC122", dump.target, "more time than one minute", seen.only_head)
    elif not seen.reason and not seen.problems:
        yield ok("RC122", dump.target, f"{seen.newest} is complete and can be restored")
    if seen.server or seen.lacks:
        yield _server(dump.target, seen)
    for note in seen.notes:
        yield ok("RC124", dump.target, note)


def _is_said(dump: DumpFacts, seen: Preview) -> bool:
    """Whether RC106 reports it already, from the head."""
    return bool(dump.head) and isinstance(dump.head, str) and dump.head in seen.reason


def _advised(hint: str) -> Iterator[RuleAdvice]:
    yield RuleAdvice(
        AdvicePlace.HERE, f"<{hint or 'look at the job that writes the dumps, and run it'}>"
    )


def _server(target: str, seen: Preview) -> Finding:
    if seen.lacks:
        mend = seen.hint or "correct the server, or correct dump.into"
        return problem("RC123", target, seen.lacks, *_advised(mend))
    fine = f"{seen.server} has the extensions and collations that the dump needs"
    if seen.other_locale:
        fine += (
            f"; it does not have the locale of the source ({seen.other_locale}), so texts are "
            "sorted differently"
        )
    return ok("RC123", target, fine)


def _head(dump: DumpFacts) -> Finding:
    if isinstance(dump.head, Unread):
        return not_looked_at("RC106", dump.target, dump.head.needs, dump.head.because)
    hint = dump.preview.hint if isinstance(dump.preview, Preview) else ""
    return _checked(
        "RC106",
        dump.target,
        f"{dump.newest} {dump.head}" if dump.head else "",
        "its header is a dump header",
        RuleAdvice(AdvicePlace.HERE, f"<{hint or 'correct dump.decrypt or dump.path'}>"),
    )


def _programs(dump: DumpFacts) -> Finding:
    if isinstance(dump.majors, Unread):
        advice = RuleAdvice(AdvicePlace.CONFIGURATION, "remove postgres.bin_dir")
        return problem("RC101", dump.target, dump.majors.because, advice)
    shown = ", ".join(str(major) for major in sorted(set(dump.majors))) or "none"
    said = f"installed PostgreSQL versions: {shown}"
    wanted = dump.major
    if dump.majors and (wanted is None or max(dump.majors) >= wanted):
        if wanted is not None and wanted not in dump.majors and dump.own_major:
            said += f"; the dump is of {wanted}: `{dump.own_major}` installs its own version"
            said = "; ".join([said, *dump.unusable])
        return ok("RC101", dump.target, said)
    if wanted:
        said += f"; the dump needs {wanted}"
    program = f"PostgreSQL {wanted}" if wanted else "PostgreSQL"
    command = dump.own_major or f"<install {program} of the operating system>"
    mend = [RuleAdvice(AdvicePlace.HERE, fix) for fix in (*dump.unusable_fixes, command)]
    return problem("RC101", dump.target, "; ".join([said, *dump.unusable]), *mend)


def _room(dump: DumpFacts, facts: MachineFacts) -> Finding:
    if facts.free_bytes is None:
        return not_looked_at("RC104", dump.target, f"the folder {facts.work_dir} (RC108)")
    wanted = ROOM * dump.size_bytes
    shown = f"{facts.free_bytes / 1e9:,.1f} GB are free in {facts.work_dir}"
    if facts.free_bytes >= wanted:
        return ok("RC104", dump.target, shown)
    return problem(
        "RC104",
        dump.target,
        f"{shown}; the dump has {dump.size_bytes / 1e9:,.1f} GB, and a restore needs about "
        f"{ROOM} times as much",
        RuleAdvice(AdvicePlace.CONFIGURATION, 'set postgres.work_dir = "<a larger file system>"'),
    )
