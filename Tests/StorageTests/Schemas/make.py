#!/usr/bin/env python3
"""Prints the database that this program had when it came to a migration, with rows in each table, as SQL.

Usage: make.py NUMBER > vNUMBER.sql

For the newest migration only, once, when it is added: what is there is what earlier versions have left on servers, and
is never made anew.
"""

import hashlib
import pathlib
import sqlite3
import sys

MIGRATIONS = pathlib.Path(__file__).resolve().parents[3] / "migrations"
TIME = "2026-01-31T12:00:00.000Z"
OWNER = {"issuer": "https://id.example.com", "subject": "alice"}

# What each migration has brought: a table and its row.
ROWS = {
    1: [
        ("runners", {
            "id": "0b6e2c1e-8f1d-4a35-9b52-6f3f0f4f7e0a", "organization": "demo-org", "name": "ci-1",
            "status": "active", "busy": 1, "github_runner_id": 23, "runner_group_id": 1,
            "labels": '["gpu","ubuntu-22.04"]', "ephemeral": 1, "disable_update": 0,
            "provisioning": "registration_token", "provisioned_by": "alice@example.com", **OWNER,
            "credential_sha256": "ab" * 32, "pending_until": TIME, "created_at": TIME, "updated_at": TIME,
            "registered_at": TIME}),
        ("runners", {
            "id": "1c7f3d2f-9a2e-4b46-8c63-7a4a1a5a8f1b", "organization": "demo-org", "name": "CI-1-old",
            "status": "deleted", "runner_group_id": 1, "labels": "[]", "ephemeral": 1, "disable_update": 0,
            "provisioning": "jit", "provisioned_by": "alice@example.com", **OWNER, "pending_until": TIME,
            "created_at": TIME, "updated_at": TIME, "deleted_at": TIME, "deletion_reason": "requested"}),
        ("write_probe", {"id": 1, "written_at": TIME}),
    ],
    2: [("used_tokens", {"issuer": OWNER["issuer"], "token_id": "t-1", "refused_from": TIME})],
    3: [
        ("label_policies", {
            "user_identity": "alice@example.com", "allowed_labels": '["gpu"]', "label_patterns": "[]",
            "max_runners": 5, "require_approval": 0, "require_jit": 0, "require_ephemeral": 1, "revision": 2,
            "created_at": TIME, "updated_at": TIME, "updated_by": "cli:root"}),
        ("label_policy_revisions", {"user_identity": "bob@example.com", "revision": 3}),
        ("security_events", {
            "timestamp": TIME, "last_seen_at": TIME, "count": 2, "event_type": "quota_exceeded",
            "severity": "low", "user_identity": "alice@example.com", "issuer": OWNER["issuer"],
            "oidc_sub": "alice", "minute": "2026-01-31T12:00"}),
        ("approvals", {
            "id": "2d8a4e3a-0b3f-4c57-9d74-8b5b2b6b9a2c", "organization": "demo-org", "status": "pending",
            "user_identity": "alice@example.com", **OWNER, "request": "{}", "created_at": TIME,
            "expires_at": TIME}),
    ],
    4: [
        ("github_installation", {
            "installation_id": 67890, "state": "active", "rate_limit": 5000, "rate_remaining": 4999,
            "rate_reset_at": TIME, "last_sync": 7, "last_sync_at": TIME, "last_sync_runners": 1}),
        ("github_pages", {
            "organization": "demo-org", "url": "https://api.github.com/x", "etag": 'W/"1"', "content": "[]"}),
        ("webhook_deliveries", {
            "id": "d-1", "event": "workflow_job", "action": "completed", "subject": 9, "processed_at": TIME}),
        ("webhook_redeliveries", {"attempt_id": 5, "delivery_id": "d-1", "requested_at": TIME}),
        ("unmanaged_runners", {
            "organization": "demo-org", "github_runner_id": 99, "name": "stray", "first_seen_at": TIME}),
    ],
    # Rows of its tables come from an archive, which `archive` below makes.
    5: [],
    # Indexes only.
    6: [],
}

AUDIT_COLUMNS = """timestamp event_type success error_code error_message user_identity issuer oidc_sub request_id
  request_ip user_agent runner_id runner_name event_data""".split()
ARCHIVE = "cd" * 32
AUDIT_EVENTS = [
    {"timestamp": TIME, "event_type": "provision_requested", "success": 1, "user_identity": "alice@example.com",
     "runner_name": "ci-1", "event_data": '{"labels":["gpu","ubuntu-22.04"]}'},
    {"timestamp": TIME, "event_type": "provision", "success": 1, "user_identity": "alice@example.com",
     "runner_name": "ci-1"},
    {"timestamp": TIME, "event_type": "provision_failed", "success": 0, "error_code": "QUOTA_EXCEEDED",
     "user_identity": "\u00fcmit@example.com"},
]


def insert(database, table, row):
    database.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def netstring(value):
    data = str(value).encode()
    return b"%d:%s," % (len(data), data)


def archive(database, first, last):
    """The first row is in a file, which the last one tells of."""
    insert(database, "audit_anchors", {
        "archive_sha256": ARCHIVE, "first_id": 1, "prev_hash": first["prev_hash"], "last_id": 1,
        "hash": first["hash"], "archived_at": TIME})
    database.execute("DELETE FROM audit_log WHERE id = 1")
    insert(database, "audit_mirror", {"id": 1, "last_id": last["id"]})


def audit_rows(number):
    """They are chained. From the fifth migration on the last one tells of an archive of the first."""
    previous = "0" * 64
    events = list(AUDIT_EVENTS)
    for index in range(1, len(events) + (2 if number >= 5 else 1)):
        if index > len(events):
            data = f'{{"archive_sha256":"{ARCHIVE}","first_id":1,"hash":"{first_hash}","last_id":1}}'
            events.append({"timestamp": TIME, "event_type": "archive", "success": 1, "event_data": data})
        event = events[index - 1]
        row = {"id": index, **event}
        form = b"audit-log/1\n" + netstring(index)
        for column in AUDIT_COLUMNS:
            form += netstring(event[column]) if column in event else b"-,"
        row["prev_hash"] = previous
        previous = row["hash"] = hashlib.sha256(form + netstring(row["prev_hash"])).hexdigest()
        if index == 1:
            first_hash = previous
        yield row


def main():
    number = int(sys.argv[1])
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.execute(
        """CREATE TABLE schema_migrations (
            number INTEGER NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            checksum TEXT NOT NULL,
            applied_at TEXT NOT NULL
          ) STRICT""")
    for step in range(1, number + 1):
        file = next(MIGRATIONS.glob(f"{step:04}_*.sql"))
        database.executescript(file.read_text())
        insert(database, "schema_migrations", {
            "number": step, "name": file.stem, "checksum": hashlib.sha256(file.read_bytes()).hexdigest(),
            "applied_at": TIME})
    rows = list(audit_rows(number))
    for row in rows:
        insert(database, "audit_log", row)
    for step in range(1, number + 1):
        for table, row in ROWS[step]:
            insert(database, table, row)
    if number >= 5:
        archive(database, rows[0], rows[-1])
    for line in database.iterdump():
        print(line)


main()
