BEGIN TRANSACTION;
CREATE TABLE approvals (
  id TEXT NOT NULL PRIMARY KEY,
  organization TEXT NOT NULL,
  -- An expired one keeps the status 'pending' or 'approved' and its expires_at.
  status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'denied', 'used')),
  user_identity TEXT NOT NULL,
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  -- What was asked for, in one canonical form (JSON), so that the same request can be told from any other.
  request TEXT NOT NULL CHECK (json_valid(request)),
  policy_revision INTEGER,
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  decided_at TEXT,
  decided_by TEXT,
  -- Of the decision, for the owner to read.
  reason TEXT,
  -- The runner that was provisioned on it.
  runner_id TEXT,
  CHECK ((decided_at IS NULL) = (status = 'pending')),
  CHECK ((decided_by IS NULL) = (status = 'pending')),
  CHECK (status <> 'denied' OR reason IS NOT NULL),
  CHECK ((runner_id IS NULL) = (status <> 'used'))
) STRICT, WITHOUT ROWID;
INSERT INTO "approvals" VALUES('2d8a4e3a-0b3f-4c57-9d74-8b5b2b6b9a2c','demo-org','pending','alice@example.com','https://id.example.com','alice','{}',NULL,'2026-01-31T12:00:00.000Z','2026-01-31T12:00:00.000Z',NULL,NULL,NULL,NULL);
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
INSERT INTO "audit_log" VALUES(1,'2026-01-31T12:00:00.000Z','provision_requested',1,NULL,NULL,'alice@example.com',NULL,NULL,NULL,NULL,NULL,NULL,'ci-1','{"labels":["gpu","ubuntu-22.04"]}','0000000000000000000000000000000000000000000000000000000000000000','37f1ad9694c6d5831387d667130b9b64a08062def8ac6b73e89be9aef38b9209');
INSERT INTO "audit_log" VALUES(2,'2026-01-31T12:00:00.000Z','provision',1,NULL,NULL,'alice@example.com',NULL,NULL,NULL,NULL,NULL,NULL,'ci-1',NULL,'37f1ad9694c6d5831387d667130b9b64a08062def8ac6b73e89be9aef38b9209','2ac6df06b082967e45a38eb9b99434ec986ee448e6f1cd54d5ee4eb7fed2f440');
INSERT INTO "audit_log" VALUES(3,'2026-01-31T12:00:00.000Z','provision_failed',0,'QUOTA_EXCEEDED',NULL,'ümit@example.com',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2ac6df06b082967e45a38eb9b99434ec986ee448e6f1cd54d5ee4eb7fed2f440','18acd960b4cfff44a3118f805f8895188b0d6c5382731c21aecee65f2617c0f5');
CREATE TABLE label_policies (
  user_identity TEXT NOT NULL PRIMARY KEY,
  allowed_labels TEXT NOT NULL CHECK (json_valid(allowed_labels)),
  label_patterns TEXT NOT NULL CHECK (json_valid(label_patterns)),
  -- NULL for no limit.
  max_runners INTEGER CHECK (max_runners >= 0),
  require_approval INTEGER NOT NULL CHECK (require_approval IN (0, 1)),
  -- NULL for the default group only.
  allowed_runner_groups TEXT CHECK (allowed_runner_groups IS NULL OR json_valid(allowed_runner_groups)),
  require_jit INTEGER NOT NULL CHECK (require_jit IN (0, 1)),
  require_ephemeral INTEGER NOT NULL CHECK (require_ephemeral IN (0, 1)),
  description TEXT,
  -- Raised by each save, and never used twice for one identity, not even after the policy was deleted.
  revision INTEGER NOT NULL CHECK (revision > 0),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  updated_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "label_policies" VALUES('alice@example.com','["gpu"]','[]',5,0,NULL,0,1,NULL,2,'2026-01-31T12:00:00.000Z','2026-01-31T12:00:00.000Z','cli:root');
CREATE TABLE label_policy_revisions (
  user_identity TEXT NOT NULL PRIMARY KEY,
  revision INTEGER NOT NULL CHECK (revision > 0)
) STRICT, WITHOUT ROWID;
INSERT INTO "label_policy_revisions" VALUES('bob@example.com',3);
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
  deletion_reason TEXT, policy_revision INTEGER,
  CHECK ((status = 'deleted') = (deleted_at IS NOT NULL)),
  CHECK ((status = 'deleted') = (deletion_reason IS NOT NULL))
) STRICT;
INSERT INTO "runners" VALUES('0b6e2c1e-8f1d-4a35-9b52-6f3f0f4f7e0a','demo-org','ci-1','active',1,23,1,'["gpu","ubuntu-22.04"]',1,0,'registration_token','alice@example.com','https://id.example.com','alice','abababababababababababababababababababababababababababababababab','2026-01-31T12:00:00.000Z','2026-01-31T12:00:00.000Z','2026-01-31T12:00:00.000Z','2026-01-31T12:00:00.000Z',NULL,NULL,NULL);
INSERT INTO "runners" VALUES('1c7f3d2f-9a2e-4b46-8c63-7a4a1a5a8f1b','demo-org','CI-1-old','deleted',0,NULL,1,'[]',1,0,'jit','alice@example.com','https://id.example.com','alice',NULL,'2026-01-31T12:00:00.000Z','2026-01-31T12:00:00.000Z','2026-01-31T12:00:00.000Z',NULL,'2026-01-31T12:00:00.000Z','requested',NULL);
CREATE TABLE schema_migrations (
            number INTEGER NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            checksum TEXT NOT NULL,
            applied_at TEXT NOT NULL
          ) STRICT;
INSERT INTO "schema_migrations" VALUES(1,'0001_runners_and_audit_log','e0725c623058b3b2f7f54116c2034220bf2fe0fa77dbbe31370a608a2f46d75a','2026-01-31T12:00:00.000Z');
INSERT INTO "schema_migrations" VALUES(2,'0002_used_tokens','f50cc30b2432411bd07bd69973648013ab1ab7e88a126c06180484f271524579','2026-01-31T12:00:00.000Z');
INSERT INTO "schema_migrations" VALUES(3,'0003_label_policies','52032a75e63c96e758a07e705302d617580e18417f1535e3194862811ff565f1','2026-01-31T12:00:00.000Z');
CREATE TABLE security_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  timestamp TEXT NOT NULL,
  -- When it was last counted.
  last_seen_at TEXT NOT NULL,
  count INTEGER NOT NULL DEFAULT 1 CHECK (count > 0),
  event_type TEXT NOT NULL,
  severity TEXT NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
  user_identity TEXT,
  issuer TEXT,
  oidc_sub TEXT,
  -- Of the first of them.
  request_id TEXT,
  request_ip TEXT,
  runner_id TEXT,
  runner_name TEXT,
  event_data TEXT CHECK (event_data IS NULL OR json_valid(event_data)),
  -- The minute that the row stands for, as its time cut off after the minutes: one row for each caller, type and minute.
  minute TEXT NOT NULL
) STRICT;
INSERT INTO "security_events" VALUES(1,'2026-01-31T12:00:00.000Z','2026-01-31T12:00:00.000Z',2,'quota_exceeded','low','alice@example.com','https://id.example.com','alice',NULL,NULL,NULL,NULL,NULL,'2026-01-31T12:00');
CREATE TABLE used_tokens (
  issuer TEXT NOT NULL,
  token_id TEXT NOT NULL,
  refused_from TEXT NOT NULL,
  PRIMARY KEY (issuer, token_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "used_tokens" VALUES('https://id.example.com','t-1','2026-01-31T12:00:00.000Z');
CREATE TABLE write_probe (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  written_at TEXT NOT NULL
) STRICT;
INSERT INTO "write_probe" VALUES(1,'2026-01-31T12:00:00.000Z');
CREATE UNIQUE INDEX runners_live_name
  ON runners (organization, name COLLATE NOCASE) WHERE status <> 'deleted';
CREATE INDEX runners_owner ON runners (organization, issuer, subject, created_at);
CREATE INDEX audit_log_runner ON audit_log (runner_id);
CREATE TRIGGER audit_log_keeps_rows_unchanged BEFORE UPDATE ON audit_log
BEGIN
  SELECT RAISE(ABORT, 'audit_log is append-only');
END;
CREATE TRIGGER audit_log_keeps_rows BEFORE DELETE ON audit_log
BEGIN
  SELECT RAISE(ABORT, 'audit_log is append-only');
END;
CREATE INDEX used_tokens_refused_from ON used_tokens (refused_from);
CREATE INDEX runners_owner_live
  ON runners (organization, issuer, subject, status, pending_until) WHERE status <> 'deleted';
CREATE INDEX runners_created ON runners (organization, created_at DESC, id);
CREATE UNIQUE INDEX security_events_minute
  ON security_events (event_type, issuer, oidc_sub, minute);
CREATE INDEX security_events_timestamp ON security_events (timestamp);
CREATE INDEX security_events_user ON security_events (user_identity, id);
CREATE INDEX security_events_type ON security_events (event_type, id);
CREATE INDEX security_events_severity ON security_events (severity, id);
CREATE INDEX approvals_created ON approvals (organization, created_at);
CREATE INDEX approvals_status ON approvals (organization, status, created_at);
CREATE INDEX approvals_owner ON approvals (organization, issuer, subject, status);
CREATE INDEX approvals_runner ON approvals (runner_id) WHERE runner_id IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit_log',3);
INSERT INTO "sqlite_sequence" VALUES('security_events',1);
COMMIT;
