"""Counts, after a soak, what callers got, what GitHub issued and what the database and the audit log say of it."""

import json
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, replace

from world import fetch

# Statuses after which a caller has nothing, though GitHub may have issued something.
FAILURES = {0, 500, 502, 503, 504}
# The maintenance process gives the file what it lacks each minute.
CATCH_UP = 75


@dataclass
class Facts:
    """What callers got, GitHub issued, and the database and the audit log's files say."""

    answers: list
    issued: list
    grants: list
    undelivered: set
    lives: list
    records: list
    lines: list


def gather(world, answers):
    _, body = fetch(f"{world.github}/control/issued")
    database = sqlite3.connect(world.directory / "service.db")
    undelivered = database.execute("SELECT runner_id FROM audit_log WHERE event_type = 'provision_undelivered'")
    return Facts(
        answers=answers,
        issued=[secret for secrets in json.loads(body).values() for secret in secrets],
        grants=read_grants(database),
        undelivered={runner for runner, in undelivered},
        lives=read_lives(database),
        records=[record for record, in database.execute("SELECT id FROM audit_log")],
        lines=read_lines(world),
    )


def everything(world, answers, quota):
    """All findings, the facts, and a line for people."""
    deadline = time.monotonic() + CATCH_UP
    facts = gather(world, answers)
    # Maintenance goes on recording what it does.
    while lines(facts) and time.monotonic() < deadline:
        time.sleep(2)
        facts = gather(world, answers)
    findings = checks(facts, quota) + integrity(world)
    statuses = Counter(answer.status for answer in answers)
    unused = len(set(facts.issued) - {grant["secret"] for grant in facts.grants})
    return (
        findings,
        facts,
        f"{len(answers):,} answers {dict(sorted(statuses.items()))}, slowest {max(a.seconds for a in answers):.1f} s; "
        f"{len(facts.issued):,} issued by GitHub, {len(facts.grants):,} granted, {unused} issued and never granted; "
        f"{len(facts.records):,} audit records",
    )


def checks(facts, quota):
    return secrets(facts) + unused(facts) + delivery(facts) + quotas(facts, quota) + names(facts) + lines(facts)


def read_grants(database):
    rows = database.execute("SELECT request_id, runner_id, event_data FROM audit_log WHERE event_type = 'provision'")
    return [
        {"request_id": request, "runner_id": runner, "secret": json.loads(data)["credential_sha256"]}
        for request, runner, data in rows
    ]


def read_lines(world):
    """The ids of all lines, those of the rotated files first."""
    log = world.directory / "audit.jsonl"
    files = [*(log.with_suffix(f".jsonl.{number}") for number in range(9, 0, -1)), log]
    text = "".join(file.read_text() for file in files if file.exists())
    return [json.loads(line)["id"] for line in text.splitlines()]


def secrets(facts):
    """What a caller holds was issued by GitHub once and granted once; what was granted was issued."""
    findings = []
    granted = Counter(grant["secret"] for grant in facts.grants)
    issued = Counter(facts.issued)
    for answer in facts.answers:
        if answer.secret and granted[answer.secret] != 1:
            findings.append(f"the secret of request {answer.request_id} has {granted[answer.secret]} records")
        if answer.secret and issued[answer.secret] != 1:
            findings.append(f"the secret of request {answer.request_id} was issued {issued[answer.secret]} times")
    held = Counter(answer.secret for answer in facts.answers if answer.secret)
    findings += [f"a secret went to {count} requests" for count in held.values() if count > 1]
    return findings + [
        f"the grant {grant['request_id']} is of a secret that GitHub did not issue"
        for grant in facts.grants
        if not issued[grant["secret"]]
    ]


def unused(facts):
    """A worker died, or could not write, between GitHub's answer and its own: nobody has that secret."""
    failed = sum(
        1 for answer in facts.answers if answer.what in ("provision", "jit", "heals") and answer.status in FAILURES
    )
    count = len(set(facts.issued) - {grant["secret"] for grant in facts.grants})
    return [f"{count} secrets were never granted, though only {failed} requests failed"] if count > failed else []


def delivery(facts):
    """Each grant was answered, or recorded as undelivered, or its caller saw the connection break."""
    answered = {answer.runner_id for answer in facts.answers if answer.status == 201}
    broken = {answer.request_id for answer in facts.answers if answer.status in (502, 504)}
    silent = sum(1 for answer in facts.answers if answer.status == 0)
    lost = [
        grant
        for grant in facts.grants
        if grant["runner_id"] not in answered | facts.undelivered and grant["request_id"] not in broken
    ]
    return [f"{len(lost)} grants nobody got, such as request {lost[0]['request_id']}"] if len(lost) > silent else []


def lines(facts):
    """Each record is in the files once, and nothing else is."""
    found, records = Counter(facts.lines), set(facts.records)
    missing, foreign = sorted(records - set(found)), sorted(set(found) - records)
    doubled = sorted(number for number, count in found.items() if count > 1)
    return [
        f"{len(numbers)} records {what} in the audit log's files, the first {numbers[0]}"
        for what, numbers in (("are missing", missing), ("are not in the table but", foreign), ("are twice", doubled))
        if numbers
    ]


def read_lives(database):
    """From when to when each runner counted, by the numbers of its audit records: they are in the order of the commits, whatever the
    clock did. The end is None where it still does. A reservation whose outcome could not be recorded, because the worker died or the
    disk was full, counted until its time was up and not until somebody noticed: it is left out."""
    begin = "SELECT runner_id, min(id) FROM audit_log WHERE event_type = 'provision_requested' GROUP BY 1"
    end = """SELECT runner_id, min(id) FROM audit_log WHERE event_type = 'deprovision' AND success
        OR event_type = 'provision_failed' OR event_type = 'status_change' AND event_data ->> 'to' = 'deleted' GROUP BY 1"""
    last = "SELECT runner_id, max(id) FROM audit_log GROUP BY 1"
    begins, ends, lasts = (dict(database.execute(query).fetchall()) for query in (begin, end, last))
    return [
        (runner, owner, name.lower(), begins[runner], ends.get(runner, lasts[runner]) if status == "deleted" else None)
        for runner, owner, name, status in database.execute(
            """SELECT id, subject, name, status FROM runners WHERE id IN (
                SELECT runner_id FROM audit_log WHERE event_type IN ('provision', 'provision_failed'))"""
        )
    ]


def quotas(facts, quota):
    """No owner had more live runners at any time than allowed."""
    changes = {}
    for _, owner, _, begin, end in facts.lives:
        changes.setdefault(owner, []).append((begin, 1))
        if end is not None:
            changes[owner].append((end, -1))
    findings = []
    for owner, steps in changes.items():
        live = most = 0
        for _, step in sorted(steps):
            live += step
            most = max(most, live)
        if most > quota:
            findings.append(f"{owner} had {most} live runners, more than {quota}")
    return findings


def names(facts):
    """No two live runners had one name."""
    named = {}
    for runner, _, name, begin, end in facts.lives:
        named.setdefault(name, []).append((begin, end, runner))
    findings = []
    for name, spans in named.items():
        spans.sort(key=lambda span: span[0])
        for earlier, later in zip(spans, spans[1:]):
            if earlier[1] is None or later[0] < earlier[1]:
                findings.append(f"two live runners had the name {name}: {earlier[2]}, {later[2]}")
    return findings


def integrity(world):
    database = sqlite3.connect(world.directory / "service.db")
    findings = []
    for check, expected in (("integrity_check", [("ok",)]), ("foreign_key_check", [])):
        result = database.execute(f"PRAGMA {check}").fetchall()
        if result != expected:
            findings.append(f"{check}: {result[:3]}")
    done = world.try_to_run("verify-audit-log")
    if done.returncode != 0:
        findings.append(f"verify-audit-log: {done.stdout.strip()} {done.stderr.strip()}")
    return findings


# MARK: - Whether it notices


def falsifications(facts):
    """Facts that are wrong in one way each, by what is wrong with them."""
    held = [answer for answer in facts.answers if answer.secret]
    one, other = held[:2]
    runner, owner, name, begin, _ = facts.lives[0]
    return {
        "a secret without a record": replace(facts, grants=[g for g in facts.grants if g["secret"] != one.secret]),
        "a secret with two records": replace(facts, grants=[*facts.grants, facts.grants[0]]),
        "a secret that GitHub did not issue": replace(facts, issued=[s for s in facts.issued if s != one.secret]),
        "a secret that two callers have": replace(facts, answers=[*facts.answers, replace(other, secret=one.secret)]),
        "secrets that nobody was granted": replace(facts, issued=[*facts.issued, *map(str, range(1000))]),
        "a grant that nobody got": replace(facts, answers=[a for a in facts.answers if a.runner_id != one.runner_id]),
        "too many runners of one owner": replace(
            facts, lives=[*facts.lives, *((f"{n}", owner, f"{name}-{n}", begin, None) for n in range(9))]
        ),
        "two runners of one name": replace(facts, lives=[*facts.lives, ("other", "somebody", name, begin, None)]),
        "a line that is missing": replace(facts, lines=facts.lines[1:]),
        "a line that is there twice": replace(facts, lines=[*facts.lines, facts.lines[0]]),
        "a line of no record": replace(facts, lines=[*facts.lines, 10**9]),
    }


def unnoticed(world, facts, quota):
    """Which falsifications nobody would have noticed."""
    missed = [what for what, wrong in falsifications(facts).items() if not checks(wrong, quota)]
    with sqlite3.connect(world.directory / "service.db") as database:
        triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for trigger, _ in triggers:
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute("UPDATE audit_log SET user_identity = 'mallory@example.com' WHERE id = 3")
        # As if nothing had been.
        for _, sql in triggers:
            database.execute(sql)
    return missed if integrity(world) else [*missed, "a record that was changed"]
