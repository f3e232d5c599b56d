-- Undoes 20261125191001_positions_entered_index.sql.
-- atlas:txmode none

DROP INDEX CONCURRENTLY "positions_entered";
