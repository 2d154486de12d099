-- Where a token is good for one runner only: those that have been used. A row is kept for as long as its token would be
-- accepted otherwise.
CREATE TABLE used_tokens (
  issuer TEXT NOT NULL,
  token_id TEXT NOT NULL,
  refused_from TEXT NOT NULL,
  PRIMARY KEY (issuer, token_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX used_tokens_refused_from ON used_tokens (refused_from);
