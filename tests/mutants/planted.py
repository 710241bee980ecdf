"""Bugs that somebody could make in an evening, one edit each. `make mutants` plants one after the
other in a copy of the package, and every one must turn a test red.
"""

from dataclasses import dataclass

PURE = (
    "tests/unit/test_lifecycle.py",
    "tests/unit/test_retention.py",
    "tests/unit/test_sweep.py",
)
NIGHTS = (
    "tests/simulation/test_found.py",
    "tests/simulation/test_many_nights.py",
    "tests/simulation/test_several_hosts.py",
    "tests/simulation/test_operators.py",
    "tests/simulation/test_every_crash.py",
    "tests/simulation/test_every_fault.py",
)
"""The quickest to catch something first; the exhaustive one last."""
LOCAL = ("tests/contract/test_provider.py", "tests/acceptance/test_kill.py")


@dataclass(frozen=True, kw_only=True)
class Mutant:
    says: str
    """What somebody got wrong."""
    file: str
    """Below `restorecheck/`."""
    find: str
    """Stands there exactly once."""
    put: str
    suites: tuple[str, ...]


def bug(says: str, file: str, find: str, put: str, *suites: str) -> Mutant:
    return Mutant(says=says, file=file, find=find, put=put, suites=suites or (*PURE, *NIGHTS))


HOSTS_FIRST = ("tests/simulation/test_several_hosts.py", *NIGHTS)
CRASHES = "tests/simulation/test_every_crash.py"
ENGINE, LIFECYCLE, SWEEP = "engine.py", "lifecycle.py", "sweep.py"
RETENTION, DRIVING = "retention.py", "hosts/driving.py"
INSTANCES, COPYING, CREDENTIALS = "aws/instances.py", "aws/copying.py", "aws/credentials.py"
KEEPING, INVENTORY, PROVIDER = "aws/keeping.py", "aws/inventory.py", "aws/provider.py"
VIEWS, TRANSLATION, NAMING = "aws/views.py", "aws/translation.py", "aws/naming.py"
FENCE, EVIDENCE, ACCOUNTS, BULLETIN = (
    "aws/fence.py",
    "aws/evidence.py",
    "aws/accounts.py",
    "aws/bulletin.py",
)

ADOPTING = "aws/adopting.py"
STORES = "aws/stores.py"
WIRING = "hosts/rds.py"
SWEEPING = "hosts/sweeping.py"
LEASES = "hosts/leases.py"
CHECKER = "hosts/functions/checker.py"
TELLING = "hosts/functions/telling.py"
METRICS = "hosts/functions/metrics.py"
SWEEPER = "hosts/functions/sweeper.py"
ACCOUNTS_TESTS = "tests/simulation/test_accounts.py"
ADOPTING_TESTS = "tests/unit/test_adopting.py"
ASKING_IN_AWS_TESTS = "tests/unit/test_asking_in_aws.py"
AWS_ROOMS_TESTS = "tests/unit/test_aws_rooms.py"
AWS_STORE_TESTS = "tests/integration/test_aws_store.py"
CREDENTIALS_TESTS = "tests/unit/test_credentials.py"
ENGINE_TESTS = "tests/unit/test_engine.py"
FOUND_TESTS = "tests/simulation/test_found.py"
GUARDING_TESTS = "tests/unit/test_guarding.py"
HALF_OURS_TESTS = "tests/simulation/test_half_ours.py"
INVENTORY_TESTS = "tests/simulation/test_inventory.py"
LEASES_TESTS = "tests/unit/test_leases.py"
LIFECYCLE_BOOKS_TESTS = "tests/unit/test_lifecycle_books.py"
LIFECYCLE_TESTS = "tests/unit/test_lifecycle.py"
MANY_NIGHTS_TESTS = "tests/simulation/test_many_nights.py"
OBJECTIVES_TESTS = "tests/unit/test_objectives.py"
RESTARTING_TESTS = "tests/unit/test_restarting.py"
RETENTION_TESTS = "tests/unit/test_retention.py"
SWEEPER_TESTS = "tests/unit/test_sweeper.py"
SWEEP_TESTS = "tests/unit/test_sweep.py"
TELLING_TESTS = "tests/integration/test_telling.py"
WIRING_RDS_TESTS = "tests/unit/test_wiring_rds.py"

PLANTED = (
    # --- the engine ------------------------------------------------------------------------
    bug(
        "what is made is recorded after the call",
        ENGINE,
        "        if intended != loaded:\n            intended = self._store.save(intended)\n",
        "",
    ),
    bug(
        "the passing of time is forgotten",
        ENGINE,
        "        drill = expire(loaded, now)\n",
        "        drill = loaded\n",
    ),
    bug(
        "the clock is read before the call, and taken for the time after it",
        ENGINE,
        "        after = apply(intended, event, self._present(intended))\n",
        "        after = apply(intended, event, now)\n",
        "tests/simulation/test_every_fault.py",
    ),
    bug(
        "an error of ours is called a bad backup",
        ENGINE,
        "            return Unclear(reason=exc.message, hint=exc.hint)\n",
        "            from restorecheck.lifecycle import Broken\n"
        "            return Broken(reason=exc.message, hint=exc.hint)\n",
    ),
    bug(
        "a deletion that failed counts as done",
        ENGINE,
        "            return self._provider_for(drill).delete(action.resource, action.made_until)\n"
        "        except ProviderError as exc:\n"
        "            return StillThere(action.resource, exc.message)\n",
        "            return self._provider_for(drill).delete(action.resource, action.made_until)\n"
        "        except ProviderError:\n"
        "            return Gone(action.resource)\n",
        f"{CRASHES}::test_a_deletion_that_is_refused_is_asked_for_again_and_never_taken_for_done",
    ),
    bug(
        "a conflict of two hosts ends the one that lost",
        ENGINE,
        "        except DrillConflictError:\n            # Another",
        "        except ZeroDivisionError:\n            # Another",
        "tests/simulation/test_several_hosts.py",
    ),
    bug(
        "a defect in what explains keeps the instance alive",
        ENGINE,
        "        except Exception as exc:  # a defect in what only explains",
        "        except ZeroDivisionError as exc:  # a defect in what only explains",
        f"{CRASHES}::test_a_defect_in_what_explains_and_in_what_comes_after_costs_neither_teardown_nor_report",
    ),
    bug(
        "an abort changes a drill that is judged already",
        LIFECYCLE,
        "    if drill.phase is not Phase.STEPS:\n        return drill\n    return _fail(drill, Verdict.INCONCLUSIVE, reason, now, outcome",
        "    if drill.finished:\n        return drill\n    return _fail(drill, Verdict.INCONCLUSIVE, reason, now, outcome",
    ),
    # --- the state machine -----------------------------------------------------------------
    bug(
        "the teardown is skipped when the deadline passes",
        LIFECYCLE,
        "                phase=Phase.TEARDOWN, evidence=drill.evidence + evidence, proof=proof\n            )\n",
        "                phase=Phase.CLOSING\n"
        "                if drill.failure is not None and drill.failure.timed_out\n"
        "                else Phase.TEARDOWN,\n"
        "                evidence=drill.evidence + evidence,\n                proof=proof,\n            )\n",
    ),
    bug(
        "the verdict comes from half a set of checks",
        LIFECYCLE,
        "    return drill if drill.pending_checks else _complete_step(drill, now)\n",
        "    return _complete_step(drill, now)\n",
    ),
    bug(
        "a half-run set of checks raises no doubt",
        LIFECYCLE,
        '    if drill.pending_checks:\n        return f"check {drill.pending_checks[0].name!r} was not run"\n',
        "",
    ),
    bug(
        "no check at all verifies",
        LIFECYCLE,
        '    if not asked:\n        return "no required check was run"\n',
        "",
    ),
    bug(
        "an answer of a stranger counts",
        LIFECYCLE,
        "    if strangers:\n",
        "    if len(strangers) > len(asked):\n",
    ),
    bug(
        "a check that was skipped counts as passed",
        LIFECYCLE,
        "        if result.outcome is not CheckOutcome.PASSED:\n",
        "        if result.outcome is CheckOutcome.ERROR:\n",
    ),
    bug(
        "a failed check is no failure while the drill itself failed for another reason",
        LIFECYCLE,
        "    if failed:\n        return RecordVerdict(Verdict.FAILED, _describe(failed))\n    if failure",
        "    if failed and failure is None:\n"
        "        return RecordVerdict(Verdict.FAILED, _describe(failed))\n    if failure",
    ),
    bug(
        "the ledger forgets what a step makes when it is begun a second time",
        LIFECYCLE,
        "evolve(ledger=drill.ledger + new)",
        "evolve(ledger=new or drill.ledger)",
    ),
    bug(
        "the ledger is emptied by the verdict",
        LIFECYCLE,
        "                phase=Phase.EVIDENCE, verdict=verdict,",
        "                phase=Phase.EVIDENCE, ledger=(), verdict=verdict,",
    ),
    bug(
        "a stubborn resource is dropped and not put behind the others",
        LIFECYCLE,
        "        ledger=(event.resource, *others),\n",
        "        ledger=others,\n",
    ),
    bug(
        "the teardown is bounded by the wall clock of its steps",
        LIFECYCLE,
        "    return drill.teardown_waited >= drill.teardown_limit\n",
        "    return drill.teardown_waited >= drill.teardown_limit / 60\n",
    ),
    bug(
        "the teardown is not bounded",
        LIFECYCLE,
        "    return drill.teardown_waited >= drill.teardown_limit\n",
        "    return False\n",
    ),
    bug(
        "transient errors are retried without end",
        LIFECYCLE,
        "    if drill.retries < MAX_RETRIES:\n",
        "    if drill.retries >= 0:\n",
    ),
    bug(
        "a thing that was made until the end of a step is thought made at the drill's start",
        LIFECYCLE,
        "    return max(ends, default=drill.started_at)\n",
        "    return min([drill.started_at, *ends])\n",
    ),
    bug(
        "a standby is kept whatever the verdict",
        LIFECYCLE,
        "        if drill.verdict is Verdict.VERIFIED and _is_standby(drill, resource):\n",
        "        if _is_standby(drill, resource):\n",
    ),
    bug(
        "a step's own deadline is not looked at",
        LIFECYCLE,
        "    if record is not None and now >= record.started_at + step.deadline:\n",
        "    if record is None and now >= drill.deadline:\n",
    ),
    bug(
        "a later save forgets the outputs of earlier steps",
        LIFECYCLE,
        "            outputs=drill.outputs | event.outputs,\n            restored_in",
        "            outputs=event.outputs,\n            restored_in",
    ),
    bug(
        "a restored instance that timed out counts as restored",
        LIFECYCLE,
        "        restored = RestoreOutcome.TIMED_OUT if timed_out else RestoreOutcome.FAILED\n",
        "        restored = RestoreOutcome.SUCCEEDED\n",
    ),
    # --- sweep -----------------------------------------------------------------------------
    bug(
        "the sweep deletes by name, without our mark",
        SWEEP,
        '    if leftover.marked:\n        return ""\n',
        '    if leftover.drill_id:\n        return ""\n',
    ),
    bug(
        "the sweep takes what a living drill is at work on",
        SWEEP,
        "    if leftover.alive or leftover.drill_id in living:\n",
        "    if leftover.drill_id in living:\n",
    ),
    bug(
        "the sweep ends drills of living hosts",
        SWEEP,
        "    finish = tuple(d for d in unfinished if d.id not in living)\n",
        "    finish = tuple(unfinished)\n",
    ),
    bug(
        "the sweep ends what was kept on request",
        SWEEP,
        "        kept = drill.teardown_outcome is TeardownOutcome.KEPT and drill.id not in end\n",
        "        kept = False\n",
    ),
    bug(
        "the sweep deletes standbys",
        SWEEP,
        "    if leftover.kept and leftover.drill_id not in end:\n",
        "    if leftover.kept and leftover.drill_id in living:\n",
    ),
    bug(
        "the sweep does not look for orphans",
        SWEEP,
        "            orphans.append(leftover.resource)\n",
        '            spared.append((leftover.resource, ""))\n',
    ),
    bug(
        "the sweeper forgets to strike off what it deleted",
        DRIVING,
        "                self._strike_off(drill.id, resource)\n",
        "                pass\n",
    ),
    bug(
        "the sweeper takes one look at an absent thing for its end",
        DRIVING,
        "            made_until = drill.finished_at or drill.deadline\n",
        "            made_until = drill.started_at - drill.teardown_limit\n",
        *HOSTS_FIRST,
    ),
    bug(
        "one inventory that cannot look ends the sweep",
        DRIVING,
        "            except RestorecheckError as exc:\n                unseen.append(exc.message)\n                continue\n",
        "            except ZeroDivisionError:\n                continue\n",
        *HOSTS_FIRST,
    ),
    bug(
        "the sweeper does not end a dead drill before it finishes it",
        DRIVING,
        "            self._engine.abort(drill.id, DEAD_HOST)\n",
        "            pass\n",
    ),
    # --- retention -------------------------------------------------------------------------
    bug(
        "the last verified copy is pruned",
        RETENTION,
        "*((verified,) if verified else ())",
        "*()",
    ),
    bug(
        "the oldest copies are kept",
        RETENTION,
        "key=_age, reverse=True)\n    stay",
        "key=_age)\n    stay",
    ),
    bug(
        "one copy fewer is kept than configured",
        RETENTION,
        "[:keep]",
        "[: keep - 1]",
    ),
    bug(
        "copies under way are pruned too",
        RETENTION,
        "sorted((c for c in copies if c.available),",
        "sorted((c for c in copies if not c.broken),",
        "tests/unit/test_retention.py",
        *NIGHTS,
    ),
    bug(
        "of two copies of one snapshot the newer one counts, proven or not",
        RETENTION,
        "    return 1 if copy.verdict is Verdict.VERIFIED else 0\n",
        "    return 0\n",
        "tests/unit/test_retention.py",
        *NIGHTS,
    ),
    bug(
        "what never became a backup is kept for ever",
        RETENTION,
        "    broken = [c for c in copies if c.broken and not c.available and whole]\n",
        "    broken: list[Copy] = []\n",
    ),
    # --- aws -------------------------------------------------------------------------------
    bug(
        "an instance that is not seen is taken for deleted",
        INSTANCES,
        "    if view is None:\n        if now < late_enough:\n",
        "    if view is None:\n        if now < made_until:\n",
    ),
    bug(
        "absence is believed of an old look",
        INSTANCES,
        "latest(not_before=min(now, late_enough))",
        "latest()",
        "tests/unit/test_aws_rooms.py",
        *NIGHTS,
    ),
    bug(
        "an instance is deleted by its name alone",
        INSTANCES,
        '        return StillThere(resource, "going", settings.poll)\n'
        "    if not naming.is_ours(name) or not naming.is_managed(view.tags):\n",
        '        return StillThere(resource, "going", settings.poll)\n'
        "    if not naming.is_ours(name):\n",
    ),
    bug(
        "`already exists` of a foreign instance is accepted",
        INSTANCES,
        "    if view.tags.get(naming.DRILL) != drill.id or not naming.is_managed(view.tags):\n"
        '        raise AlreadyExistsError(\n            f"DB instance',
        '    if not view.tags:\n        raise AlreadyExistsError(\n            f"DB instance',
    ),
    bug(
        "a foreign copy is restored",
        INSTANCES,
        "    if copy.tags.get(naming.DRILL) != drill.id or not naming.is_managed(copy.tags):\n",
        "    if not copy.tags:\n",
    ),
    bug(
        "the restored instance is public",
        INSTANCES,
        '        "PubliclyAccessible": False,\n',
        '        "PubliclyAccessible": True,\n',
    ),
    bug(
        "the restored instance takes production's tags",
        INSTANCES,
        '        "Tags": naming.as_list(tags),\n',
        "",
    ),
    bug(
        "the restored instance makes backups as production does",
        INSTANCES,
        '        "BackupRetentionPeriod": 0,\n',
        "",
    ),
    bug(
        "deleting leaves a final snapshot",
        INSTANCES,
        "DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=True",
        'DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=f"{name}-final"',
    ),
    bug(
        "the instance that was replaced is asked",
        INSTANCES,
        "    if view is None or view.resource_id != drill.endpoint.identity:\n",
        "    if view is None:\n",
        "tests/simulation/test_operators.py",
        "tests/rds/test_crash.py",
    ),
    bug(
        "an unknown status is taken for ready",
        VIEWS,
        "        return INSTANCE_STATUSES.get(self.status, Progress.UNKNOWN)\n",
        "        return INSTANCE_STATUSES.get(self.status, Progress.READY)\n",
    ),
    bug(
        "an unknown status ends the drill",
        INSTANCES,
        '            return InProgress(wait=poll, detail=f"{view.status} (unknown)", status=view.status)\n',
        '            return Unclear(reason=f"{view.status} (unknown)")\n',
    ),
    bug(
        "an instance with changes under way counts as ready",
        VIEWS,
        "        settled = not self.pending and not self.unsettled\n",
        "        settled = not self.unsettled\n",
        "tests/unit/test_aws_rooms.py",
        *NIGHTS,
    ),
    bug(
        "a restore that failed for a full subnet is called a bad backup",
        VIEWS,
        '    "incompatible-network": Progress.HOPELESS,\n',
        '    "incompatible-network": Progress.BAD_BACKUP,\n',
    ),
    bug(
        "a copy that failed is called a bad backup",
        COPYING,
        "            case Progress.BAD_BACKUP | Progress.HOPELESS:\n                return Unclear(\n",
        "            case Progress.BAD_BACKUP | Progress.HOPELESS:\n                return Broken(  # type: ignore\n",
    ),
    bug(
        "a snapshot that is not finished is taken",
        COPYING,
        "if s.progress is Progress.READY and s.taken_at]",
        "if s.taken_at]",
    ),
    bug(
        "the oldest snapshot is taken",
        COPYING,
        "        newest = max(finished, key=_taken_at, default=None)\n",
        "        newest = min(finished, key=_taken_at, default=None)\n",
    ),
    bug(
        "another instance's snapshot is taken",
        COPYING,
        "[s for s in snapshots if s.instance.lower() == wanted]",
        "[s for s in snapshots if s.instance]",
    ),
    bug(
        "a stale backup is verified",
        COPYING,
        "        if age > self._settings.max_age:\n",
        "        if age > 2 * self._settings.max_age:\n",
    ),
    bug(
        "the staging copy is shared with everybody",
        COPYING,
        'AttributeName="restore", ValuesToAdd=[backup_id]',
        'AttributeName="restore", ValuesToAdd=["all"]',
    ),
    bug(
        "a staging copy that is shared with a stranger is used",
        COPYING,
        "        if strangers:\n",
        "        if len(strangers) > 5:\n",
        "tests/simulation/test_operators.py",
        "tests/rds/test_crash.py",
    ),
    bug(
        "the lineage of the copy is not compared",
        COPYING,
        "        doubt = self._lineage_doubt(drill, view)\n",
        '        doubt = ""\n',
        "tests/simulation/test_operators.py",
        "tests/rds/test_crash.py",
    ),
    bug(
        "the share is not taken back before the restore",
        COPYING,
        "            self._remove_share(name)\n            return InProgress(",
        "            return Ready() if self.prune_staging() is None else InProgress(",
        "tests/simulation/test_many_nights.py",
        "tests/rds/test_crash.py",
    ),
    bug(
        "a share is struck off while it is there",
        COPYING,
        '            self._remove_share(arn.name)\n            return StillThere(resource, "the share is being removed", self._soon)\n',
        "            return Gone(resource)\n",
    ),
    bug(
        "the newest staging copy is deleted with the others",
        COPYING,
        "        older = whole[:-1]\n",
        "        older = whole\n",
    ),
    bug(
        "a staging copy is deleted while another drill copies from it",
        COPYING,
        "            if not self._is_in_use(view):\n",
        "            if view.tags:\n",
    ),
    bug(
        "the copy is made with no key of the backup account",
        COPYING,
        "                    KmsKeyId=self._settings.backup.kms_key_id,\n",
        "                    KmsKeyId=self._settings.source.transit_kms_key_id,\n",
    ),
    bug(
        "a copy is not asked for again while its share arrives",
        COPYING,
        "            if self._clock.now() - began > SHARE_PROPAGATION:\n",
        "            if self._clock.now() >= began:\n",
    ),
    bug(
        "a step that is not repeatable is repeated: a new password each time",
        CREDENTIALS,
        "    except AlreadyExistsError:\n        return _existing_password(account, drill, name)\n",
        "    except AlreadyExistsError:\n        return password\n",
    ),
    bug(
        "one look at a new password is enough",
        CREDENTIALS,
        "    looks = POSITIVE_LOOKS if confirmed else UNCONFIRMED_LOOKS\n",
        "    looks = 1\n",
    ),
    bug(
        "a password that RDS could not change is used",
        CREDENTIALS,
        "    if _has_event(account, view, FAILED_RESET):\n",
        '    if _has_event(account, view, "never"):\n',
    ),
    bug(
        "a secret that is not seen is taken for deleted",
        CREDENTIALS,
        "        if now < made_until + settings.settling:\n",
        "        if now < made_until:\n",
    ),
    bug(
        "a secret is deleted without our mark",
        CREDENTIALS,
        '    if not naming.is_managed(naming.as_dict(described.get("Tags"))):\n',
        "    if not naming.is_ours(name):\n",
    ),
    bug(
        "the new password is told in the status",
        CREDENTIALS,
        '        detail="changing the master credentials",\n',
        '        detail=f"changing the master credentials {sorted(map(str, changes.values()))}",\n',
    ),
    bug(
        "the verdict is not written on the copy",
        KEEPING,
        "        self._mark(drill)\n",
        "",
    ),
    bug(
        "whatever the verdict, the copy is marked as verified",
        KEEPING,
        "naming.as_list({naming.VERDICT: drill.verdict.value})",
        'naming.as_list({naming.VERDICT: "verified"})',
    ),
    bug(
        "the last standby goes though tonight's was not verified",
        KEEPING,
        "        if drill.verdict is Verdict.VERIFIED:\n",
        "        if drill.verdict is not None:\n",
    ),
    bug(
        "a copy goes while its drill is at work on it",
        KEEPING,
        "            if copy.verdict is None and not is_expired(view, now):\n",
        "            if copy.verdict is None and view is None:\n",
    ),
    bug(
        "retention prunes the copies of other targets",
        KEEPING,
        "            and tags.get(naming.TARGET) == self.settings.target\n",
        "",
    ),
    bug(
        "the standbys of other targets are ended",
        INSTANCES,
        "        and view.tags.get(naming.TARGET) == settings.target\n",
        "",
    ),
    bug(
        "the staging copies of other instances are pruned",
        COPYING,
        "            and tags.get(naming.SOURCE_INSTANCE) == self._production\n",
        "",
    ),
    bug(
        "what somebody elsewhere is at work on is never alive",
        INVENTORY,
        "            alive=not kept and expires is not None and self._clock.now() < expires,\n",
        "            alive=False,\n",
    ),
    bug(
        "the sweep finds no shares",
        INVENTORY,
        "        found += [share for view in snapshots for share in self._shares(source, view)]\n",
        "",
    ),
    bug(
        "the sweep finds no secrets",
        INVENTORY,
        "        found += self._secrets(backup)\n",
        "",
    ),
    bug(
        "whatever carries the name counts as marked",
        INVENTORY,
        "            marked=naming.is_managed(tags) and tags.get(naming.DRILL) == drill_id,\n",
        "            marked=True,\n",
    ),
    bug(
        "throttling counts as a failed try",
        PROVIDER,
        "            if not is_throttled(exc):\n                return Retry(reason=exc.message, wait=self.settings.poll)\n            # Throttling never",
        "            if exc.code:\n                return Retry(reason=exc.message, wait=self.settings.poll)\n            # Throttling never",
    ),
    bug(
        "only one account is identified",
        PROVIDER,
        "        self.source_account().identify()\n        return Ready()\n",
        "        return Ready()\n",
        *NIGHTS,
        "tests/rds/test_faults.py",
    ),
    bug(
        "a quota ends the drill",
        TRANSLATION,
        '    if code in CAPACITY or "Quota" in code:\n',
        "    if code in CAPACITY:\n",
    ),
    bug(
        "a lost connection ends the drill",
        TRANSLATION,
        "        case HTTPClientError() | NoConnectionError():\n            return TransientError(",
        "        case HTTPClientError() | NoConnectionError():\n            return ProviderError(",
    ),
    bug(
        "things are marked as expired from the beginning",
        COPYING,
        "    return drill.deadline + 2 * drill.teardown_limit\n",
        "    return drill.started_at\n",
    ),
    bug(
        "things carry no drill id",
        NAMING,
        "        DRILL: drill_id,\n",
        "",
    ),
    bug(
        "the fence lets every write through",
        FENCE,
        "    named = writes.get(operation)\n",
        "    named = writes.get(operation, ())\n",
        "tests/unit/test_aws_rooms.py",
        *NIGHTS,
    ),
    bug(
        "clients are given out before the caller is known",
        ACCOUNTS,
        "        self.identify()\n        return self._client(service)\n",
        "        return self._client(service)\n",
    ),
    bug(
        "another account than the pinned one is used",
        ACCOUNTS,
        "        if found != self.place.account_id:\n",
        "        if not found:\n",
    ),
    bug(
        "only the first page is read",
        ACCOUNTS,
        "            yield from paginator.paginate(**parameters)\n",
        "            yield next(iter(paginator.paginate(**parameters)))\n",
    ),
    bug(
        "lines of the server's log are passed on as they are",
        EVIDENCE,
        '    lines = safe_lines(portion.get("LogFileData") or "")\n',
        '    lines = (portion.get("LogFileData") or "").splitlines()\n',
    ),
    bug(
        "a look is never repeated",
        BULLETIN,
        "        if self._read_at is None or self._clock.now() - self._read_at >= self._tick:\n",
        "        if self._read_at is None:\n",
    ),
    bug(
        "what is changed is looked at in an old look",
        BULLETIN,
        "        return self.latest(not_before=self._clock.now())\n",
        "        return self.latest()\n",
    ),
    # --- the engine and AWS once more: each is caught within seconds ----------------------------
    bug(
        "a database that cannot be reached yet is given up at once",
        ENGINE,
        "        case TransientError() | DatabaseUnreachableError():\n",
        "        case TransientError():\n",
        ENGINE_TESTS,
    ),
    bug(
        "the patience that a database asks for is ignored",
        ENGINE,
        "wait=max(backoff, patience or backoff))",
        "wait=backoff)",
        ENGINE_TESTS,
    ),
    bug(
        "checks go on beyond the deadline of the drill",
        ENGINE,
        "    return min(drill.deadline, began + action.step.deadline)\n",
        "    return max(drill.deadline, began + action.step.deadline)\n",
        ENGINE_TESTS,
    ),
    bug(
        "a clock that is set back is believed",
        ENGINE,
        "        return max(self._clock.now(), *seen)\n",
        "        return self._clock.now()\n",
        ENGINE_TESTS,
    ),
    bug(
        "an abort that meets another save is lost",
        ENGINE,
        "            except DrillConflictError:\n                continue\n            return\n",
        "            except DrillConflictError:\n                return\n            return\n",
        ENGINE_TESTS,
    ),
    bug(
        "what is not found while it is deleted counts as gone",
        ENGINE,
        "            return self._provider_for(drill).delete(action.resource, "
        "action.made_until)\n"
        "        except ProviderError as exc:\n"
        "            return StillThere(action.resource, exc.message)\n",
        "            return self._provider_for(drill).delete(action.resource, "
        "action.made_until)\n"
        "        except ProviderError as exc:\n"
        "            if type(exc).__name__ == 'NotFoundError':\n"
        "                return Gone(action.resource)\n"
        "            return StillThere(action.resource, exc.message)\n",
        ENGINE_TESTS,
    ),
    bug(
        "the checks are not given the baseline",
        ENGINE,
        "            baseline=drill.baseline,\n",
        "",
        ENGINE_TESTS,
    ),
    bug(
        "reading begins anew with every call",
        ENGINE,
        "            readings=drill.readings,\n",
        "",
        ENGINE_TESTS,
    ),
    bug(
        "the checks do not know the backup",
        ENGINE,
        "            backup=drill.backup,\n",
        "",
        ENGINE_TESTS,
    ),
    bug(
        "nobody waits for anything",
        ENGINE,
        "timedelta(0) if moved_on else _pause(event)",
        "timedelta(0)",
        FOUND_TESTS,
    ),
    bug(
        "every host performs everything",
        ENGINE,
        "        if not self._performs(action):\n            return Elsewhere(action)\n",
        "",
        ENGINE_TESTS,
    ),
    bug(
        "a defect in a study keeps the instance alive",
        ENGINE,
        "        except Exception as exc:  # as above\n",
        "        except ZeroDivisionError as exc:\n",
        ENGINE_TESTS,
    ),
    bug(
        "a defect in the retention keeps a report unwritten",
        ENGINE,
        "        except Exception as exc:  # a defect in what comes after",
        "        except ZeroDivisionError as exc:  # a",
        ENGINE_TESTS,
    ),
    bug(
        "what a provider refuses in the retention ends the host",
        ENGINE,
        "        except RestorecheckError as exc:\n"
        "            return _not_looked_after(exc.message)\n",
        "",
        ENGINE_TESTS,
    ),
    bug(
        "a drill is released before its report is written",
        ENGINE,
        "            self._provider_for(after).release(after)\n",
        "",
        ENGINE_TESTS,
    ),
    bug(
        "missing capacity counts as one of the tries in a row, at once",
        ENGINE,
        "            return Retry(reason=exc.message, wait=CAPACITY_WAIT)\n",
        "            return Unclear(reason=exc.message)\n",
        ENGINE_TESTS,
    ),
    bug(
        "what a park is refused ends the host",
        ENGINE,
        "            return self._provider_for(drill).park(action.resource)\n"
        "        except ProviderError as exc:",
        "            return self._provider_for(drill).park(action.resource)\n"
        "        except ZeroDivisionError as exc:",
        ENGINE_TESTS,
    ),
    bug(
        "warnings decide the verdict",
        LIFECYCLE,
        "    required = [r for r in drill.results if r.severity is Severity.REQUIRED]\n",
        "    required = list(drill.results)\n",
        LIFECYCLE_TESTS,
    ),
    bug(
        "what was not restored can be verified",
        LIFECYCLE,
        "    if drill.restore_outcome is not RestoreOutcome.SUCCEEDED or drill.endpoint is None:\n",
        "    if drill.endpoint is None:\n",
        LIFECYCLE_TESTS,
    ),
    bug(
        "a judgement on the file counts as an answer of the database",
        LIFECYCLE,
        "    asked = [r for r in required if r.origin is CheckOrigin.DATABASE]\n"
        "    if drill.restore",
        "    asked = required\n    if drill.restore",
        LIFECYCLE_TESTS,
    ),
    bug(
        "what was interrupted is kept standing",
        LIFECYCLE,
        "    return drill.keep and drill.endpoint is not None and not aborted\n",
        "    return drill.keep and drill.endpoint is not None\n",
        LIFECYCLE_TESTS,
    ),
    bug(
        "the endpoint is not asked for",
        LIFECYCLE,
        "    return drill.keep and drill.endpoint is not None and not aborted\n",
        "    return drill.keep and not aborted\n",
        LIFECYCLE_TESTS,
    ),
    bug(
        "the oldest is deleted first",
        LIFECYCLE,
        "        resource = drill.ledger[-1]\n",
        "        resource = drill.ledger[0]\n",
        LIFECYCLE_TESTS,
    ),
    bug(
        "waiting for the retention is not counted",
        LIFECYCLE,
        "            retention_waited=drill.retention_waited + max(event.wait, "
        "MIN_TEARDOWN_WAIT),\n",
        "",
        LIFECYCLE_TESTS,
    ),
    bug(
        "passing faults add up over the whole step",
        LIFECYCLE,
        "    return drill.evolve(retries=0, waiting_for=event.detail, outputs",
        "    return drill.evolve(waiting_for=event.detail, outputs",
        LIFECYCLE_TESTS,
    ),
    bug(
        "a deletion that is asked for again at once costs no patience",
        LIFECYCLE,
        "    counted = max(event.wait, MIN_TEARDOWN_WAIT) *",
        "    counted = event.wait *",
        LIFECYCLE_TESTS,
    ),
    bug(
        "half of a restore counts as the whole",
        LIFECYCLE,
        "    if step.brings_back and not restores_left:\n",
        "    if step.brings_back:\n",
        LIFECYCLE_TESTS,
    ),
    bug(
        "a plan without a restore counts as restored",
        LIFECYCLE,
        "    if step.brings_back and not restores_left:\n",
        "    if not restores_left:\n",
        LIFECYCLE_TESTS,
    ),
    bug(
        "a failed check says that the restore failed",
        LIFECYCLE,
        "    if step.brings_back:\n        restored = Restore",
        "    if step:\n        restored = Restore",
        LIFECYCLE_TESTS,
    ),
    bug(
        "a parked standby stays in the ledger",
        LIFECYCLE,
        "            return drill.evolve(ledger=ledger, parked=(*drill.parked, resource))\n",
        "            return drill.evolve(parked=(*drill.parked, resource))\n",
        LIFECYCLE_TESTS,
    ),
    bug(
        "nobody remembers what was parked",
        LIFECYCLE,
        "            return drill.evolve(ledger=ledger, parked=(*drill.parked, resource))\n",
        "            return drill.evolve(ledger=ledger)\n",
        LIFECYCLE_TESTS,
    ),
    bug(
        "a deletion strikes off everything of its kind",
        LIFECYCLE,
        "                ledger=tuple(r for r in drill.ledger if r != resource),\n"
        "                teardown_external",
        "                ledger=tuple(r for r in drill.ledger if r.kind != "
        "resource.kind),\n"
        "                teardown_external",
        LIFECYCLE_TESTS,
    ),
    bug(
        "a deletion strikes off everything of its name",
        LIFECYCLE,
        "                ledger=tuple(r for r in drill.ledger if r != resource),\n"
        "                teardown_external",
        "                ledger=tuple(r for r in drill.ledger if r.identifier != "
        "resource.identifier),\n"
        "                teardown_external",
        LIFECYCLE_TESTS,
    ),
    bug(
        "what is left of a drill that was to be kept is called kept",
        LIFECYCLE,
        "    return TeardownOutcome.KEPT if keeps_standing(drill) else",
        "    return TeardownOutcome.KEPT if drill.keep else",
        LIFECYCLE_TESTS,
    ),
    bug(
        "retention is skipped where something is left",
        LIFECYCLE,
        "    if drill.retention_waited < drill.teardown_limit:\n",
        "    if drill.retention_waited < drill.teardown_limit and not drill.ledger:\n",
        LIFECYCLE_TESTS,
    ),
    bug(
        "answers that nobody asked for count",
        LIFECYCLE,
        "    new = tuple(r for r in event.results if r.name in known)\n",
        "    new = event.results\n",
        LIFECYCLE_TESTS,
    ),
    bug(
        "later answers replace the earlier ones",
        LIFECYCLE,
        "    drill = drill.evolve(results=drill.results + new, retries=0)\n",
        "    drill = drill.evolve(results=new, retries=0)\n",
        LIFECYCLE_TESTS,
    ),
    bug(
        "what was found on the backup itself is dropped",
        LIFECYCLE,
        "        results=drill.results + event.findings,\n",
        "",
        LIFECYCLE_TESTS,
    ),
    bug(
        "a later step forgets the backup",
        LIFECYCLE,
        "        backup=event.backup or drill.backup,\n",
        "        backup=event.backup,\n",
        LIFECYCLE_BOOKS_TESTS,
    ),
    bug(
        "the first endpoint stays whatever comes",
        LIFECYCLE,
        "            endpoint=event.endpoint or drill.endpoint,\n",
        "            endpoint=drill.endpoint or event.endpoint,\n",
        FOUND_TESTS,
    ),
    bug(
        "every look begins the step anew",
        LIFECYCLE,
        "    if _open_record(drill) is not None:\n"
        "        return drill\n"
        "    return drill.evolve(records=(",
        "    return drill.evolve(records=(",
        LIFECYCLE_TESTS,
    ),
    bug(
        "objectives are not measured",
        LIFECYCLE,
        "phase=Phase.JUDGING, results=drill.results + objectives.measured(drill))",
        "phase=Phase.JUDGING)",
        OBJECTIVES_TESTS,
    ),
    bug(
        "an answer that names nobody counts",
        LIFECYCLE,
        "if r.answered_by != drill.endpoint.identity]",
        "if r.answered_by and r.answered_by != drill.endpoint.identity]",
        LIFECYCLE_TESTS,
    ),
    bug(
        "a finding of the name of a check counts as its answer",
        "model.py",
        "        answered = {r.name for r in self.results if r.origin is CheckOrigin.DATABASE}\n",
        "        answered = {r.name for r in self.results}\n",
        LIFECYCLE_TESTS,
    ),
    bug(
        "what a later look finds is not put into the outputs",
        LIFECYCLE,
        "waiting_for=event.detail, outputs=drill.outputs | event.outputs)\n",
        "waiting_for=event.detail)\n",
        LIFECYCLE_BOOKS_TESTS,
    ),
    bug(
        "an aborted drill is no failure",
        LIFECYCLE,
        "    return _fail(drill, Verdict.INCONCLUSIVE, reason, now, outcome=StepOutcome.ABORTED)\n",
        "    return _end_steps(_close_record(drill, StepOutcome.ABORTED, now))\n",
        LIFECYCLE_TESTS,
    ),
    bug(
        "what a drill was kept for is deleted with its verdict",
        LIFECYCLE,
        "    if drill.ledger and not keeps_standing(drill) and not",
        "    if drill.ledger and not",
        LIFECYCLE_TESTS,
    ),
    bug(
        "what finished drills keep is an orphan",
        SWEEP,
        "    known = {r for drill in (*unfinished, *finished) for r in drill.ledger}\n",
        "    known = {r for drill in unfinished for r in drill.ledger}\n",
        SWEEP_TESTS,
    ),
    bug(
        "what living drills have is an orphan",
        SWEEP,
        "    known = {r for drill in (*unfinished, *finished) for r in drill.ledger}\n",
        "    known = {r for drill in finished for r in drill.ledger}\n",
        SWEEP_TESTS,
    ),
    bug(
        "where nobody could look is not said",
        SWEEP,
        "        unseen=tuple(unseen),\n",
        "",
        SWEEP_TESTS,
    ),
    bug(
        "targets with leftovers are those that were kept",
        SWEEP,
        "if d.teardown_outcome is not TeardownOutcome.KEPT)",
        "if d.teardown_outcome is TeardownOutcome.KEPT)",
        SWEEP_TESTS,
    ),
    bug(
        "one that is kept hides what comes after it",
        SWEEP,
        "            spared.append((leftover.resource, reason))\n        else:",
        "            spared.append((leftover.resource, reason))\n            break\n        else:",
        SWEEP_TESTS,
    ),
    bug(
        "the newest copy may go when an older one of its snapshot is proven",
        RETENTION,
        "*stay, *whole[:1], *(",
        "*stay, *(",
        MANY_NIGHTS_TESTS,
    ),
    bug(
        "a broken copy goes though there is no whole one",
        RETENTION,
        " if c.broken and not c.available and whole]",
        " if c.broken and not c.available]",
        RETENTION_TESTS,
    ),
    bug(
        "copies are sorted by when they were copied",
        RETENTION,
        "    return copy.taken_at or _LONG_AGO, copy.made_at or _LONG_AGO, copy.identifier\n",
        "    return copy.made_at or _LONG_AGO, copy.taken_at or _LONG_AGO, copy.identifier\n",
        RETENTION_TESTS,
    ),
    bug(
        "every copy has an origin of its own",
        KEEPING,
        "        origin=view.tags.get(naming.SOURCE_SNAPSHOT, view.identifier),\n",
        "        origin=view.identifier,\n",
        MANY_NIGHTS_TESTS,
    ),
    bug(
        "the oldest verified copy is the protected one",
        RETENTION,
        "next((c for c in whole if c.verdict is Verdict.VERIFIED), None)",
        "next((c for c in reversed(whole) if c.verdict is Verdict.VERIFIED), None)",
        RETENTION_TESTS,
    ),
    bug(
        "manual snapshots are taken for automated ones",
        ACCOUNTS,
        '            lambda: self._read_snapshots("automated"), clock, tick\n',
        '            lambda: self._read_snapshots("manual"), clock, tick\n',
        ACCOUNTS_TESTS,
    ),
    bug(
        "events of the last moment only are asked for",
        ACCOUNTS,
        "            StartTime=clock.now() - EVENTS_LOOK_BACK,\n",
        "            StartTime=clock.now(),\n",
        ACCOUNTS_TESTS,
    ),
    bug(
        "of several events of an instance the last one counts",
        ACCOUNTS,
        "            found[event.instance] = (*found.get(event.instance, ()), event)\n",
        "            found[event.instance] = (event,)\n",
        ACCOUNTS_TESTS,
    ),
    bug(
        "two roles of one account are one",
        ACCOUNTS,
        '            ("source", settings.place, settings.role_arn, settings.external_id),\n',
        '            ("source", settings.place),\n',
        ACCOUNTS_TESTS,
    ),
    bug(
        "one client serves every region of the backup account",
        ACCOUNTS,
        '            ("backup", settings.place),\n',
        '            ("backup", settings.place.account_id),\n',
        ACCOUNTS_TESTS,
    ),
    bug(
        "one client serves every region of the source account",
        ACCOUNTS,
        '            ("source", settings.place, settings.role_arn, settings.external_id),\n',
        '            ("source", settings.place.account_id, settings.role_arn, '
        "settings.external_id),\n",
        ACCOUNTS_TESTS,
    ),
    bug(
        "an account that was refused is entered at the second try",
        ACCOUNTS,
        "        if self._identified:\n            return\n",
        "        if self._identified:\n            return\n        self._identified = True\n",
        ACCOUNTS_TESTS,
    ),
    bug(
        "the fence of the source account is that of the backup account",
        ACCOUNTS,
        "            writes=fence.SOURCE_WRITES,\n",
        "            writes=fence.BACKUP_WRITES,\n",
        ACCOUNTS_TESTS,
    ),
    bug(
        "the fence around what others restored lets through what our own may",
        ACCOUNTS,
        "            writes=fence.ADOPTED_WRITES,\n",
        "            writes=fence.ADOPTED_WRITES | fence.BACKUP_WRITES,\n",
        ACCOUNTS_TESTS,
    ),
    bug(
        "who only looks may write",
        ACCOUNTS,
        "            writes=None,\n",
        "            writes=fence.SOURCE_WRITES,\n",
        ACCOUNTS_TESTS,
    ),
    bug(
        "the role is assumed at whatever endpoint there is",
        ACCOUNTS,
        "            refuse_forbidden_endpoint(client.meta.endpoint_url, "
        "sandbox=self._sandbox)\n"
        "            return client\n",
        "            return client\n",
        ACCOUNTS_TESTS,
    ),
    bug(
        "calls go to whatever endpoint there is",
        ACCOUNTS,
        "                refuse_forbidden_endpoint(client.meta.endpoint_url, "
        "sandbox=self._sandbox)\n",
        "",
        ACCOUNTS_TESTS,
    ),
    bug(
        "calls go to the region of the environment",
        ACCOUNTS,
        "                        service, region_name=self.place.region, config=self._config\n",
        "                        service, config=self._config\n",
        ACCOUNTS_TESTS,
    ),
    bug(
        "production itself is adopted",
        ADOPTING,
        "        if wanted == self.settings.db_instance_arn:\n",
        '        if wanted == "":\n',
        ADOPTING_TESTS,
    ),
    bug(
        "a restore of another source is taken",
        ADOPTING,
        "        if source != self.settings.db_instance_arn:\n",
        "        if not source:\n",
        ADOPTING_TESTS,
    ),
    bug(
        "whatever a restore made, the given instance is taken for it",
        ADOPTING,
        '        if answer.get("CreatedResourceArn") != wanted:\n',
        '        if not answer.get("CreatedResourceArn"):\n',
        ADOPTING_TESTS,
    ),
    bug(
        "adopting goes by the name of an instance alone",
        ADOPTING,
        "        if view is None or view.arn != wanted:\n",
        "        if view is None:\n",
        ADOPTING_TESTS,
    ),
    bug(
        "the age of a recovery point is that of its restore",
        ADOPTING,
        '            taken_at=answer.get("RecoveryPointCreationDate"),\n',
        '            taken_at=answer.get("CreationDate"),\n',
        ADOPTING_TESTS,
    ),
    bug(
        "not knowing is told AWS Backup as a bad backup",
        ADOPTING,
        '    Verdict.INCONCLUSIVE: "TIMED_OUT",\n',
        '    Verdict.INCONCLUSIVE: "FAILED",\n',
        ADOPTING_TESTS,
    ),
    bug(
        "a validation that runs is not answered",
        ADOPTING,
        'OPEN = (None, "VALIDATING")\n',
        "OPEN = (None,)\n",
        ADOPTING_TESTS,
    ),
    bug(
        "a recovery point of unknown age is young enough",
        ADOPTING,
        "        if backup is None or backup.taken_at is None:\n            return Unclear(",
        "        if backup is None or backup.taken_at is None:\n"
        "            return None\n"
        "            return Unclear(",
        ADOPTING_TESTS,
    ),
    bug(
        "an answer that did not arrive is not noticed",
        ADOPTING,
        '            self._put(job_id, wanted, f"restorecheck {drill.id}: '
        '{drill.verdict}: {drill.reason}")\n'
        "            told = self._describe(job_id)\n",
        '            self._put(job_id, wanted, f"restorecheck {drill.id}: '
        '{drill.verdict}: {drill.reason}")\n'
        '            told = {"ValidationStatus": wanted}\n',
        ADOPTING_TESTS,
    ),
    bug(
        "throttling counts as one of the tries",
        ADOPTING,
        "            if not is_throttled(exc):\n"
        "                return Retry(reason=exc.message, wait=self.settings.poll)\n"
        '            return InProgress(wait=self.settings.poll, detail="throttled by '
        'AWS", status=exc.code)\n',
        "            return Retry(reason=exc.message, wait=self.settings.poll)\n",
        ADOPTING_TESTS,
    ),
    bug(
        "a look counts from its end",
        BULLETIN,
        "                began = self._clock.now()\n"
        "                self._latest = self._read()\n"
        "                self._read_at = began\n",
        "                self._latest = self._read()\n"
        "                self._read_at = self._clock.now()\n",
        AWS_ROOMS_TESTS,
    ),
    bug(
        "a look that failed counts as taken",
        BULLETIN,
        "                self._latest = self._read()\n                self._read_at = began\n",
        "                self._read_at = began\n                self._latest = self._read()\n",
        AWS_ROOMS_TESTS,
    ),
    bug(
        "what is no PostgreSQL is copied and restored",
        COPYING,
        "        if newest.engine != ENGINE:\n",
        '        if newest.engine == "oracle":\n',
        HALF_OURS_TESTS,
    ),
    bug(
        "the age of a backup is that of its snapshot, not that of its data",
        COPYING,
        "        taken_at=view.database_time or view.taken_at,\n",
        "        taken_at=view.taken_at,\n",
        AWS_ROOMS_TESTS,
    ),
    bug(
        "a foreign snapshot of that name is taken for the staging copy",
        COPYING,
        "        self._refuse_foreign(view, drill)\n"
        '        waiting = self._wait_for(view, "the staging copy")\n',
        '        waiting = self._wait_for(view, "the staging copy")\n',
        HALF_OURS_TESTS,
    ),
    bug(
        "a staging copy with whatever key is shared",
        COPYING,
        "        if transit and view.kms_key_id != transit:\n",
        "        if transit and not view.kms_key_id:\n",
        HALF_OURS_TESTS,
    ),
    bug(
        "a foreign snapshot of that name is taken for the copy",
        COPYING,
        "        self._refuse_foreign(view, drill)\n"
        '        waiting = self._wait_for(view, "the copy")\n',
        '        waiting = self._wait_for(view, "the copy")\n',
        AWS_ROOMS_TESTS,
    ),
    bug(
        "a copy with whatever key is restored",
        COPYING,
        "        if view.kms_key_id != self._settings.backup.kms_key_id:\n",
        "        if not view.kms_key_id:\n",
        AWS_ROOMS_TESTS,
    ),
    bug(
        "a copy of another night's snapshot is restored",
        COPYING,
        "        if view.taken_at is None or view.taken_at.isoformat() != taken_at:\n",
        "        if view.taken_at is None:\n",
        AWS_ROOMS_TESTS,
    ),
    bug(
        "a copy from somewhere else is restored",
        COPYING,
        "        if view.source_arn and view.source_arn != staging:\n",
        "        if not staging:\n",
        ACCOUNTS_TESTS,
    ),
    bug(
        "staging copies are deleted after an old look",
        COPYING,
        "        mine = [v for v in self._source.manual_snapshots.fresh().values() if",
        "        mine = [v for v in self._source.manual_snapshots.latest().values() if",
        ACCOUNTS_TESTS,
    ),
    bug(
        "the time of a share is counted from the drill's start",
        COPYING,
        "            began = drill.records[-1].started_at\n",
        "            began = drill.started_at\n",
        ACCOUNTS_TESTS,
    ),
    bug(
        "the staging copies of dead drills are in use for ever",
        COPYING,
        "        if is_expired(view, self._clock.now()):\n"
        "            return False\n"
        "        copy = self",
        "        copy = self",
        ACCOUNTS_TESTS,
    ),
    bug(
        "a staging copy goes before its drill has begun to copy it",
        COPYING,
        "        return copy is None or copy.progress is not Progress.READY\n",
        "        return copy is not None and copy.progress is not Progress.READY\n",
        HALF_OURS_TESTS,
    ),
    bug(
        "what carries no end is never expired",
        COPYING,
        "    return expires is None or expires < now\n",
        "    return expires is not None and expires < now\n",
        HALF_OURS_TESTS,
    ),
    bug(
        "a snapshot without our mark is pruned as a staging copy",
        COPYING,
        "            and naming.is_managed(tags)\n"
        "            and tags.get(naming.ROLE) == naming.STAGING\n",
        "            and tags.get(naming.ROLE) == naming.STAGING\n",
        HALF_OURS_TESTS,
    ),
    bug(
        "every snapshot of ours of this instance is pruned as a staging copy",
        COPYING,
        "            and naming.is_managed(tags)\n"
        "            and tags.get(naming.ROLE) == naming.STAGING\n",
        "            and naming.is_managed(tags)\n",
        HALF_OURS_TESTS,
    ),
    bug(
        "the password of a foreign secret is used",
        CREDENTIALS,
        '    if naming.as_dict(described.get("Tags")).get(naming.DRILL) != drill.id:\n',
        "    if not described:\n",
        HALF_OURS_TESTS,
    ),
    bug(
        "a password is changed after an old look",
        CREDENTIALS,
        "    view = own_instance(account, drill, now=True)\n",
        "    view = own_instance(account, drill)\n",
        HALF_OURS_TESTS,
    ),
    bug(
        "looks need not be in a row",
        CREDENTIALS,
        'status=status, outputs={SEEN: "0"})',
        "status=status)",
        CREDENTIALS_TESTS,
    ),
    bug(
        "an impaired secret is waited for",
        CREDENTIALS,
        "    if view.secret_status == IMPAIRED:\n",
        '    if view.secret_status == "":\n',
        CREDENTIALS_TESTS,
    ),
    bug(
        "a secret that is being made is used",
        CREDENTIALS,
        "    done = view.secret_status == ACTIVE\n",
        "    done = True\n",
        CREDENTIALS_TESTS,
    ),
    bug(
        "what a secret holds is quoted in the error",
        CREDENTIALS,
        'f"the secret {endpoint.secret} does not hold what RDS writes there"',
        "f\"the secret {endpoint.secret} holds {answer.get('SecretString')}\"",
        CREDENTIALS_TESTS,
    ),
    bug(
        "a secret stays for a week after its deletion",
        CREDENTIALS,
        "ForceDeleteWithoutRecovery=True)",
        "RecoveryWindowInDays=7)",
        HALF_OURS_TESTS,
    ),
    bug(
        "a deleted secret is there",
        CREDENTIALS,
        '    if "DeletedDate" in described:\n',
        '    if "Deleted" in described:\n',
        CREDENTIALS_TESTS,
    ),
    bug(
        "the key of the managed secret is not passed on",
        CREDENTIALS,
        "ManageMasterUserPassword=True, **encryption)",
        "ManageMasterUserPassword=True)",
        CREDENTIALS_TESTS,
    ),
    bug(
        "the password is changed in the next maintenance window",
        CREDENTIALS,
        "ApplyImmediately=True, **cast",
        "ApplyImmediately=False, **cast",
        HALF_OURS_TESTS,
    ),
    bug(
        "IAM is taken for switched on",
        CREDENTIALS,
        "done=view.iam_authentication)",
        "done=True)",
        CREDENTIALS_TESTS,
    ),
    bug(
        "the bad news of an event of another instance counts",
        CREDENTIALS,
        "    events = account.events.latest().get(view.identifier, ())\n",
        "    events = [e for found in account.events.latest().values() for e in found]\n",
        CREDENTIALS_TESTS,
    ),
    bug(
        "one part of the evidence that is not to be had costs the others",
        EVIDENCE,
        "        except ProviderError as exc:\n            found.append",
        "        except ZeroDivisionError as exc:\n            found.append",
        INVENTORY_TESTS,
    ),
    bug(
        "the oldest log is read",
        EVIDENCE,
        "    newest = max(files,",
        "    newest = min(files,",
        CREDENTIALS_TESTS,
    ),
    bug(
        "the first lines of the log are kept",
        EVIDENCE,
        "for match in found][-MOST_LINES:]",
        "for match in found][:MOST_LINES]",
        AWS_ROOMS_TESTS,
    ),
    bug(
        "a line is passed on whole once it begins well",
        EVIDENCE,
        "    return [match[0][:LONGEST_LINE].strip()",
        "    return [match.string[:LONGEST_LINE].strip()",
        AWS_ROOMS_TESTS,
    ),
    bug(
        "the fence stands at the wrong door of Secrets Manager",
        FENCE,
        "        refuse_strangers(model.name, params, writes)\n"
        "\n"
        "    service = meta.service_model.service_id.hyphenize()\n",
        "        refuse_strangers(model.name, params, writes)\n"
        "\n"
        "    service = meta.service_model.endpoint_prefix\n",
        ACCOUNTS_TESTS,
    ),
    bug(
        "the glass stands at the wrong door",
        FENCE,
        "        refuse_touching(model.name)\n"
        "\n"
        "    service = meta.service_model.service_id.hyphenize()\n",
        "        refuse_touching(model.name)\n\n    service = meta.service_model.service_name\n",
        ACCOUNTS_TESTS,
    ),
    bug(
        "a second parameter is not looked at",
        FENCE,
        "    for parameter in named:\n",
        "    for parameter in named[:1]:\n",
        AWS_ROOMS_TESTS,
    ),
    bug(
        "whoever looks may read a secret's value",
        FENCE,
        '        "GetRole",\n',
        '        "GetRole",\n        "GetSecretValue",\n',
        ACCOUNTS_TESTS,
    ),
    bug(
        "the copy that was restored is not looked at again",
        INSTANCES,
        "    doubt = _doubt(settings, view) or _origin_doubt(account, drill, name)\n",
        "    doubt = _doubt(settings, view)\n",
        HALF_OURS_TESTS,
    ),
    bug(
        "a public instance is used",
        INSTANCES,
        "    if view.publicly_accessible:\n",
        "    if view.publicly_accessible and view.deletion_protection:\n",
        HALF_OURS_TESTS,
    ),
    bug(
        "a protected instance is used",
        INSTANCES,
        "    if view.deletion_protection:\n",
        "    if view.deletion_protection and view.publicly_accessible:\n",
        HALF_OURS_TESTS,
    ),
    bug(
        "an instance in another subnet group is used",
        INSTANCES,
        "    if view.subnet_group and view.subnet_group.lower() != wanted.lower():\n",
        "    if not view.subnet_group and view.host == wanted:\n",
        HALF_OURS_TESTS,
    ),
    bug(
        "the copy that was restored is looked at in an old look",
        INSTANCES,
        "    copy = account.manual_snapshots.fresh().get(name)\n    taken_at",
        "    copy = account.manual_snapshots.latest().get(name)\n    taken_at",
        HALF_OURS_TESTS,
    ),
    bug(
        "an instance that somebody took over is changed",
        INSTANCES,
        '            hint="Somebody else deleted it or replaced it.",\n'
        "        )\n"
        "    refuse_foreign(view, drill)\n",
        '            hint="Somebody else deleted it or replaced it.",\n        )\n',
        HALF_OURS_TESTS,
    ),
    bug(
        "an instance is deleted after an old look",
        INSTANCES,
        "    view = account.instances.fresh().get(name)\n"
        "    if view is None:\n"
        "        return StillThere(",
        "    view = account.instances.latest().get(name)\n"
        "    if view is None:\n"
        "        return StillThere(",
        HALF_OURS_TESTS,
    ),
    bug(
        "an instance is stopped by its name alone",
        INSTANCES,
        '        raise NotFoundError(f"DB instance {resource.identifier} is not '
        'there", resource=name)\n'
        "    if not naming.is_ours(name) or not naming.is_managed(view.tags):\n",
        '        raise NotFoundError(f"DB instance {resource.identifier} is not '
        'there", resource=name)\n'
        "    if not naming.is_ours(name):\n",
        HALF_OURS_TESTS,
    ),
    bug(
        "every instance of the target is an earlier standby",
        INSTANCES,
        "        and view.tags.get(naming.ROLE) == naming.STANDBY\n",
        "",
        ACCOUNTS_TESTS,
    ),
    bug(
        "what is kept does not say so",
        INSTANCES,
        '    if drill.keep:\n        tags[naming.KEPT] = "true"\n',
        "",
        CREDENTIALS_TESTS,
    ),
    bug(
        "two zones are paid for",
        INSTANCES,
        '        "MultiAZ": False,\n',
        '        "MultiAZ": True,\n',
        CREDENTIALS_TESTS,
    ),
    bug(
        "minor versions change under the drill",
        INSTANCES,
        '        "AutoMinorVersionUpgrade": False,\n',
        "",
        CREDENTIALS_TESTS,
    ),
    bug(
        "the security groups are those of the VPC",
        INSTANCES,
        '        "VpcSecurityGroupIds": list(wanted.vpc_security_group_ids),\n',
        "",
        CREDENTIALS_TESTS,
    ),
    bug(
        "the parameter group is not passed on",
        INSTANCES,
        "    if wanted.db_parameter_group_name:\n",
        "    if not wanted.db_parameter_group_name:\n",
        CREDENTIALS_TESTS,
    ),
    bug(
        "a magnetic volume is restored as such",
        INSTANCES,
        '        return {"StorageType": "gp3"}\n',
        '        return {"StorageType": MAGNETIC}\n',
        CREDENTIALS_TESTS,
    ),
    bug(
        "paid support goes on without a word",
        INSTANCES,
        '        "EngineLifecycleSupport": wanted.engine_lifecycle_support,\n',
        "",
        CREDENTIALS_TESTS,
    ),
    bug(
        "every instance of the account is found",
        INVENTORY,
        " for view in instances if naming.is_ours(view.identifier)]\n",
        " for view in instances]\n",
        INVENTORY_TESTS,
    ),
    bug(
        "what is kept on request looks forgotten to others",
        INVENTORY,
        '            kept=standby or view.tags.get(naming.KEPT) == "true",\n',
        "            kept=standby,\n",
        INVENTORY_TESTS,
    ),
    bug(
        "what is kept on request is stopped by the sweep",
        INVENTORY,
        "            restless=standby and view.progress is Progress.READY,\n",
        "            restless=view.progress is Progress.READY,\n",
        INVENTORY_TESTS,
    ),
    bug(
        "the first page of the secrets is enough",
        INVENTORY,
        'for page in paginator.paginate(Filters=names) for s in page["SecretList"]]',
        'for page in [next(iter(paginator.paginate(Filters=names)))] for s in page["SecretList"]]',
        INVENTORY_TESTS,
    ),
    bug(
        "shares of any snapshot of ours are left out when expired",
        INVENTORY,
        "            alive=not kept and expires is not None and self._clock.now() < expires,\n",
        "            alive=not kept and expires is not None,\n",
        INVENTORY_TESTS,
    ),
    bug(
        "what carries no end is alive",
        INVENTORY,
        "            alive=not kept and expires is not None and self._clock.now() < expires,\n",
        "            alive=not kept and (expires is None or self._clock.now() < expires),\n",
        INVENTORY_TESTS,
    ),
    bug(
        "the verdict is written after an old look",
        KEEPING,
        "        view = self.backup.manual_snapshots.fresh().get(naming.identifier_of(drill.id))\n",
        "        view = self.backup.manual_snapshots.latest().get(naming.identifier_of("
        "drill.id))\n",
        HALF_OURS_TESTS,
    ),
    bug(
        "the verdict is written on whatever has the name",
        KEEPING,
        "        if view is None or not self._is_copy(view) or view.progress",
        "        if view is None or view.progress",
        HALF_OURS_TESTS,
    ),
    bug(
        "copies without our mark are pruned",
        KEEPING,
        "            and naming.is_managed(tags)\n"
        "            and tags.get(naming.ROLE) == naming.COPY\n",
        "            and tags.get(naming.ROLE) == naming.COPY\n",
        HALF_OURS_TESTS,
    ),
    bug(
        "everything of the target is a copy",
        KEEPING,
        "            and naming.is_managed(tags)\n"
        "            and tags.get(naming.ROLE) == naming.COPY\n",
        "            and naming.is_managed(tags)\n",
        HALF_OURS_TESTS,
    ),
    bug(
        "whatever value our mark has, it counts",
        NAMING,
        '    return tags.get(MANAGED) == "true"\n',
        "    return MANAGED in tags\n",
        HALF_OURS_TESTS,
    ),
    bug(
        "the name is looked for anywhere",
        NAMING,
        "    return identifier.startswith(PREFIX)\n",
        "    return PREFIX in identifier\n",
        AWS_ROOMS_TESTS,
    ),
    bug(
        "two transactions at once are an error of the store",
        STORES,
        "    return {n + 2 for n in busy} if busy else None\n",
        "    return None\n",
        AWS_STORE_TESTS,
    ),
    bug(
        "a proxy's page ends the host",
        TRANSLATION,
        "    except ResponseParserError as exc:",
        "    except ZeroDivisionError as exc:",
        AWS_ROOMS_TESTS,
    ),
    bug(
        "an unknown 500 is no passing fault",
        TRANSLATION,
        "    return TransientError if status >= 500 else",
        "    return TransientError if status > 500 else",
        AWS_ROOMS_TESTS,
    ),
    bug(
        "one word for throttling is missing",
        TRANSLATION,
        '        "TooManyRequestsException",\n',
        "",
        AWS_ROOMS_TESTS,
    ),
    bug(
        "an expired token is an unknown error",
        TRANSLATION,
        '        "ExpiredTokenException",\n',
        "",
        AWS_ROOMS_TESTS,
    ),
    bug(
        "a key that may not be used is an unknown error",
        TRANSLATION,
        '        "KMSAccessDeniedException",\n',
        "",
        AWS_ROOMS_TESTS,
    ),
    bug(
        "a key that is out of reach is called a bad backup",
        VIEWS,
        '    "inaccessible-encryption-credentials": Progress.HOPELESS,\n',
        '    "inaccessible-encryption-credentials": Progress.BAD_BACKUP,\n',
        AWS_ROOMS_TESTS,
    ),
    bug(
        "a restore error is no bad backup",
        VIEWS,
        '    "restore-error": Progress.BAD_BACKUP,\n',
        '    "restore-error": Progress.HOPELESS,\n',
        AWS_ROOMS_TESTS,
    ),
    bug(
        "a stopped instance is waited for",
        VIEWS,
        '    "stopped": Progress.HOPELESS,\n',
        '    "stopped": Progress.UNDER_WAY,\n',
        AWS_ROOMS_TESTS,
    ),
    bug(
        "a copy is as young as its copying",
        VIEWS,
        "        return self.original_create_time or self.create_time\n",
        "        return self.create_time or self.original_create_time\n",
        AWS_ROOMS_TESTS,
    ),
    bug(
        "a snapshot that is being made counts as whole",
        VIEWS,
        '    "creating": Progress.UNDER_WAY,\n    "pending"',
        '    "creating": Progress.READY,\n    "pending"',
        AWS_ROOMS_TESTS,
    ),
    bug(
        "a group that is being removed counts as settled",
        VIEWS,
        'if g.get("Status") != "active"),',
        'if g.get("Status") == "adding"),',
        AWS_ROOMS_TESTS,
    ),
    bug(
        "what takes longer than a sweep waits counts as deleted",
        DRIVING,
        '        return detail or "it takes longer than a sweep waits"\n',
        '        return ""\n',
        SWEEPER_TESTS,
    ),
    bug(
        "what dead drills leave is not said",
        DRIVING,
        '            left.extend((resource, "its deletion did not succeed") for '
        "resource in drill.ledger)\n",
        "            pass\n",
        SWEEPER_TESTS,
    ),
    bug(
        "what cannot be looked for any more counts as deleted",
        DRIVING,
        "                unseen = exc.message\n                continue\n            if found",
        "                continue\n            if found",
        SWEEPER_TESTS,
    ),
    bug(
        "the sweep cannot end what was kept",
        DRIVING,
        "            end=end,\n            unseen",
        "            unseen",
        SWEEPER_TESTS,
    ),
    bug(
        "what cannot be seen is not passed on",
        DRIVING,
        "            unseen=unseen,\n",
        "",
        SWEEPER_TESTS,
    ),
    bug(
        "the sweep does not know what is kept",
        DRIVING,
        "                    kept=f.kept,\n",
        "                    kept=False,\n",
        SWEEPER_TESTS,
    ),
    bug(
        "all that one inventory finds replaces what others found",
        DRIVING,
        "            found += [\n",
        "            found = [\n",
        SWEEPER_TESTS,
    ),
    bug(
        "a started standby that could not be stopped counts as stopped",
        DRIVING,
        "            if detail:\n"
        "                left.append((resource, detail))\n"
        "            else:\n"
        "                parked.append(resource)\n",
        "            parked.append(resource)\n",
        SWEEPER_TESTS,
    ),
    bug(
        "what is left has the exit code of not knowing",
        SWEEPING,
        "        return Exit.LEFT_BEHIND if swept.left else Exit.INCONCLUSIVE\n",
        "        return Exit.INCONCLUSIVE\n",
        SWEEPER_TESTS,
    ),
    bug(
        "where nobody could look is no reason for an exit code",
        SWEEPING,
        "    if swept.left or swept.plan.unseen:\n",
        "    if swept.left:\n",
        SWEEPER_TESTS,
    ),
    bug(
        "a preview does not count orphans",
        SWEEPING,
        "    if plan.finish or plan.delete or plan.orphans:\n",
        "    if plan.finish or plan.delete:\n",
        SWEEPER_TESTS,
    ),
    bug(
        "a preview is well where nobody could look",
        SWEEPING,
        "    if plan.unseen:\n        return Exit.INCONCLUSIVE\n",
        "",
        SWEEPER_TESTS,
    ),
    bug(
        "two pairs of accounts with one source are one",
        WIRING,
        "    pairs = {(p.settings.source, p.settings.backup.place): p for p in providers}\n",
        "    pairs = {p.settings.source: p for p in providers}\n",
        WIRING_RDS_TESTS,
    ),
    bug(
        "locks of targets are forgotten with those of drills",
        "hosts/wiring.py",
        "            if DRILL_LOCK.fullmatch(path.name):\n                leases.forget(path)\n",
        "            leases.forget(path)\n",
        GUARDING_TESTS,
    ),
    bug(
        "the lock of a file that was removed meanwhile is held",
        LEASES,
        "                if _is_at(descriptor, self._path):\n"
        "                    return descriptor\n",
        "                return descriptor\n",
        LEASES_TESTS,
    ),
    bug(
        "nothing of an invocation is left for storing the last answer",
        CHECKER,
        "    end = around.clock.now() + remaining() - MARGIN\n",
        "    end = around.clock.now() + remaining()\n",
        ASKING_IN_AWS_TESTS,
    ),
    bug(
        "where nobody could look is not counted",
        METRICS,
        '            "Unseen": (float(len(found.unseen)), MetricUnit.Count),\n',
        "",
        TELLING_TESTS,
    ),
    bug(
        "every drill makes a target young again",
        SWEEPER,
        "        first = around.store.entries(target=target.name)[:1]\n",
        "        first = around.store.entries(target=target.name)[-1:]\n",
        TELLING_TESTS,
    ),
    bug(
        "old news is told with every drill",
        TELLING,
        "    news = [item for item in _news(facts, line.rules) if item.fact.at == "
        "drill.finished_at]\n",
        "    news = _news(facts, line.rules)\n",
        TELLING_TESTS,
    ),
    bug(
        "a drill that was restarted in vain is never restarted again",
        SWEEPER,
        "            if status is None:\n                break\n",
        "            break\n",
        RESTARTING_TESTS,
    ),
    # --- local dumps -----------------------------------------------------------------------
    bug(
        "a directory of that name is deleted, whoever made it",
        "postgres/cluster.py",
        "            directory.rmdir()\n        except OSError:\n",
        "            shutil.rmtree(directory)\n        except OSError:\n",
        *LOCAL,
    ),
    bug(
        "a server of a local drill is left running",
        "postgres/local.py",
        "    if mark is not None and mark.drill_id == drill_id and not cluster.stop(places, server):\n"
        '        return "its server does not stop"\n    return cluster.remove(places, drill_id)\n',
        '    return ""\n',
        *LOCAL,
    ),
    bug(
        "a plan of a local drill does not name what it makes",
        "postgres/local.py",
        "                deadline=timedelta(minutes=15),\n                makes=(directory,),\n",
        "                deadline=timedelta(minutes=15),\n",
        *LOCAL,
        "tests/acceptance/test_commands.py",
        "tests/acceptance/test_interrupts.py",
    ),
)
