-- What a caller may have, one row for each identity that has a policy of its own.
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

-- The last revision that an identity's policy had, for identities whose policy was deleted.
CREATE TABLE label_policy_revisions (
  user_identity TEXT NOT NULL PRIMARY KEY,
  revision INTEGER NOT NULL CHECK (revision > 0)
) STRICT, WITHOUT ROWID;

-- The revision of the policy that allowed the runner; NULL where the default did, or the token's own policy alone.
ALTER TABLE runners ADD COLUMN policy_revision INTEGER;

-- Quotas count by owner; a caller's history must not slow them down.
CREATE INDEX runners_owner_live
  ON runners (organization, issuer, subject, status, pending_until) WHERE status <> 'deleted';

-- Admins list everybody's runners, newest first.
CREATE INDEX runners_created ON runners (organization, created_at DESC, id);

-- Something that an admin should look at. Refusals of one caller and type within a minute are one row with a count.
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

CREATE UNIQUE INDEX security_events_minute
  ON security_events (event_type, issuer, oidc_sub, minute);
CREATE INDEX security_events_timestamp ON security_events (timestamp);
CREATE INDEX security_events_user ON security_events (user_identity, id);
CREATE INDEX security_events_type ON security_events (event_type, id);
CREATE INDEX security_events_severity ON security_events (severity, id);

-- Requests that wait for an admin, and what became of them.
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

CREATE INDEX approvals_created ON approvals (organization, created_at);
CREATE INDEX approvals_status ON approvals (organization, status, created_at);
CREATE INDEX approvals_owner ON approvals (organization, issuer, subject, status);

CREATE INDEX approvals_runner ON approvals (runner_id) WHERE runner_id IS NOT NULL;
