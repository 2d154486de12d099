-- What all processes know about our installation at GitHub; one row for each installation that was ever configured.
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

-- The pages of GitHub's list of runners as they were last read, to ask GitHub only for those that have changed.
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

-- When its labels, group and kind were last found at GitHub to be those that were granted; NULL until then.
ALTER TABLE runners ADD COLUMN verified_at TEXT;
-- Since when, and why, a live runner is to be removed at GitHub: maintenance tries until it is gone.
ALTER TABLE runners ADD COLUMN removal_requested_at TEXT;
ALTER TABLE runners ADD COLUMN removal_reason TEXT;
-- The first of the syncs in a row whose complete list lacked it; NULL while GitHub shows it.
ALTER TABLE runners ADD COLUMN absent_since_sync INTEGER;

-- A runner is found by the id that GitHub knows it by; one that is gone too, lest its id be taken for another's.
CREATE INDEX runners_github_id
  ON runners (organization, github_runner_id) WHERE github_runner_id IS NOT NULL;

-- What maintenance has to look after: runners to verify, to remove, and reservations that ran out.
CREATE INDEX runners_unverified ON runners (organization, updated_at)
  WHERE status <> 'deleted' AND (github_runner_id IS NOT NULL OR status <> 'pending')
    AND verified_at IS NULL;
CREATE INDEX runners_to_remove ON runners (organization, removal_requested_at)
  WHERE status <> 'deleted' AND removal_reason IS NOT NULL;
CREATE INDEX runners_pending ON runners (organization, pending_until) WHERE status = 'pending';
CREATE INDEX runners_offline ON runners (organization, updated_at) WHERE status = 'offline';
CREATE INDEX runners_absent ON runners (organization, absent_since_sync)
  WHERE status <> 'deleted' AND absent_since_sync IS NOT NULL;
-- A list of GitHub's may still show what was deleted while it was read.
CREATE INDEX runners_deleted ON runners (organization, deleted_at) WHERE status = 'deleted';

-- JIT runners that GitHub may have made for a request that came to nothing here.
CREATE INDEX runners_unaccounted ON runners (organization, name COLLATE NOCASE, created_at)
  WHERE provisioning = 'jit' AND credential_sha256 IS NULL
    AND deletion_reason = 'reservation_expired';

-- Deliveries of webhooks that were about something of ours and have been acted on. GitHub repeats one under the same id.
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

CREATE INDEX webhook_deliveries_processed ON webhook_deliveries (processed_at);
CREATE INDEX webhook_deliveries_subject ON webhook_deliveries (event, subject, processed_at);
CREATE INDEX webhook_deliveries_runner
  ON webhook_deliveries (runner_id, processed_at) WHERE runner_id IS NOT NULL;

-- Failed attempts at a delivery that GitHub has been asked to repeat.
CREATE TABLE webhook_redeliveries (
  attempt_id INTEGER NOT NULL PRIMARY KEY,
  delivery_id TEXT NOT NULL,
  requested_at TEXT NOT NULL
) STRICT;

CREATE INDEX webhook_redeliveries_delivery ON webhook_redeliveries (delivery_id);
CREATE INDEX webhook_redeliveries_requested ON webhook_redeliveries (requested_at);

-- Runners at GitHub that nobody provisioned here, each reported once.
CREATE TABLE unmanaged_runners (
  organization TEXT NOT NULL,
  github_runner_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  first_seen_at TEXT NOT NULL,
  PRIMARY KEY (organization, github_runner_id)
) STRICT, WITHOUT ROWID;

-- What is found at one runner is an event of its own, and never counted into a refusal of its owner's.
DROP INDEX security_events_minute;
CREATE UNIQUE INDEX security_events_minute
  ON security_events (event_type, severity, issuer, oidc_sub, coalesce(runner_id, ''), minute);

-- Admins list approvals newest first, and those of one time by their id: in the order of these, so that no page is sorted.
DROP INDEX approvals_created;
DROP INDEX approvals_status;
CREATE INDEX approvals_created ON approvals (organization, created_at DESC);
CREATE INDEX approvals_status ON approvals (organization, status, created_at DESC);
