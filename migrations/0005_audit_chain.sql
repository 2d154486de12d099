-- Each row of the audit log continues from the one before, and the table from what was archived.

-- Rows that were archived and are gone from the table, a row here for each archive. The table continues from the last of
-- them. While an archive's rows are being deleted, its anchor moves ahead of them.
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

-- The next row is one past every row that there ever was. Nothing comes between others or takes the place of one: INSERT OR
-- REPLACE would delete without asking the trigger for that.
CREATE TRIGGER audit_log_chains_rows BEFORE INSERT ON audit_log
WHEN NEW.id IS NOT 1 + max(
    coalesce((SELECT max(id) FROM audit_log), 0),
    coalesce((SELECT max(last_id) FROM audit_anchors), 0),
    coalesce((SELECT max(CAST(seq AS INTEGER)) FROM sqlite_sequence WHERE name = 'audit_log'), 0))
BEGIN
  SELECT RAISE(ABORT, 'audit_log takes the next row only');
END;

DROP TRIGGER audit_log_keeps_rows;

CREATE TRIGGER audit_log_keeps_rows BEFORE DELETE ON audit_log
WHEN NOT EXISTS (SELECT 1 FROM audit_anchors WHERE OLD.id BETWEEN first_id AND last_id)
BEGIN
  SELECT RAISE(ABORT, 'audit_log is append-only');
END;

-- How far the audit log's file is known to have every record, and where in it to look for those after.
CREATE TABLE audit_mirror (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  last_id INTEGER NOT NULL,
  -- The file's size when no record after last_id existed, and the SHA-256 of the bytes that end there: the file may have
  -- been moved away since. NULL where that is not known.
  size INTEGER,
  end_sha256 TEXT,
  CHECK ((size IS NULL) = (end_sha256 IS NULL))
) STRICT;

-- Admins list the log newest first, and by each of these.
DROP INDEX audit_log_runner;
CREATE INDEX audit_log_runner ON audit_log (runner_id, timestamp) WHERE runner_id IS NOT NULL;
CREATE INDEX audit_log_runner_name ON audit_log (runner_name, timestamp) WHERE runner_name IS NOT NULL;
CREATE INDEX audit_log_timestamp ON audit_log (timestamp);
CREATE INDEX audit_log_type ON audit_log (event_type, timestamp);
CREATE INDEX audit_log_user ON audit_log (user_identity, timestamp);
