-- Three roles, none of which may do more than it must:
--
--   nof0_owner    owns the tables; nof0 migrate and nof0 retention
--   nof0_server   reads and writes rows; nof0 serve, and every other command
--   nof0_reader   reads; people, reports
--
-- Run it as a superuser in the database of nof0, once before the first migration and again
-- after it (or after a restore from a dump without rights): it may be run any number of
-- times, and takes over the tables of a database that had one role for everything. Then
-- let them in, for example in psql: \password nof0_owner
--
-- The tables lie where the search path says. Roles belong to all databases of a server:
-- nof0_server reaches those databases alone in which this was run.
BEGIN;

DO $$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['nof0_owner', 'nof0_server', 'nof0_reader'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', role);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL; -- it is there
    END;
  END LOOP;
END
$$;

DO $$
DECLARE
  home text := quote_ident(current_schema());
  thing text;
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO nof0_owner, nof0_server, nof0_reader', current_database());
  EXECUTE format('REVOKE ALL ON SCHEMA %s FROM PUBLIC', home);
  EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %s TO nof0_owner', home);
  EXECUTE format('GRANT USAGE ON SCHEMA %s TO nof0_server, nof0_reader', home);

  -- What is there belongs to the owner, but for extensions. A sequence of a column goes
  -- with its table.
  FOR thing IN
    SELECT format('%s %s', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass)
    FROM pg_class AS c
    WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
      AND c.relowner <> 'nof0_owner'::regrole
      AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
        AND (d.deptype = 'e' OR c.relkind = 'S' AND d.deptype IN ('a', 'i')))
    UNION ALL
    SELECT format('FUNCTION %s', p.oid::regprocedure)
    FROM pg_proc AS p
    WHERE p.pronamespace = quote_ident(current_schema())::regnamespace AND p.proowner <> 'nof0_owner'::regrole
      AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  LOOP
    EXECUTE 'ALTER ' || thing || ' OWNER TO nof0_owner';
  END LOOP;

  -- What is there, and what the owner will make: rows to the server, but for TRUNCATE.
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %s TO nof0_server', home);
  EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA %s TO nof0_server', home);
  EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %s TO nof0_reader', home);
  EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE nof0_owner IN SCHEMA %s GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO nof0_server', home);
  EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE nof0_owner IN SCHEMA %s GRANT USAGE, SELECT ON SEQUENCES TO nof0_server', home);
  EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE nof0_owner IN SCHEMA %s GRANT SELECT ON TABLES TO nof0_reader', home);

  -- A function of the owner makes partitions on behalf of the server.
  EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA %s TO nof0_server', home);
  EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE nof0_owner IN SCHEMA %s GRANT EXECUTE ON FUNCTIONS TO nof0_server', home);

  -- The history of the migrations is the owner's alone.
  IF to_regclass(home || '.atlas_schema_revisions') IS NOT NULL THEN
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON %s.atlas_schema_revisions FROM nof0_server', home);
  END IF;
END
$$;

COMMIT;
