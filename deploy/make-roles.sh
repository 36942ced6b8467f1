#!/bin/sh
# Runs once, when the database container is new: the two roles and the database, as `triage demo` makes them.
# triage_owner owns the tables and runs migrations; triage_app owns nothing and may read and write their rows.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set owner_password="$TRIAGE_OWNER_PASSWORD" --set app_password="$TRIAGE_APP_PASSWORD" <<'SQL'
CREATE ROLE triage_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE triage_app LOGIN PASSWORD :'app_password';
CREATE DATABASE triage OWNER triage_owner;
\connect triage
ALTER DEFAULT PRIVILEGES FOR ROLE triage_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO triage_app;
ALTER DEFAULT PRIVILEGES FOR ROLE triage_owner GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO triage_app;
ALTER DEFAULT PRIVILEGES FOR ROLE triage_owner GRANT EXECUTE ON FUNCTIONS TO triage_app;
SQL
