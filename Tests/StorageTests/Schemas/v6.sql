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
CREATE TABLE audit_anchors (
  -- Of the archive's file.
  archive_sha256 TEXT NOT NULL PRIMARY KEY,
  first_id INTEGER NOT NULL,
  -- The hash that the row first_id continued from.
  prev_hash TEXT NOT NULL,
  last_id INTEGER NOT NULL,
  -- Of the row last_id.
  hash TEXT NOT NULL,
  archived_at TEXT NOT NULL,
  CHECK (first_id <= last_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "audit_anchors" VALUES('cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd',1,'0000000000000000000000000000000000000000000000000000000000000000',1,'37f1ad9694c6d5831387d667130b9b64a08062def8ac6b73e89be9aef38b9209','2026-01-31T12:00:00.000Z');
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
INSERT INTO "audit_log" VALUES(2,'2026-01-31T12:00:00.000Z','provision',1,NULL,NULL,'alice@example.com',NULL,NULL,NULL,NULL,NULL,NULL,'ci-1',NULL,'37f1ad9694c6d5831387d667130b9b64a08062def8ac6b73e89be9aef38b9209','2ac6df06b082967e45a38eb9b99434ec986ee448e6f1cd54d5ee4eb7fed2f440');
INSERT INTO "audit_log" VALUES(3,'2026-01-31T12:00:00.000Z','provision_failed',0,'QUOTA_EXCEEDED',NULL,'ümit@example.com',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2ac6df06b082967e45a38eb9b99434ec986ee448e6f1cd54d5ee4eb7fed2f440','18acd960b4cfff44a3118f805f8895188b0d6c5382731c21aecee65f2617c0f5');
INSERT INTO "audit_log" VALUES(4,'2026-01-31T12:00:00.000Z','archive',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"archive_sha256":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","first_id":1,"hash":"37f1ad9694c6d5831387d667130b9b64a08062def8ac6b73e89be9aef38b9209","last_id":1}','18acd960b4cfff44a3118f805f8895188b0d6c5382731c21aecee65f2617c0f5','1d82d1bcab1b68a5d5a54de5ed09f1d61bf13739c8a2f4749bc573820608635b');
CREATE TABLE audit_mirror (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  last_id INTEGER NOT NULL,
  -- The file's size when no record after last_id existed, and the SHA-256 of the bytes that end there: the file may have
  -- been moved away since. NULL where that is not known.
  size INTEGER,
  end_sha256 TEXT,
  CHECK ((size IS NULL) = (end_sha256 IS NULL))
) STRICT;
INSERT INTO "audit_mirror" VALUES(1,4,NULL,NULL);
CREATE TABLE github_installation (
  installation_id INTEGER NOT NULL PRIMARY KEY,
  state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'deleted')),
  state_changed_at TEXT,
  -- The last known rate limit; NULL until GitHub has shown one.
  rate_limit INTEGER,
  rate_remaining INTEGER,
  rate_reset_at TEXT,
  -- Full syncs are numbered, so that the record of a change can name the one that found it.
  last_sync INTEGER NOT NULL DEFAULT 0,
  last_sync_at TEXT,
  last_sync_runners INTEGER,
  CHECK ((rate_limit IS NULL) = (rate_remaining IS NULL)),
  CHECK ((rate_limit IS NULL) = (rate_reset_at IS NULL))
) STRICT;
INSERT INTO "github_installation" VALUES(67890,'active',NULL,5000,4999,'2026-01-31T12:00:00.000Z',7,'2026-01-31T12:00:00.000Z',1);
CREATE TABLE github_pages (
  organization TEXT NOT NULL,
  -- The URL under which it was asked for.
  url TEXT NOT NULL,
  etag TEXT NOT NULL,
  -- The URL of the next page; NULL on the last.
  next_url TEXT,
  -- What of the page is of use here (JSON).
  content TEXT NOT NULL CHECK (json_valid(content)),
  PRIMARY KEY (organization, url)
) STRICT, WITHOUT ROWID;
INSERT INTO "github_pages" VALUES('demo-org','https://api.github.com/x','W/"1"',NULL,'[]');
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
  deletion_reason TEXT, policy_revision INTEGER, verified_at TEXT, removal_requested_at TEXT, removal_reason TEXT, absent_since_sync INTEGER,
  CHECK ((status = 'deleted') = (deleted_at IS NOT NULL)),
  CHECK ((status = 'deleted') = (deletion_reason IS NOT NULL))
) STRICT;
INSERT INTO "runners" VALUES('0b6e2c1e-8f1d-4a35-9b52-6f3f0f4f7e0a','demo-org','ci-1','active',1,23,1,'["gpu","ubuntu-22.04"]',1,0,'registration_token','alice@example.com','https://id.example.com','alice','abababababababababababababababababababababababababababababababab','2026-01-31T12:00:00.000Z','2026-01-31T12:00:00.000Z','2026-01-31T12:00:00.000Z','2026-01-31T12:00:00.000Z',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "runners" VALUES('1c7f3d2f-9a2e-4b46-8c63-7a4a1a5a8f1b','demo-org','CI-1-old','deleted',0,NULL,1,'[]',1,0,'jit','alice@example.com','https://id.example.com','alice',NULL,'2026-01-31T12:00:00.000Z','2026-01-31T12:00:00.000Z','2026-01-31T12:00:00.000Z',NULL,'2026-01-31T12:00:00.000Z','requested',NULL,NULL,NULL,NULL,NULL);
CREATE TABLE schema_migrations (
            number INTEGER NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            checksum TEXT NOT NULL,
            applied_at TEXT NOT NULL
          ) STRICT;
INSERT INTO "schema_migrations" VALUES(1,'0001_runners_and_audit_log','e0725c623058b3b2f7f54116c2034220bf2fe0fa77dbbe31370a608a2f46d75a','2026-01-31T12:00:00.000Z');
INSERT INTO "schema_migrations" VALUES(2,'0002_used_tokens','f50cc30b2432411bd07bd69973648013ab1ab7e88a126c06180484f271524579','2026-01-31T12:00:00.000Z');
INSERT INTO "schema_migrations" VALUES(3,'0003_label_policies','52032a75e63c96e758a07e705302d617580e18417f1535e3194862811ff565f1','2026-01-31T12:00:00.000Z');
INSERT INTO "schema_migrations" VALUES(4,'0004_github_state','2ce34f1d8162f6daa122ccff7de59e014ee74a915b3bd0331d419e97af17abc8','2026-01-31T12:00:00.000Z');
INSERT INTO "schema_migrations" VALUES(5,'0005_audit_chain','09c6b2af1da37d3ec2e4a1bc3af60c9f33b8023b287b2fce16a673618166175e','2026-01-31T12:00:00.000Z');
INSERT INTO "schema_migrations" VALUES(6,'0006_runner_lists','3c09ea01c239fad8c03267f864fe84c31266aba68191702d212b0cf04cf44db1','2026-01-31T12:00:00.000Z');
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
CREATE TABLE unmanaged_runners (
  organization TEXT NOT NULL,
  github_runner_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  first_seen_at TEXT NOT NULL,
  PRIMARY KEY (organization, github_runner_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "unmanaged_runners" VALUES('demo-org',99,'stray','2026-01-31T12:00:00.000Z');
CREATE TABLE used_tokens (
  issuer TEXT NOT NULL,
  token_id TEXT NOT NULL,
  refused_from TEXT NOT NULL,
  PRIMARY KEY (issuer, token_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "used_tokens" VALUES('https://id.example.com','t-1','2026-01-31T12:00:00.000Z');
CREATE TABLE webhook_deliveries (
  id TEXT NOT NULL PRIMARY KEY,
  event TEXT NOT NULL,
  action TEXT NOT NULL,
  -- The id of the job, or of the installation.
  subject INTEGER NOT NULL,
  runner_id TEXT,
  -- When GitHub says that it happened: deliveries come in any order.
  happened_at TEXT,
  processed_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "webhook_deliveries" VALUES('d-1','workflow_job','completed',9,NULL,NULL,'2026-01-31T12:00:00.000Z');
CREATE TABLE webhook_redeliveries (
  attempt_id INTEGER NOT NULL PRIMARY KEY,
  delivery_id TEXT NOT NULL,
  requested_at TEXT NOT NULL
) STRICT;
INSERT INTO "webhook_redeliveries" VALUES(5,'d-1','2026-01-31T12:00:00.000Z');
CREATE TABLE write_probe (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  written_at TEXT NOT NULL
) STRICT;
INSERT INTO "write_probe" VALUES(1,'2026-01-31T12:00:00.000Z');
CREATE UNIQUE INDEX runners_live_name
  ON runners (organization, name COLLATE NOCASE) WHERE status <> 'deleted';
CREATE INDEX runners_owner ON runners (organization, issuer, subject, created_at);
CREATE TRIGGER audit_log_keeps_rows_unchanged BEFORE UPDATE ON audit_log
BEGIN
  SELECT RAISE(ABORT, 'audit_log is append-only');
END;
CREATE INDEX used_tokens_refused_from ON used_tokens (refused_from);
CREATE INDEX runners_owner_live
  ON runners (organization, issuer, subject, status, pending_until) WHERE status <> 'deleted';
CREATE INDEX runners_created ON runners (organization, created_at DESC, id);
CREATE INDEX security_events_timestamp ON security_events (timestamp);
CREATE INDEX security_events_user ON security_events (user_identity, id);
CREATE INDEX security_events_type ON security_events (event_type, id);
CREATE INDEX security_events_severity ON security_events (severity, id);
CREATE INDEX approvals_owner ON approvals (organization, issuer, subject, status);
CREATE INDEX approvals_runner ON approvals (runner_id) WHERE runner_id IS NOT NULL;
CREATE INDEX runners_github_id
  ON runners (organization, github_runner_id) WHERE github_runner_id IS NOT NULL;
CREATE INDEX runners_unverified ON runners (organization, updated_at)
  WHERE status <> 'deleted' AND (github_runner_id IS NOT NULL OR status <> 'pending')
    AND verified_at IS NULL;
CREATE INDEX runners_to_remove ON runners (organization, removal_requested_at)
  WHERE status <> 'deleted' AND removal_reason IS NOT NULL;
CREATE INDEX runners_pending ON runners (organization, pending_until) WHERE status = 'pending';
CREATE INDEX runners_offline ON runners (organization, updated_at) WHERE status = 'offline';
CREATE INDEX runners_absent ON runners (organization, absent_since_sync)
  WHERE status <> 'deleted' AND absent_since_sync IS NOT NULL;
CREATE INDEX runners_deleted ON runners (organization, deleted_at) WHERE status = 'deleted';
CREATE INDEX runners_unaccounted ON runners (organization, name COLLATE NOCASE, created_at)
  WHERE provisioning = 'jit' AND credential_sha256 IS NULL
    AND deletion_reason = 'reservation_expired';
CREATE INDEX webhook_deliveries_processed ON webhook_deliveries (processed_at);
CREATE INDEX webhook_deliveries_subject ON webhook_deliveries (event, subject, processed_at);
CREATE INDEX webhook_deliveries_runner
  ON webhook_deliveries (runner_id, processed_at) WHERE runner_id IS NOT NULL;
CREATE INDEX webhook_redeliveries_delivery ON webhook_redeliveries (delivery_id);
CREATE INDEX webhook_redeliveries_requested ON webhook_redeliveries (requested_at);
CREATE UNIQUE INDEX security_events_minute
  ON security_events (event_type, severity, issuer, oidc_sub, coalesce(runner_id, ''), minute);
CREATE INDEX approvals_created ON approvals (organization, created_at DESC);
CREATE INDEX approvals_status ON approvals (organization, status, created_at DESC);
CREATE UNIQUE INDEX audit_anchors_last ON audit_anchors (last_id);
CREATE TRIGGER audit_anchors_move_ahead BEFORE UPDATE ON audit_anchors
WHEN NEW.archive_sha256 IS NOT OLD.archive_sha256 OR NEW.first_id IS NOT OLD.first_id
  OR NEW.prev_hash IS NOT OLD.prev_hash OR NEW.last_id <= OLD.last_id
BEGIN
  SELECT RAISE(ABORT, 'an anchor of audit_log only moves ahead');
END;
CREATE TRIGGER audit_anchors_stay BEFORE DELETE ON audit_anchors
BEGIN
  SELECT RAISE(ABORT, 'the anchors of audit_log stay');
END;
CREATE TRIGGER audit_log_chains_rows BEFORE INSERT ON audit_log
WHEN NEW.id IS NOT 1 + max(
    coalesce((SELECT max(id) FROM audit_log), 0),
    coalesce((SELECT max(last_id) FROM audit_anchors), 0),
    coalesce((SELECT max(CAST(seq AS INTEGER)) FROM sqlite_sequence WHERE name = 'audit_log'), 0))
BEGIN
  SELECT RAISE(ABORT, 'audit_log takes the next row only');
END;
CREATE TRIGGER audit_log_keeps_rows BEFORE DELETE ON audit_log
WHEN NOT EXISTS (SELECT 1 FROM audit_anchors WHERE OLD.id BETWEEN first_id AND last_id)
BEGIN
  SELECT RAISE(ABORT, 'audit_log is append-only');
END;
CREATE INDEX audit_log_runner ON audit_log (runner_id, timestamp) WHERE runner_id IS NOT NULL;
CREATE INDEX audit_log_runner_name ON audit_log (runner_name, timestamp) WHERE runner_name IS NOT NULL;
CREATE INDEX audit_log_timestamp ON audit_log (timestamp);
CREATE INDEX audit_log_type ON audit_log (event_type, timestamp);
CREATE INDEX audit_log_user ON audit_log (user_identity, timestamp);
CREATE INDEX runners_identity ON runners (organization, provisioned_by, created_at DESC, id);
CREATE INDEX runners_live_created ON runners (organization, created_at DESC, id) WHERE status <> 'deleted';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit_log',4);
INSERT INTO "sqlite_sequence" VALUES('security_events',1);
COMMIT;
