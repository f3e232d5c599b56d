// The same files work here and with `nof0 migrate`; both keep their history in
// public.atlas_schema_revisions. Run from this directory:
//
//   atlas migrate status --env local
//
// `make atlas-cli` checks every environment with the newest CLI that can be built
// from its published modules.

locals {
  // Printed from package entities by `nof0 migrate diff NAME`.
  schema     = "file://atlas/schema.sql"
  migrations = "file://atlas/migrations"

  // Statements carry no schema name, so every connection is bound to this one.
  search_path = "public"

  // A statement that waits for a lock makes everybody behind it wait too.
  lock_timeout = "5s"

  // The database to migrate: directly, not through a pooler, since Atlas locks by session.
  database = urlqueryset(urlqueryset(getenv("DATABASE_URL"), "search_path", local.search_path), "lock_timeout", local.lock_timeout)
  direct   = getenv("NOF0_MIGRATE_DATABASE_URL") == "" ? getenv("DATABASE_URL") : getenv("NOF0_MIGRATE_DATABASE_URL")
  unpooled = urlqueryset(urlqueryset(local.direct, "search_path", local.search_path), "lock_timeout", local.lock_timeout)

  // An empty database of the same major version, to compute differences in. Give
  // a fresh one each time: functions and views survive Atlas' own cleaning, and the
  // migrations then fail on them.
  dev = data.sql.dev_is_fresh.count >= 0 ? urlqueryset(getenv("ATLAS_DEV_URL"), "search_path", local.search_path) : ""
}

// Fails where the dev database was used before; the cast puts the sentence into the error.
data "sql" "dev_is_fresh" {
  url   = getenv("ATLAS_DEV_URL") == "" ? "sqlite://none?mode=memory" : getenv("ATLAS_DEV_URL")
  query = getenv("ATLAS_DEV_URL") == "" ? "SELECT 1" : <<-SQL
    SELECT ('ATLAS_DEV_URL names a database that was used before and still holds ' || string_agg(name, ', ') ||
            ': give a fresh one each time, see docs/schema.md')::bigint
    FROM (
      SELECT oid, oid::regprocedure::text AS name FROM pg_proc WHERE pronamespace = to_regnamespace('${local.search_path}')
      UNION ALL
      SELECT oid, oid::regclass::text FROM pg_class WHERE relnamespace = to_regnamespace('${local.search_path}') AND relkind = 'v'
    ) left_over
    WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = left_over.oid AND d.deptype = 'e') -- of an extension
    HAVING count(*) > 0
  SQL
}

env "local" {
  src = local.schema
  url = local.database
  dev = local.dev
  migration {
    dir              = local.migrations
    revisions_schema = local.search_path
  }
}

env "ci" {
  src = local.schema
  url = local.database
  dev = local.dev
  migration {
    dir              = local.migrations
    revisions_schema = local.search_path
  }
}

env "prod" {
  src = local.schema
  url = local.unpooled
  dev = local.dev
  migration {
    dir              = local.migrations
    revisions_schema = local.search_path
  }
}

lint {
  destructive {
    error = true
  }
  data_depend {
    error = true
  }
  incompatible {
    error = true
  }
}
