"""Fills a database that `init-db` has made with as many records as years of use leave. scripts/benchmark-pages and growth.py use it."""

import argparse
import hashlib
import json
import random
import sqlite3
import sys
import time
from datetime import datetime, timezone

ORGANIZATION = "demo-org"
LABELS = ["gpu", "cuda-12.4"]
# Over which the records are spread, up to yesterday.
DAYS = 364


class Person:
    """Somebody who has runners."""

    def __init__(self, issuer, subject):
        self.issuer, self.subject, self.identity = issuer, subject, f"{subject}@example.com"


class Records:
    """Writes rows like those that the service writes, in one transaction, with every trigger in force."""

    def __init__(self, path, issuer="https://issuer.example.com", seed=1, progress=lambda done: None):
        self.issuer, self.progress, self.done = issuer, progress, 0
        self.random = random.Random(seed)
        self.start = int(time.time()) - (DAYS + 1) * 86_400
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.execute("PRAGMA synchronous = OFF")
        # In KiB: ids are random, so that each row is somewhere else in their index.
        self.database.execute("PRAGMA cache_size = -2000000")
        self.database.execute("BEGIN IMMEDIATE")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.database.execute("ROLLBACK" if kind else "COMMIT")
        if not kind:
            self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.database.close()

    def person(self, number):
        return Person(self.issuer, f"user-{number}")

    def time(self, share, seconds=0):
        """What a share of the whole time, from 0 to 1, is; and `seconds` later."""
        moment = self.start + int(share * DAYS * 86_400) + seconds
        return datetime.fromtimestamp(moment, timezone.utc).isoformat()[:19] + ".000Z"

    def identifier(self):
        digits = f"{self.random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def _insert(self, table, rows):
        """`rows` are dictionaries of the same columns."""
        rows = iter(rows)
        first = next(rows, None)
        if first is None:
            return
        columns = list(first)
        insertion = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        self.database.execute(insertion, list(first.values()))
        self.database.executemany(insertion, (list(self._counted(row).values()) for row in rows))

    def _counted(self, row):
        self.done += 1
        self.progress(self.done)
        return row

    # -- Runners

    def runner(self, owner, name, share, status="deleted", github_id=None):
        created, later = self.time(share), self.time(share, 900)
        is_gone, is_seen = status == "deleted", status != "pending"
        return {
            "id": self.identifier(),
            "organization": ORGANIZATION,
            "name": name,
            "status": status,
            "github_runner_id": github_id,
            "runner_group_id": 1,
            "labels": '["gpu","cuda-12.4"]',
            "ephemeral": 0,
            "disable_update": 0,
            "provisioning": "registration_token",
            "provisioned_by": owner.identity,
            "issuer": owner.issuer,
            "subject": owner.subject,
            "credential_sha256": f"{self.random.getrandbits(256):064x}",
            "pending_until": self.time(share, 3600),
            "created_at": created,
            "updated_at": later,
            "registered_at": created if is_seen else None,
            "verified_at": created if is_seen and github_id else None,
            "deleted_at": later if is_gone else None,
            "deletion_reason": "gone_at_github" if is_gone else None,
        }

    def runners(self, rows):
        """`rows`: from `runner`."""
        self._insert("runners", rows)

    # -- The audit log

    def audit_log(self, count, people):
        """A chain of `count` records in which this many people come up in turn. The file is said to have them all."""
        self._insert("audit_log", self._chain(count, people))
        self.database.execute(
            "INSERT INTO audit_mirror (id, last_id) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET last_id = excluded.last_id",
            [count],
        )

    def _chain(self, count, people):
        data = json.dumps(
            {"ephemeral": True, "labels": LABELS, "provisioning": "registration_token"}, separators=(",", ":")
        )
        previous = "0" * 64
        for number in range(1, count + 1):
            person = self.person(number % people)
            row = {
                "timestamp": self.time(number / count),
                "event_type": ["provision_requested", "provision", "status_change", "deprovision"][number % 4],
                "success": 1,
                "error_code": None,
                "error_message": None,
                "user_identity": person.identity,
                "issuer": person.issuer,
                "oidc_sub": person.subject,
                "request_id": f"{number:032x}",
                "request_ip": "192.0.2.7",
                "user_agent": "curl/7.88.1",
                "runner_id": self.identifier(),
                "runner_name": f"ci-{number}",
                "event_data": data,
            }
            row["hash"] = link(number, row, previous)
            row["id"], row["prev_hash"] = number, previous
            previous = row["hash"]
            yield row

    # -- The rest

    def policies(self, count):
        self._insert(
            "label_policies",
            (
                {
                    "user_identity": self.person(number).identity,
                    "allowed_labels": '["gpu","cuda-12.4","linux"]',
                    "label_patterns": '["team-[a-z]+-[0-9]+"]',
                    "max_runners": 5,
                    "require_approval": 0,
                    "require_jit": 0,
                    "require_ephemeral": 1,
                    "description": "A team",
                    "revision": 1,
                    "created_at": self.time(number / count),
                    "updated_at": self.time(number / count),
                    "updated_by": "root@example.com",
                }
                for number in range(1, count + 1)
            ),
        )

    def security_events(self, count):
        people = (self.person(number % 500) for number in range(1, count + 1))
        self._insert(
            "security_events",
            (
                {
                    "timestamp": self.time(number / count),
                    "last_seen_at": self.time(number / count),
                    "event_type": "label_policy_violation",
                    "severity": "medium",
                    "user_identity": person.identity,
                    "issuer": person.issuer,
                    "oidc_sub": person.subject,
                    "request_id": f"{number:032x}",
                    "request_ip": "192.0.2.7",
                    "runner_name": f"ci-{number}",
                    "event_data": '{"labels":["tpu"]}',
                    "minute": str(number),
                }
                for number, person in enumerate(people, 1)
            ),
        )

    def approvals(self, count):
        people = (self.person(number % 500) for number in range(1, count + 1))
        self._insert(
            "approvals",
            (
                {
                    "id": self.identifier(),
                    "organization": ORGANIZATION,
                    "status": "pending",
                    "user_identity": person.identity,
                    "issuer": person.issuer,
                    "subject": person.subject,
                    "request": json.dumps(
                        {
                            "disable_update": False,
                            "ephemeral": True,
                            "labels": ["gpu"],
                            "provisioning": "registration_token",
                            "runner_group_id": 1,
                            "runner_name": f"ci-{number}",
                        },
                        separators=(",", ":"),
                    ),
                    "created_at": self.time(number / count),
                    "expires_at": "2099-01-01T00:00:00.000Z",
                }
                for number, person in enumerate(people, 1)
            ),
        )


def link(number, row, previous):
    """The hash of a record, as docs/OPERATIONS.md has it. The columns come in the order of the form."""
    form = ["audit-log/1\n"]
    for value in [number, *row.values(), previous]:
        if value is None:
            form.append("-,")
        else:
            # All of it is ASCII.
            form.append(f"{len(str(value))}:{value},")
    return hashlib.sha256("".join(form).encode()).hexdigest()


def show_progress(done):
    """A line every few seconds of a long fill; for `Records`."""
    if done % 10_000 == 0 and time.monotonic() - show_progress.last > 5:
        show_progress.last = time.monotonic()
        print(f"  {done:,} rows", file=sys.stderr, flush=True)


show_progress.last = time.monotonic()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database")
    parser.add_argument("--audit-records", type=int, default=1_000_000, help="(default 1000000)")
    parser.add_argument("--others", type=int, default=10_000, help="of everything else (default 10000)")
    options = parser.parse_args()
    with Records(options.database, progress=show_progress) as records:
        records.audit_log(options.audit_records, people=500)
        records.policies(options.others)
        records.security_events(options.others)
        records.approvals(options.others)
        # Every other one is deleted.
        records.runners(
            records.runner(
                records.person(number % 500),
                f"ci-{number}",
                number / options.others,
                "deleted" if number % 2 else "offline",
            )
            for number in range(1, options.others + 1)
        )


if __name__ == "__main__":
    main()
