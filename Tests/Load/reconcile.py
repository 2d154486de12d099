"""Counts, after a soak, what callers got, what GitHub issued and what the database and the audit log say of it."""

import json
import sqlite3
from collections import Counter

from world import fetch

# What the self-test falsifies, in words that the findings have.
FALSIFIED = ["has no record", "more than", "had the name", "verify-audit-log", "nobody got"]


def everything(world, answers, quota, falsified=False):
    """All findings, and a line for people."""
    _, body = fetch(f"{world.github}/control/issued")
    issued = [secret for secrets in json.loads(body).values() for secret in secrets]
    database = sqlite3.connect(world.directory / "service.db")
    grants = read_grants(database)
    lives = read_lives(database)
    if falsified:
        answers, grants, lives = falsify(world, database, answers, grants, lives)
    findings = (
        secrets_against_records(answers, issued, grants)
        + grants_against_answers(database, answers, grants)
        + quotas(lives, quota)
        + names(lives)
        + integrity(world, database)
    )
    statuses = Counter(answer.status for answer in answers)
    unused = len(set(issued) - {grant["secret"] for grant in grants})
    return findings, (
        f"{len(answers):,} answers {dict(sorted(statuses.items()))}, slowest {max(a.seconds for a in answers):.1f} s; "
        f"{len(issued):,} issued by GitHub, {len(grants):,} granted, {unused} issued and never granted"
    )


def read_grants(database):
    rows = database.execute("SELECT request_id, runner_id, event_data FROM audit_log WHERE event_type = 'provision'")
    return [
        {"request_id": request, "runner_id": runner, "secret": json.loads(data)["credential_sha256"]}
        for request, runner, data in rows
    ]


def secrets_against_records(answers, issued, grants):
    """What a caller holds was issued by GitHub once and granted once; what was granted was issued."""
    findings = []
    granted = Counter(grant["secret"] for grant in grants)
    issued_counts = Counter(issued)
    for answer in answers:
        if answer.secret and granted[answer.secret] != 1:
            findings.append(
                f"the secret of request {answer.request_id} has no record, or several: {granted[answer.secret]}"
            )
        if answer.secret and issued_counts[answer.secret] != 1:
            findings.append(f"the secret of request {answer.request_id} was not issued once by GitHub")
    held = Counter(answer.secret for answer in answers if answer.secret)
    findings += [f"a secret went to {count} requests" for count in held.values() if count > 1]
    findings += [f"the grant {grant['request_id']} is of a secret that GitHub did not issue"
                 for grant in grants if not issued_counts[grant["secret"]]]  # fmt: skip
    # A worker that died, or could not write, between GitHub's answer and its own: nobody has that secret.
    failed = sum(1 for answer in answers if answer.what in ("provision", "jit", "heals") and answer.status != 201)
    unused = len(set(issued) - set(granted))
    if unused > failed:
        findings.append(f"{unused} secrets were issued and not granted, though only {failed} requests failed")
    return findings


def grants_against_answers(database, answers, grants):
    """Each grant was answered, or recorded as undelivered, or its caller saw the connection break."""
    answered = {answer.runner_id for answer in answers if answer.status == 201}
    broken = {answer.request_id for answer in answers if answer.status in (502, 504)}
    silent = sum(1 for answer in answers if answer.status == 0)
    undelivered = {
        row[0] for row in database.execute("SELECT runner_id FROM audit_log WHERE event_type = 'provision_undelivered'")
    }
    lost = [
        grant for grant in grants
        if grant["runner_id"] not in answered | undelivered and grant["request_id"] not in broken
    ]  # fmt: skip
    if len(lost) > silent:
        return [f"{len(lost)} grants nobody got, such as request {lost[0]['request_id']}"]
    return []


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


def quotas(lives, quota):
    """No owner had more live runners at any time than allowed."""
    changes = {}
    for _, owner, _, begin, end in lives:
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


def names(lives):
    """No two live runners had one name."""
    named = {}
    for runner, _, name, begin, end in lives:
        named.setdefault(name, []).append((begin, end, runner))
    findings = []
    for name, spans in named.items():
        spans.sort(key=lambda span: span[0])
        for earlier, later in zip(spans, spans[1:]):
            if earlier[1] is None or later[0] < earlier[1]:
                findings.append(f"two live runners had the name {name}: {earlier[2]}, {later[2]}")
    return findings


def integrity(world, database):
    findings = []
    result = database.execute("PRAGMA integrity_check").fetchall()
    if result != [("ok",)]:
        findings.append(f"integrity_check: {result[:3]}")
    faults = database.execute("PRAGMA foreign_key_check").fetchall()
    if faults:
        findings.append(f"foreign_key_check: {faults[:3]}")
    done = world.try_to_run("verify-audit-log", "--mirror", str(world.directory / "audit.jsonl"))
    if done.returncode != 0:
        findings.append(f"verify-audit-log: {done.stdout.strip()} {done.stderr.strip()}")
    return findings


def falsify(world, database, answers, grants, lives):
    """One lie of each kind that must be found."""
    kept = [grant for grant in grants]
    answered = [answer for answer in answers if answer.secret]
    kept.remove(next(grant for grant in grants if grant["secret"] == answered[0].secret))
    answers = [answer for answer in answers if answer is not answered[1]]
    runner, owner, name, begin, _ = lives[0]
    lives = [*lives, *((f"{runner}-{n}", owner, name if n == 0 else f"{name}-{n}", begin, None) for n in range(9))]
    with database:
        # As somebody would who has the file: around the triggers, and then as if nothing had been.
        triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for trigger, _ in triggers:
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute("UPDATE audit_log SET user_identity = 'mallory@example.com' WHERE id = 3")
        for _, sql in triggers:
            database.execute(sql)
    return answers, kept, lives
