-- Times are RFC 3339 text in UTC with milliseconds, so that they sort as they read.

-- One row for each registration token or JIT config that was asked for. Rows are never removed: a runner that is
-- gone has the status 'deleted'.
CREATE TABLE runners (
  id TEXT NOT NULL PRIMARY KEY,
  organization TEXT NOT NULL,
  name TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'offline', 'deleted')),
  busy INTEGER NOT NULL DEFAULT 0 CHECK (busy IN (0, 1)),
  github_runner_id INTEGER,
  runner_group_id INTEGER NOT NULL,
  labels TEXT NOT NULL CHECK (json_valid(labels)),
  ephemeral INTEGER NOT NULL CHECK (ephemeral IN (0, 1)),
  disable_update INTEGER NOT NULL CHECK (disable_update IN (0, 1)),
  provisioning TEXT NOT NULL CHECK (provisioning IN ('registration_token', 'jit')),
  -- The owner is (issuer, subject), compared byte for byte; provisioned_by is what people read.
  provisioned_by TEXT NOT NULL,
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  -- What was handed out can be recognised by its hash. NULL while the row is only a reservation.
  credential_sha256 TEXT,
  -- Until when a pending row counts: first the reservation's deadline, then the expiry of what was handed out.
  pending_until TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  registered_at TEXT,
  deleted_at TEXT,
  deletion_reason TEXT,
  CHECK ((status = 'deleted') = (deleted_at IS NOT NULL)),
  CHECK ((status = 'deleted') = (deletion_reason IS NOT NULL))
) STRICT;

-- GitHub compares runner names without regard to case.
CREATE UNIQUE INDEX runners_live_name
  ON runners (organization, name COLLATE NOCASE) WHERE status <> 'deleted';

CREATE INDEX runners_owner ON runners (organization, issuer, subject, created_at);

-- Append-only. prev_hash and hash are for the chain over the rows.
CREATE TABLE audit_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  timestamp TEXT NOT NULL,
  event_type TEXT NOT NULL,
  success INTEGER NOT NULL CHECK (success IN (0, 1)),
  error_code TEXT,
  error_message TEXT,
  user_identity TEXT,
  issuer TEXT,
  oidc_sub TEXT,
  request_id TEXT,
  request_ip TEXT,
  user_agent TEXT,
  runner_id TEXT,
  runner_name TEXT,
  event_data TEXT CHECK (event_data IS NULL OR json_valid(event_data)),
  -- Of the row before, and of this one: docs/OPERATIONS.md says how they are computed.
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;

CREATE INDEX audit_log_runner ON audit_log (runner_id);

CREATE TRIGGER audit_log_keeps_rows_unchanged BEFORE UPDATE ON audit_log
BEGIN
  SELECT RAISE(ABORT, 'audit_log is append-only');
END;

CREATE TRIGGER audit_log_keeps_rows BEFORE DELETE ON audit_log
BEGIN
  SELECT RAISE(ABORT, 'audit_log is append-only');
END;

-- Written to find out whether writing is possible.
CREATE TABLE write_probe (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  written_at TEXT NOT NULL
) STRICT;
