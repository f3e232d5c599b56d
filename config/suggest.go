package config

import (
	"fmt"
	"strings"
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
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// distance is the Levenshtein distance in bytes; names are ASCII.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
