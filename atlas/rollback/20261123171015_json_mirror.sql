-- Undoes 20261123171015_json_mirror.sql.

DROP TABLE "json_mirror";
