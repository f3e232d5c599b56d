#!/usr/bin/env bash
# Lets nof0_owner and nof0_server in by the passwords of the environment, which no log of
# statements shows.
set -euo pipefail
psql --set=ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname "${POSTGRES_DB:-nof0}" \
  --set=owner="$OWNER_PASSWORD" --set=server="$SERVER_PASSWORD" <<'SQL'
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
ALTER ROLE nof0_owner PASSWORD :'owner';
ALTER ROLE nof0_server PASSWORD :'server';
SQL
