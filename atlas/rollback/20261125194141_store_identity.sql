-- Undoes 20261125194141_store_identity.sql.

DROP TABLE "store_identity";
