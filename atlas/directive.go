package atlas

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"
)

// directives are what comments of a migration file ask for, a line each:
//
//	-- nof0:lock_timeout 2s
//	-- nof0:statement_timeout 20m
//	-- nof0:nolint destructive: nothing has read the column since version 12
//
// The timeouts replace the configured ones for this file; 0 is none. A nolint
// takes a finding of Lint by its rule, with the reason.
type directives struct {
	lockTimeout, statementTimeout *time.Duration
	allowed                       map[string]string // the reason by rule
}

var directive = regexp.MustCompile(`(?m)^--\s*nof0:(\w*)[ \t]*(.*)$`)

// directivesOf reads the comments of a file. One that cannot be read is an
// error: a timeout that is misspelled must not pass for none.
func directivesOf(file migrate.File) (directives, error) {
	d := directives{allowed: map[string]string{}}
	for _, found := range directive.FindAllStringSubmatch(string(file.Bytes()), -1) {
		var err error
		switch name, value := found[1], strings.TrimSpace(found[2]); name {
		case "lock_timeout":
			d.lockTimeout, err = parseTimeout(value)
		case "statement_timeout":
			d.statementTimeout, err = parseTimeout(value)
		case "nolint":
			err = d.allow(value)
		default:
			err = fmt.Errorf("it is none of lock_timeout, statement_timeout and nolint")
		}
		if err != nil {
			return directives{}, fmt.Errorf("%s has the directive %q, which cannot be followed: %w", file.Name(), strings.TrimSpace(found[0]), err)
		}
	}
	return d, nil
}

func parseTimeout(value string) (*time.Duration, error) {
	timeout, err := time.ParseDuration(value)
	if err != nil || timeout < 0 {
		return nil, fmt.Errorf("%q is no duration such as 500ms, 2s or 20m", value)
	}
	return &timeout, nil
}

func (d directives) allow(value string) error {
	rule, reason, _ := strings.Cut(value, ":")
	rule, reason = strings.TrimSpace(rule), strings.TrimSpace(reason)
	switch {
	case !slices.Contains(allowableRules(), Rule(rule)):
		return fmt.Errorf("%q is no rule that may be left out: %v", rule, allowableRules())
	case reason == "":
		return fmt.Errorf("it gives no reason: nolint %s: because", rule)
	}
	d.allowed[rule] = reason
	return nil
}

// limits are how long a statement of one file may wait for a lock, and run; 0
// is without limit.
type limits struct{ lock, statement time.Duration }

// limitsOf are the limits of a file: its own, else the configured ones. Outside
// a transaction a statement runs as long as it takes, since it is there for
// work that blocks nobody, such as the concurrent build of an index.
func (o Options) limitsOf(file migrate.File, inTx bool) (limits, error) {
	d, err := directivesOf(file)
	if err != nil {
		return limits{}, err
	}
	l := limits{lock: o.LockTimeout}
	if inTx {
		l.statement = o.StatementTimeout
	}
	if d.lockTimeout != nil {
		l.lock = *d.lockTimeout
	}
	if d.statementTimeout != nil {
		l.statement = *d.statementTimeout
	}
	return l, nil
}
