#!/bin/bash
# Run once by the database's image on an empty volume, or by hand on a server of one's own (as its superuser, with
# DB_OWNER_PASSWORD and DB_WEB_PASSWORD set): the owner of the tables, the web role that owns nothing, the database.
set -euo pipefail

psql --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
     --set owner_password="$DB_OWNER_PASSWORD" --set web_password="$DB_WEB_PASSWORD" <<'SQL'
CREATE ROLE dunmiao_owner LOGIN CREATEDB PASSWORD :'owner_password';
CREATE ROLE dunmiao_web LOGIN PASSWORD :'web_password';
GRANT dunmiao_web TO dunmiao_owner;
CREATE DATABASE dunmiao OWNER dunmiao_owner;
REVOKE ALL ON DATABASE dunmiao FROM PUBLIC;
GRANT CONNECT ON DATABASE dunmiao TO dunmiao_web;
\connect dunmiao
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
-- For whatever the owner makes from now on: rows may be read and written, tables not changed or emptied.
ALTER DEFAULT PRIVILEGES FOR ROLE dunmiao_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO dunmiao_web;
ALTER DEFAULT PRIVILEGES FOR ROLE dunmiao_owner GRANT USAGE, SELECT ON SEQUENCES TO dunmiao_web;
SQL
