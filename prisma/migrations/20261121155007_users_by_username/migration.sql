-- The beginning of a username: the unique index finds it only where the database's locale is C. With the id in it,
-- a page is found without looking at the rows, however long ago those people came.
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_username_beginning_idx ON users (username text_pattern_ops) INCLUDE (id)
  WHERE username IS NOT NULL;
