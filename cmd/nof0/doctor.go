package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"nof0/cachelayer"
	"nof0/config"
)

// The states of a finding. Only the last one ends the command with status 1.
const (
	stateOK   = "ok"
	stateWarn = "warn"
	stateFail = "fail"
)

// finding is what doctor found where it looked, and what to do about it.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"`
	Found string `json:"found"`
	Do    string `json:"do,omitempty"` // nothing where the state is ok
}

// databaseCheck asks for the state and for what was found.
type databaseCheck struct{ name, query, do string }

// databaseChecks are what is asked of Postgres. maxOpen is postgres.max_open.
func databaseChecks(maxOpen int) []databaseCheck {
	return []databaseCheck{
		{"version of Postgres", `SELECT CASE WHEN current_setting('server_version_num')::int < 150000 THEN 'fail' ELSE 'ok' END,
		current_setting('server_version')`, "upgrade Postgres to 15 or newer"},
		{"primary", `SELECT CASE WHEN pg_is_in_recovery() THEN 'fail' ELSE 'ok' END,
		CASE WHEN pg_is_in_recovery() THEN 'a standby, which takes no writes' ELSE 'takes writes' END`, "DATABASE_URL has to name the primary"},
		{
			"durability", `SELECT CASE WHEN count(*) FILTER (WHERE name <> 'synchronous_commit') > 0 THEN 'fail' WHEN count(*) > 0 THEN 'warn' ELSE 'ok' END,
		coalesce(string_agg(name || ' = off', ', '), 'fsync, full_page_writes and synchronous_commit are on')
		FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'`,
			"turn them on: a crash loses writes that were acknowledged, or the database",
		},
		{
			"connections", `SELECT CASE WHEN used + ` + strconv.Itoa(maxOpen) + ` > most THEN 'warn' ELSE 'ok' END, used || ' of ' || most || ' are used, and a server may take ` + strconv.Itoa(maxOpen) + `'
		FROM (SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
			current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS most) AS c`,
			"raise max_connections, or lower postgres.max_open: another server does not find its connections",
		},
		{"role", `SELECT CASE WHEN rolsuper OR has_schema_privilege(current_schema(), 'CREATE') THEN 'warn' ELSE 'ok' END,
		rolname || CASE WHEN rolsuper THEN ' is a superuser' WHEN has_schema_privilege(current_schema(), 'CREATE') THEN ' may make tables' ELSE ' may make no tables' END
		FROM pg_roles WHERE rolname = current_user`, "run deploy/postgres/roles.sql, and let DATABASE_URL name nof0_server"},
		{
			"rights", `SELECT CASE WHEN count(*) > 0 THEN 'fail' ELSE 'ok' END, coalesce('may not read and write ' || string_agg(relname, ', '), 'may read and write every table')
		FROM pg_class WHERE relnamespace = quote_ident(current_schema())::regnamespace AND relkind IN ('r', 'p') AND relname <> 'atlas_schema_revisions'
			AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))`,
			"run deploy/postgres/roles.sql again",
		},
		{
			"partitions", `SELECT CASE WHEN count(*) < 2 THEN 'fail' WHEN NOT has_function_privilege('make_price_ticks_partition(date)', 'EXECUTE') THEN 'fail' ELSE 'ok' END,
		count(*) || ' of the two next months have one' || CASE WHEN has_function_privilege('make_price_ticks_partition(date)', 'EXECUTE') THEN '' ELSE ', and this role may make none' END
		FROM pg_inherits JOIN pg_class AS c ON c.oid = inhrelid
		WHERE inhparent = 'price_ticks'::regclass AND relname IN (to_char(now() AT TIME ZONE 'UTC' + interval '1 month', '"price_ticks_"YYYY_MM'), to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 months', '"price_ticks_"YYYY_MM'))`,
			"start nof0 serve, or run nof0 retention run; where the role may make none, deploy/postgres/roles.sql",
		},
		{
			"replication", `SELECT CASE WHEN current_setting('synchronous_standby_names') <> '' AND synced = 0 OR idle > 0 THEN 'warn' ELSE 'ok' END,
		standbys || ' standbys, ' || synced || ' of them synchronous; ' || idle || ' slots that nobody reads hold over 1 GB of WAL'
		FROM (SELECT (SELECT count(*) FROM pg_stat_replication) AS standbys, (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')) AS synced,
			(SELECT count(*) FROM pg_replication_slots WHERE NOT active AND NOT pg_is_in_recovery() AND pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) > 1e9) AS idle) AS r`,
			"bring the standby back: without it commits wait; drop the slots that nobody will read",
		},
		{"wraparound", `SELECT CASE WHEN age(datfrozenxid) > 1000000000 THEN 'fail' ELSE 'ok' END, 'the oldest transaction is ' || age(datfrozenxid) || ' back'
		FROM pg_database WHERE datname = current_database()`, "VACUUM (FREEZE), and see why autovacuum does not"},
		{
			"parity", `SELECT CASE WHEN count(*) > 0 THEN 'warn' ELSE 'ok' END, coalesce('the two sources differ in ' || string_agg(domain, ', '), 'no newest comparison found a difference')
		FROM (SELECT DISTINCT ON (domain) domain, verdict FROM parity_runs ORDER BY domain, ran_at DESC) AS r WHERE verdict = 'different'
			AND domain NOT IN (SELECT domain FROM rollout_switches WHERE write_mode = 'store')`,
			"nof0 parity --domain names each difference; do not move these domains on",
		},
	}
}

// replicaQuery asks a replica for the state and for what was found: what keeps it from being
// read first. $1 and $2 are where the primary was before, and on which timeline; $3 and $4
// say which database that is.
const replicaQuery = `SELECT CASE WHEN NOT recovers OR system <> $3 OR database <> $4 OR NOT may THEN 'fail' WHEN NOT follows OR paused OR behind > 16777216 THEN 'warn' ELSE 'ok' END,
	CASE WHEN system <> $3 THEN 'of another cluster than DATABASE_URL' WHEN database <> $4 THEN 'another database than that of DATABASE_URL'
		WHEN NOT recovers THEN 'no standby: it takes writes itself' WHEN NOT may THEN 'its user may not see what it streams'
		WHEN NOT follows THEN 'it streams nothing from the primary' WHEN paused THEN 'it does not replay'
		ELSE 'a standby' END || ', ' || pg_size_pretty(greatest(behind, 0)) || ' behind',
	CASE WHEN system <> $3 OR database <> $4 OR NOT recovers THEN 'postgres.replicas has to name standbys of the primary: it is not read'
		WHEN NOT may THEN 'GRANT pg_read_all_stats TO its user: it is not read' WHEN NOT follows THEN 'look at primary_conninfo and the log of the standby: it is not read'
		WHEN paused THEN 'SELECT pg_wal_replay_resume()' ELSE 'see what keeps it (pg_stat_replication): what it lacks is read from the primary' END
FROM (SELECT pg_is_in_recovery() AS recovers, pg_has_role('pg_read_all_stats', 'USAGE') AS may,
		(SELECT system_identifier FROM pg_control_system()) AS system, (SELECT oid FROM pg_database WHERE datname = current_database()) AS database,
		coalesce((SELECT received_tli = $2 FROM pg_stat_wal_receiver), false) AS follows,
		CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() END AS paused,
		pg_wal_lsn_diff($1::text::pg_lsn, CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END) AS behind) AS r`

// examineReplicas compares each of postgres.replicas with the primary.
func examineReplicas(ctx context.Context, primary *sql.DB, dsns []string, add func(check, state, text, do string), failed func(check string, err error, do string)) {
	if len(dsns) == 0 {
		return
	}
	var lsn string
	var timeline, system, database int64
	if err := primary.QueryRowContext(ctx, `SELECT pg_current_wal_insert_lsn(), ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint,
		(SELECT system_identifier FROM pg_control_system()), (SELECT oid FROM pg_database WHERE datname = current_database())`).
		Scan(&lsn, &timeline, &system, &database); err != nil {
		failed("replicas", err, "DATABASE_URL has to name the primary")
		return
	}
	for i, dsn := range dsns {
		check := "replica " + strconv.Itoa(i+1)
		if err := withDatabase(ctx, dsn, func(replica *sql.DB) error {
			var state, text, do string
			if err := replica.QueryRowContext(ctx, replicaQuery, lsn, timeline, system, database).Scan(&state, &text, &do); err != nil {
				return fmt.Errorf("error asking the replica: %w", err)
			}
			add(check, state, text, do)
			return nil
		}); err != nil {
			failed(check, err, "bring it back, or take it out of postgres.replicas: the primary bears its reads")
		}
	}
}

func (c *cli) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look at a deployment, and say what to do about what is wrong with it",
		Long: `Look at the configuration, the versions, the rights of the role, the clocks, the policy of
Redis, disks, the schema, replication, the replicas and the newest comparisons. Nothing is changed.

Exit status 1 where something fails; what only warns does not.`,
		Example: example("DATABASE_URL=postgres://… REDIS_URL=redis://… nof0 doctor", "nof0 doctor --json"),
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found := c.examine(cmd.Context())
			failed := 0
			t := c.newTable(table.Row{"check", "state", "found"})
			for _, f := range found {
				if f.State == stateFail {
					failed++
				}
				t.AppendRow(table.Row{f.Check, f.State, f.Found})
				if f.Do != "" {
					t.AppendRow(table.Row{"", "", "-> " + f.Do})
				}
			}
			if !c.json {
				t.Render()
			} else if err := c.printJSON(found); err != nil {
				return err
			}
			if failed > 0 {
				return fmt.Errorf("%d of %d checks failed", failed, len(found))
			}
			return nil
		},
	}
}

// examine looks at everything. What cannot be looked at is a finding too.
func (c *cli) examine(ctx context.Context) (found []finding) {
	add := func(check, state, text, do string) {
		if state == stateOK {
			do = ""
		}
		found = append(found, finding{check, state, text, do})
	}
	failed := func(check string, err error, do string) {
		if advice := adviceOn(err); advice != "" {
			do = advice
		}
		add(check, stateFail, err.Error(), do)
	}
	cfg, logger, err := c.start(config.RequireDatabase(), config.RequireRedis())
	if err != nil {
		failed("configuration", err, "correct it: nof0 config shows where each value is from")
		return found
	}
	if cfg.IngestToken == "" && cfg.AdminToken == "" && len(cfg.Tokens) == 0 {
		add("configuration", stateWarn, "no token is set: nobody can write or operate", "set NOF0_INGEST_TOKEN and NOF0_ADMIN_TOKEN")
	} else if token := cfg.ShortToken(); token != "" {
		add("configuration", stateWarn, token+" can be guessed", "make another one by openssl rand -hex 32")
	} else {
		add("configuration", stateOK, "without faults", "")
	}
	if err := checkSchema(ctx, cfg, logger); err != nil {
		failed("schema", err, "run nof0 migrate apply with the binary that is to run")
	} else {
		add("schema", stateOK, "fits this binary", "")
	}
	if err := withDatabase(ctx, cfg.DatabaseURL, func(db *sql.DB) error {
		for _, check := range databaseChecks(cfg.Postgres.MaxOpen) {
			var state, text string
			if err := db.QueryRowContext(ctx, check.query).Scan(&state, &text); err != nil {
				failed(check.name, err, "apply the migrations first")
				continue
			}
			add(check.name, state, text, check.do)
		}
		var now time.Time
		began := time.Now()
		if err := db.QueryRowContext(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
			return err
		}
		add(clockCheck("clock of Postgres", now, began))
		examineReplicas(ctx, db, cfg.Postgres.Replicas, add, failed)
		return nil
	}); err != nil {
		failed("Postgres", err, "bring it back")
	}
	c.examineRedis(ctx, cfg, logger, add, failed)
	for _, dir := range []struct{ name, path string }{{"json_dir", cfg.JSONDir}, {"retention.archive_dir", cfg.Retention.ArchiveDir}} {
		var disk unix.Statfs_t
		if dir.path == "" || unix.Statfs(dir.path, &disk) != nil {
			continue
		}
		free, state := 100*disk.Bavail/max(disk.Blocks, 1), stateOK
		if free < 10 {
			state = stateWarn
		}
		add("disk of "+dir.name, state, fmt.Sprintf("%d %% of it are free", free), "make room, or move the directory")
	}
	return found
}

// examineRedis looks at the one that the configuration names.
func (c *cli) examineRedis(
	ctx context.Context, cfg config.Config, logger *slog.Logger, add func(check, state, text, do string), failed func(check string, err error, do string),
) {
	client, err := cachelayer.Open(cfg.RedisURL, patient(cfg.Redis), cachelayer.Options{Logger: logger})
	if err != nil {
		failed("Redis", err, "correct REDIS_URL")
		return
	}
	began := time.Now()
	server, err := client.Server(ctx)
	if err = errors.Join(err, client.Close()); err != nil {
		failed("Redis", err, "Postgres bears all reads until it is back")
		return
	}
	add("Redis", stateOK, "version "+server.Version, "")
	add(clockCheck("clock of Redis", server.Now, began))
	state, text := stateOK, server.Policy+", maxmemory "+server.MaxMemory
	if server.Policy == "noeviction" && server.MaxMemory != "0" {
		state = stateWarn
	}
	add("policy of Redis", state, text, "set maxmemory-policy to volatile-lru: full, it refuses writes, and is then not read")
	state = stateOK
	if server.Role == "slave" {
		state = stateFail
	}
	add("role of Redis", state, server.Role, "REDIS_URL has to name the primary: nothing can be invalidated in a replica")
}

// clockCheck compares a clock that was asked between began and now with that of here.
func clockCheck(name string, there, began time.Time) (check, state, text, do string) {
	const most = time.Second // of what times of facts may lie ahead, and far below it
	took := time.Since(began)
	off := there.Sub(began.Add(took / 2))
	state = stateOK
	if off.Abs() > most+took/2 {
		state = stateWarn
	}
	return name, state, fmt.Sprintf("%s ahead of the one here", off.Round(time.Millisecond)), "run a time service on both machines"
}
