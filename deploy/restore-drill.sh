#!/usr/bin/env bash
# Proves that a backup can be restored: a season is written to a throw-away
# server that archives its WAL, a dump and a base backup are taken while it is
# there, more is written, everything is deleted by mistake, the server is killed.
# Then both backups are restored, and the rows of every table are counted and
# their checksums compared with those of the moment they are to come back to.
#
#   deploy/restore-drill.sh                 # bin/nof0, a season of 200 hours
#   NOF0_DRILL_HOURS=2000 deploy/restore-drill.sh
set -euo pipefail
cd "$(dirname "$0")/.."

nof0=$PWD/bin/nof0
hours=${NOF0_DRILL_HOURS:-200}

find_postgres() {
  local dir
  for dir in "${NOF0_POSTGRES_BIN:-}" "$(pg_config --bindir 2>/dev/null || true)" \
    /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
    /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
    if [[ -n "$dir" && -x "$dir/initdb" && -x "$dir/pg_basebackup" ]]; then echo "$dir"; return; fi
  done
  echo "restore-drill: no Postgres with pg_basebackup on this machine; NOF0_POSTGRES_BIN may name one" >&2
  return 1
}
bin=$(find_postgres)

# Postgres refuses root.
as=()
if [[ "$(id -u)" -eq 0 ]]; then
  user=postgres
  id "$user" >/dev/null 2>&1 || user=nobody
  as=(runuser -u "$user" --)
fi

work=$(mktemp -d)
chmod 755 "$work"
mkdir "$work/db" "$work/archive" "$work/dump"
[[ ${#as[@]} -eq 0 ]] || chown "$user" "$work/db" "$work/archive" "$work/dump"

export PGPASSWORD PGTZ=UTC PGHOST=127.0.0.1 PGUSER=nof0 PGPORT
PGPASSWORD=$(head -c 24 /dev/urandom | base64 | tr -dc 'A-Za-z0-9')
PGPORT=$((20000 + RANDOM % 12000))

pg() { "${as[@]+"${as[@]}"}" "$bin/$1" "${@:2}"; }
sql() { "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" -c "$2"; }
url() { echo "postgres://nof0:$PGPASSWORD@$PGHOST:$PGPORT/$1?sslmode=disable"; }

start() { # data directory, settings
  pg pg_ctl start --silent --wait --timeout=60 --pgdata="$1" --log="$1.log" \
    --options="-c listen_addresses=$PGHOST -c port=$PGPORT -c unix_socket_directories= ${2:-}"
}
finish() {
  local dir
  for dir in "$work/db/restored" "$work/db/live"; do
    [[ ! -f "$dir/postmaster.pid" ]] || pg pg_ctl stop --silent --mode=immediate --pgdata="$dir" || true
  done
  rm -rf "$work"
}
trap finish EXIT

say() { printf '%-46s %s\n' "$1" "$2"; }
timed() { # what, command
  local began=$EPOCHREALTIME
  "${@:2}" >/dev/null
  say "$1" "$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f s", b - a }')"
}

# table, rows, checksum: the sum of the hashes of its rows, in whatever order.
checksums() {
  local query
  query=$(sql "$1" "SELECT string_agg(format('SELECT %L, count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM %I t', relname, relname), ' UNION ALL ' ORDER BY relname)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition")
  sql "$1" "$query"
}
# What processes know a database by (repository/origin.go).
identity() {
  sql "$1" "SELECT concat_ws('/', (SELECT string_agg(id || ':' || xmin::text, ',' ORDER BY id) FROM store_identity),
    (SELECT oid FROM pg_database WHERE datname = current_database()), (SELECT system_identifier FROM pg_control_system()),
    left(pg_walfile_name(pg_current_wal_lsn()), 8))"
}
compare() { # what, expected, database
  checksums "$3" >"$work/found"
  if ! diff "$2" "$work/found" >"$work/diff"; then
    echo "restore-drill: $1 is not what was backed up:" >&2
    cat "$work/diff" >&2
    exit 1
  fi
  say "$1" "$(awk -F'|' '{ n += $2 } END { printf "%d rows of %d tables, every checksum equal", n, NR }' "$work/found")"
}

echo "$PGPASSWORD" >"$work/password"
chmod 644 "$work/password"
pg initdb --pgdata="$work/db/live" --username=nof0 --pwfile="$work/password" --auth=scram-sha-256 --encoding=UTF8 --locale=C >/dev/null
start "$work/db/live" "-c wal_level=replica -c archive_mode=on -c archive_command='test ! -f $work/archive/%f && cp %p $work/archive/%f'"
sql postgres 'CREATE DATABASE nof0'

"$nof0" season generate "$work/season" --seed 1 --start 2025-10-17T22:00:00Z --hours "$hours" >/dev/null
"$nof0" season generate "$work/later" --seed 1 --start 2025-10-17T22:00:00Z --hours "$((hours + hours / 2))" >/dev/null
DATABASE_URL=$(url nof0) "$nof0" migrate apply >/dev/null 2>&1
DATABASE_URL=$(url nof0) "$nof0" import "$work/season" >/dev/null 2>&1
checksums nof0 >"$work/at-dump"
live=$(identity nof0)
say "the database at the time of the backups" "$(sql nof0 "SELECT pg_size_pretty(pg_database_size('nof0'))")"

timed "pg_dump --format=directory --jobs=2" pg pg_dump --format=directory --jobs=2 --file="$work/dump/nof0" nof0
timed "pg_basebackup --checkpoint=fast" pg pg_basebackup --pgdata="$work/db/restored" --checkpoint=fast --wal-method=none

# What is written after the backups comes back from the archive of the WAL.
DATABASE_URL=$(url nof0) "$nof0" import "$work/later" >/dev/null 2>&1 || true # rows that ended differently are refused
checksums nof0 >"$work/at-restore-point"
if cmp -s "$work/at-dump" "$work/at-restore-point"; then
  echo "restore-drill: nothing was written after the backups" >&2
  exit 1
fi
sql nof0 "SELECT pg_create_restore_point('before_the_mistake')" >/dev/null
sql nof0 'DELETE FROM trades; DROP TABLE positions; SELECT pg_switch_wal()' >/dev/null
archived=$(sql nof0 'SELECT last_archived_wal FROM pg_stat_archiver')
for _ in $(seq 100); do
  now=$(sql nof0 "SELECT last_archived_wal FROM pg_stat_archiver")
  [[ "$now" == "$archived" ]] || break
  sleep 0.1
done
pg pg_ctl stop --silent --mode=immediate --pgdata="$work/db/live"

cat >"$work/recovery" <<END
restore_command = 'cp $work/archive/%f %p'
recovery_target_name = 'before_the_mistake'
recovery_target_action = 'promote'
archive_mode = off
END
"${as[@]+"${as[@]}"}" sh -c "cat '$work/recovery' >>'$work/db/restored/postgresql.auto.conf' && touch '$work/db/restored/recovery.signal'"
recover() {
  start "$work/db/restored"
  for _ in $(seq 600); do
    [[ "$(sql postgres 'SELECT pg_is_in_recovery()')" == t ]] || return 0
    sleep 0.1
  done
  echo "restore-drill: the recovery does not end" >&2
  return 1
}
timed "recovery to the point before the mistake" recover
compare "restored to that point" "$work/at-restore-point" nof0
DATABASE_URL=$(url nof0) "$nof0" migrate validate >/dev/null
say "nof0 migrate validate" "no drift"

sql postgres 'CREATE DATABASE dumped'
timed "pg_restore --jobs=2" pg pg_restore --jobs=2 --dbname=dumped "$work/dump/nof0"
compare "restored from the dump" "$work/at-dump" dumped

# Redis and running processes hold what was made of the database before.
if [[ "$(printf '%s\n' "$live" "$(identity nof0)" "$(identity dumped)" | sort -u | wc -l)" -ne 3 ]]; then
  echo "restore-drill: a restored database passes for the one before: $live" >&2
  exit 1
fi
say "what processes know each of them by" "differs"
