"""Bugs in what lists and fetches dumps of a storage."""

from tests.mutants.planted import bug

FETCHING = "tests/unit/postgres/dump/test_fetching.py"
FOLDERS = "tests/integration/test_folder_watch.py"
INTEGRITY = "tests/unit/storages/test_integrity.py"
REFUSALS = "tests/integration/test_s3_refusals.py"
REPOSITORIES = "tests/integration/test_repositories.py"
QUEUE = "tests/integration/test_s3_queue.py"
S3 = "tests/integration/test_s3.py"

STORAGES = (
    bug(
        "a deleted dump is a backup",
        "dumps_among",
        "if _is_safe(f.name) and f.deleted_at is None",
        "if _is_safe(f.name)",
        FETCHING,
    ),
    bug(
        "an older dump in an archive hides a bad newest one",
        "Fetched.one_more",
        "except TransientError:",
        "except ProviderError:",
        FETCHING,
    ),
    bug(
        "a dump of unknown size may be of any size",
        "_Copy.write",
        "self._room.take(len(data))",
        "self._room.take(0)",
        FETCHING,
    ),
    bug(
        "the last part of an object in parts is not compared",
        "Digest.holds",
        "whole.update(bytes(self._digests) + self._current.digest())",
        "whole.update(bytes(self._digests))",
        INTEGRITY,
    ),
    bug(
        "an ETag under a key is taken for an MD5",
        "_of_etag",
        "if keyed or found is None:",
        "if found is None:",
        INTEGRITY,
    ),
    bug(
        "expired credentials are used again",
        "S3Calls.call",
        "self._made = None",
        "",
        REFUSALS,
    ),
    bug(
        "a list goes on for ever",
        "S3Storage._pages",
        "if following in ({}, before):",
        "if not following:",
        REFUSALS,
    ),
    bug(
        "a server may send more than it lists",
        "download",
        "if file.size_bytes is not None and at > file.size_bytes:",
        "if file.size_bytes is None and at:",
        REFUSALS,
    ),
    bug(
        "a repository that is not there is a missing dump",
        "Program.output",
        "raise ProviderError(exc.message, hint=hint) from exc",
        "raise",
        REPOSITORIES,
    ),
    bug(
        "every archive is looked into at once",
        "BorgStorage.batches",
        "newest = [*series.values()]",
        "newest = [*listed]",
        REPOSITORIES,
    ),
    bug(
        "a dump that a delete marker hides is forgotten",
        "S3Storage._of_versions",
        'if marker["IsLatest"]:',
        'if not marker["IsLatest"]:',
        S3,
    ),
    bug(
        "a message is deleted before its drill has a report",
        "QueueWatch._look_at",
        "self._runner.look(name) is Seen.NOTHING_NEW",
        "self._runner.look(name) in {Seen.NOTHING_NEW, Seen.ASKED}",
        QUEUE,
    ),
    bug(
        "a message of another program is deleted",
        "QueueWatch._take",
        "if message.identifier not in self._foreign:",
        "self._queue.delete(message)\nif message.identifier not in self._foreign:",
        QUEUE,
    ),
    bug(
        "a message comes again while its drill goes on",
        "QueueWatch._hold",
        "is_due = now - pending.held_at >= HOLD_EVERY",
        "is_due = False",
        QUEUE,
    ),
    bug(
        "a snapshot of another account starts a drill",
        "_is_of",
        "return found == (kind, owner, keys.source.account_id, keys.region)",
        "return found[:2] == (kind, owner) and found[3] == keys.region",
        "tests/unit/hosts/functions/test_starting.py",
    ),
    bug(
        "a dump is drilled while its writer pauses",
        "FolderWatch.is_written",
        "return any(name in self._fitting(path) for path in recent)",
        "return False",
        FOLDERS,
    ),
    bug(
        "a dump that is moved into the folder is never complete",
        "_is_empty",
        "return Path(path).stat().st_size == 0",
        "return True",
        FOLDERS,
    ),
)
