package switches

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"nof0/internal/arena"
)

// longestText bounds what is recorded of who and why.
const longestText = 500

// check refuses a request that could never be followed.
func check(f arena.Flip) error {
	switch {
	case !slices.Contains(arena.Domains(), f.Domain):
		return invalid("there is no domain %q; there are %s", f.Domain, list(arena.Domains()))
	case f.Read == "" && f.Write == "":
		return invalid("say what to set: read, write or both")
	case f.Read != "" && !slices.Contains(readModes(), f.Read):
		return invalid("read can be %s, not %q", list(readModes()), f.Read)
	case f.Write != "" && !slices.Contains(writeModes(), f.Write):
		return invalid("write can be %s, not %q", list(writeModes()), f.Write)
	case f.Force && strings.TrimSpace(f.Reason) == "":
		return invalid("force needs a reason, which is recorded")
	case !isText(f.Reason):
		return invalid("the reason has to be text of at most %d bytes on one line", longestText)
	case !isText(f.By):
		return invalid("who changes it has to be text of at most %d bytes on one line", longestText)
	}
	return nil
}

func isText(s string) bool {
	return len(s) <= longestText && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func invalid(format string, args ...any) error {
	return &arena.RefusedError{Invalid: true, Reason: fmt.Sprintf(format, args...)}
}

func list[T ~string](all []T) string {
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = string(one)
	}
	return strings.Join(names, ", ")
}
