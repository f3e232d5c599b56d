package repository

import (
	"strings"

	"gorm.io/gorm"
)

// advisory is the key of an advisory lock, as the functions of the server take it. A key
// stays what it is: a process of another release takes the same. All keys of this
// database stand here and in locks.go.
type advisory string

const (
	// byNumber is one of Locks.
	byNumber advisory = "?"
	// relayLock is held by the relay of the events of a model.
	relayLock advisory = "hashtext('nof0 relay'), hashtext(?)"
	// sequenceLock is held by whoever gives events their sequences.
	sequenceLock advisory = "hashtext('nof0 outbox sequence')"
	// mirrorLock is held by whoever lets JSON files follow.
	mirrorLock advisory = "hashtext('nof0 mirror'), 0"
	// parityLock is held by whoever compares both sides on schedule.
	parityLock advisory = "hashtext('nof0 parity')"
	// partitionLock is held by whoever makes, attaches or drops the partition of a name.
	partitionLock advisory = "hashtext(?)"
)

// RetentionLock is held by the session that archives partitions.
const RetentionLock = "hashtext('nof0 retention')"

// try takes the lock until the transaction ends, unless somebody else holds it.
func (key advisory) try(db *gorm.DB, args ...any) (taken bool, err error) {
	err = db.Raw("SELECT "+key.tried("?"), args...).Scan(&taken).Error
	return taken, err
}

// tried is a condition that try takes the lock of a column with.
func (key advisory) tried(column string) string {
	return "pg_try_advisory_xact_lock(" + strings.Replace(string(key), "?", column, 1) + ")"
}

// wait takes the lock until the transaction ends, once whoever holds it lets go.
func (key advisory) wait(db *gorm.DB, args ...any) error {
	return db.Exec("SELECT pg_advisory_xact_lock("+string(key)+")", args...).Error
}
