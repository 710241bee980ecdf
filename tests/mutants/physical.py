"""Bugs in the recovery of physical backups. As in planted.py."""

from tests.mutants.planted import bug

CHOICE = "tests/unit/postgres/physical/test_choice.py"
OUTCOME = "tests/unit/postgres/physical/test_outcome.py"
WAL = "tests/unit/postgres/physical/test_wal.py"
TEXTS = "tests/unit/postgres/physical/test_texts.py"
BROKER = "tests/unit/postgres/physical/test_broker.py"
MESSAGES = "tests/unit/postgres/session/test_messages.py"
CONFIGURED = "tests/unit/checks/test_kinds_configured.py"
BUILT_IN = "tests/unit/checks/test_kinds_built_in.py"
STANDBY = "tests/unit/postgres/physical/test_standby.py"
BARMAN = "tests/unit/postgres/physical/test_barman.py"
PGBACKREST = "tests/unit/postgres/physical/test_pgbackrest.py"
BESIDE = "tests/unit/postgres/physical/test_beside.py"

PHYSICAL = (
    bug(
        "a tool that keeps more full backups than there are expires one",
        "postgres/physical/leaving",
        "max(0, len(fulls) + 1 - kept)",
        "len(fulls) + 1 - kept",
        CHOICE,
    ),
    bug(
        "a disk without room is an archive that does not answer",
        "postgres/physical/Broker._ask_archive",
        "if is_about_room(got.said, self.folder)",
        "if False",
        BROKER,
    ),
    bug(
        "the throw-away server of a drill is the cluster of production",
        "postgres/physical/_cluster_of",
        "or _is_of_a_drill(folder)",
        "",
        BESIDE,
    ),
    bug(
        "any error of WAL-G's wal-fetch is the end of the WAL",
        "postgres/physical/sources/WalG.fetch",
        "if done.code == NOT_THERE",
        "if done.code",
        "tests/unit/postgres/physical/test_walg.py",
    ),
    bug(
        "a disk that is full while parts are combined is a bad backup",
        "postgres/physical/is_about_room",
        "any(words in said for words in NO_ROOM)",
        "False",
        "tests/unit/postgres/physical/test_source.py",
    ),
    bug(
        "a segment in a folder that is never read counts as the newest of the archive",
        "postgres/physical/_names",
        "if _GROUP.fullmatch(entry.name) and entry.is_dir()",
        "if entry.is_dir()",
        "tests/unit/postgres/physical/test_archive_folder.py",
    ),
    bug(
        "of two backups with the same folder name one is restored for the other",
        "postgres/physical/sources/names_of",
        "if len(found) == len(set(places))",
        "if found",
        "tests/unit/postgres/physical/test_basebackup.py",
    ),
    bug(
        "the end of the archive is that of another cluster in the stanza",
        "postgres/physical/sources/PgBackRest.newest_segment",
        "wal.newest([listed.newest] if listed else [])",
        "wal.newest(one.newest for one in self.listed.values())",
        PGBACKREST,
    ),
    bug(
        "pgBackRest's archive-get finds no backup_label beside pg_control",
        "postgres/physical/sources/CONTROL",
        '("global/pg_control", LABEL)',
        '("global/pg_control",)',
        PGBACKREST,
    ),
    bug(
        "a repository of pgBackRest that cannot be read is taken for one without backups",
        "postgres/physical/sources/PgBackRest._refuse",
        "if code not in WHOLE",
        "if code not in {*WHOLE, 99}",
        PGBACKREST,
    ),
    bug(
        "a backup that failed in Barman is taken for a whole one",
        "postgres/physical/sources/_problem",
        "if status in COPIED",
        "if status in {*COPIED, 'FAILED'}",
        BARMAN,
    ),
    bug(
        "an incremental backup of Barman is whole though its full one failed",
        "postgres/physical/sources/_chain",
        "if problem := _problem(infos[below])",
        "if problem := _problem(infos[name])",
        BARMAN,
    ),
    bug(
        "the missing library of an extension is damage",
        "shows_damage",
        "exc.diag.source_file != LIBRARIES",
        "exc.diag.source_file != ''",
        MESSAGES,
    ),
    bug(
        "a row that an index lacks is put down to the collation",
        "is_about_order",
        'exc.sqlstate == "XX002" and any(words in said for words in _OF_ORDER)',
        'exc.sqlstate == "XX002"',
        MESSAGES,
    ),
    bug(
        "a table that lost all its rows is taken for an unlogged one",
        "TableReading.empty_unlogged",
        'UNLOGGED in self.traits and self.values.get(ROWS) == "0"',
        'self.values.get(ROWS) == "0"',
        CONFIGURED,
    ),
    bug(
        "the unlogged tables of a dump are not counted",
        "_but_unlogged",
        "judgement.outcome is CheckOutcome.FAILED and context.physical and scan.unlogged",
        "judgement.outcome is CheckOutcome.FAILED and scan.unlogged",
        CONFIGURED,
    ),
    bug(
        "a hole in the archive is taken for its end",
        "gap",
        "if newest and Segment.of(newest, size) > here",
        "if newest and Segment.of(newest, size) < here",
        OUTCOME,
    ),
    bug(
        "a damaged last segment is taken for a whole one",
        "gap",
        "if last.problem",
        "if last.problem and last.absent",
        OUTCOME,
    ),
    bug(
        "a record behind the end of recovery is not missed",
        "gap",
        "last.last_record >= reached.lsn",
        "last.last_record > reached.lsn",
        OUTCOME,
    ),
    bug(
        "what the server says of this machine fails the backup",
        "explain",
        "if any(words in text for words in OURS)",
        "if any(words in text for words in OURS[:1])",
        OUTCOME,
    ),
    bug(
        "an archive that did not answer is what the server makes of it",
        "explain",
        "if refused is not None",
        "if isinstance(refused, Broken)",
        OUTCOME,
    ),
    bug(
        "a backup is recovered to a time before its end",
        "ended_before",
        "backup.surely_ended <= moment.time",
        "(backup.started_at or backup.ended) <= moment.time",
        CHOICE,
    ),
    bug(
        "a damaged newest backup is passed over without a word",
        "choose",
        "newest=first if first.problem else None",
        "newest=None",
        CHOICE,
    ),
    bug(
        "a constraint that production's time zone decides fails a copy of files",
        "ConstraintsHold.find",
        "if float(value) > 0 and context.physical and key.startswith(UNSETTLED)",
        "if float(value) > 0 and not context.physical and key.startswith(UNSETTLED)",
        BUILT_IN,
    ),
    bug(
        "a catalog without its file is a connection to be tried again",
        "lost_file",
        'return found[0] if found else ""',
        'return ""',
        OUTCOME,
    ),
    bug(
        "a check that still holds after its moment passes",
        "turned_round",
        "outcome = CheckOutcome.FAILED",
        "outcome = CheckOutcome.PASSED",
        STANDBY,
    ),
    bug(
        "a check without an answer passes because it had to fail",
        "turned_round",
        "outcome, detail = result.outcome, result.detail",
        "outcome, detail = CheckOutcome.PASSED, ''",
        STANDBY,
    ),
    bug(
        "moments are recovered to in the order of the file",
        "in_order",
        "sorted(moments.items(), key=_order)",
        "moments.items()",
        STANDBY,
    ),
    bug(
        "a segment of another cluster is handed to the server",
        "misfit",
        "if header.system_identifier != system_identifier",
        "if not header.system_identifier",
        WAL,
    ),
    bug(
        "a time in an unknown zone is taken for UTC",
        "postgres/physical/_moment",
        '"%Y-%m-%d %H:%M:%S UTC"',
        '"%Y-%m-%d %H:%M:%S " + text.strip()[-3:]',
        TEXTS,
    ),
    bug(
        "what was fetched ahead is handed over whatever the server wants",
        "Broker._fetched",
        "name == following and got.answer is ArchiveAnswer.FETCHED",
        "following and got.answer is ArchiveAnswer.FETCHED",
        BROKER,
    ),
    bug(
        "an answer of the archive ahead of its time is final",
        "Broker._fetched",
        "if name == following and got.answer is ArchiveAnswer.FETCHED:\n    (self._incoming / AHEAD).replace(to)",
        "if name == following:\n    (self._incoming / AHEAD).replace(to) if (self._incoming / AHEAD).exists() else None",
        BROKER,
    ),
    bug(
        "a server gets a segment that it may not write anew",
        "Broker._hand_over",
        "file.chmod(0o600)",
        "file.chmod(0o400)",
        BROKER,
    ),
    bug(
        "a server may write to the archive, whose file a tool linked",
        "postgres/physical/make_ours",
        "not stat.S_ISREG(state.st_mode) or state.st_nlink > 1",
        "not stat.S_ISREG(state.st_mode)",
        BROKER,
    ),
    bug(
        "an archive that did not answer is taken for its end",
        "Broker._ask_archive",
        "return REFUSED",
        "return ABSENT",
        BROKER,
    ),
    bug(
        "a segment that is being written is damaged at the first look",
        "Broker._checked",
        "if got.answer is ArchiveAnswer.DAMAGED and not self.stop.wait(self.second_look)",
        "if got.answer is ArchiveAnswer.UNKNOWN and not self.stop.wait(self.second_look)",
        BROKER,
    ),
)
