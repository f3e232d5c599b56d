#!/usr/bin/env bash
# Takes a dump of the database of PGHOST, PGDATABASE, PGUSER and PGPASSWORD into /backups
# (or DIRECTORY) every EVERY seconds (0: once) and keeps the newest KEEP. A dump has its
# name only once it is whole.
set -euo pipefail
into=${1:-/backups}
keep=${KEEP:-14}
every=${EVERY:-0}
trap 'exit 0' TERM INT

backup() {
  local name
  name=$into/nof0-$(date -u +%Y%m%dT%H%M%SZ).dump
  rm -f "$into"/.unfinished-*
  pg_dump --format=custom --file="$into/.unfinished-$$" || return 1
  pg_restore --list "$into/.unfinished-$$" >/dev/null || return 1
  mv "$into/.unfinished-$$" "$name"
  echo "backup: $name, $(stat -c %s "$name") bytes"
  find "$into" -maxdepth 1 -name 'nof0-*.dump' | sort -r | tail -n +"$((keep + 1))" | xargs -r rm -f
}

umask 077
while :; do
  if ! backup; then
    echo "backup: FAILED; the dumps of before are kept" >&2
    [[ $every -gt 0 ]] || exit 1
  fi
  [[ $every -gt 0 ]] || exit 0
  sleep "$every" &
  wait $!
done
