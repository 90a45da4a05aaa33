-- Administrators among millions: a page of few people is found without reading all the others.
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_roles_idx ON users USING gin (roles);
