package config

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with the configuration.
type Fault struct {
	// Where is the variable, or the file and the path in it.
	Where string
	// What is wrong, and what to do about it.
	What string
}

func (f Fault) String() string { return f.Where + ": " + f.What }

// Faults is everything that is wrong with the configuration.
type Faults []Fault //nolint:errname // it is the plural that callers look for

func (f Faults) Error() string {
	var b strings.Builder
	noun := "faults"
	if len(f) == 1 {
		noun = "fault"
	}
	fmt.Fprintf(&b, "the configuration has %d %s:", len(f), noun)
	for _, fault := range f {
		b.WriteString("\n  " + fault.String())
	}
	return b.String()
}
