package config

import (
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
)

// suggestPath names the key that was probably meant, for the end of a message.
func (l *loader) suggestPath(path string) string {
	names := make([]string, len(l.keys))
	for i, k := range l.keys {
		names[i] = k.path
	}
	return didYouMean(path, names)
}

// suggestEnv names the variable that was probably meant.
func (l *loader) suggestEnv(name string) string {
	names := []string{fileVar}
	for _, k := range l.keys {
		if envPrefix+k.env == name {
			return fmt.Sprintf("; did you mean %s?", k.env)
		}
		names = append(names, k.env)
	}
	return didYouMean(name, names)
}

func didYouMean(name string, known []string) string {
	best, bestDistance := "", len(name)/2
	for _, candidate := range known {
		if d := levenshtein.Distance(strings.ToLower(name), strings.ToLower(candidate), nil); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}
