-- Admins list one person's runners, and those that are live: neither must go through the history of all.
CREATE INDEX runners_identity ON runners (organization, provisioned_by, created_at DESC, id);
CREATE INDEX runners_live_created ON runners (organization, created_at DESC, id) WHERE status <> 'deleted';
