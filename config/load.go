package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

const (
	// DefaultFile is read where it exists and no other is named.
	DefaultFile = "config/nof0.yaml"

	fileVar = "NOF0_CONFIG"
	// testPrefix begins variables that only tests read.
	testPrefix = "NOF0_TEST_"
)

// Options says where the configuration comes from.
type Options struct {
	// File is the YAML file; empty means NOF0_CONFIG, or else DefaultFile where
	// it exists. A file that is named must exist.
	File string
	// Env is the environment in the form of os.Environ. Empty values count as
	// unset.
	Env []string
	// Required are the keys that the command cannot do without.
	Required []Requirement
	// Derive, where given, fills in what the command itself provides, before
	// anything is checked.
	Derive func(*Config)
}

// Requirement is a key that must have a value.
type Requirement struct {
	Path string // such as database_url
	Help string // what to do: "set DATABASE_URL, or …"
}

// RequireDatabase is the Requirement of every command that reads or writes the
// store.
func RequireDatabase() Requirement {
	return Requirement{
		Path: "database_url",
		Help: "set DATABASE_URL to a Postgres, or run `nof0 dev`, which starts a private one",
	}
}

// RequireRedis is the Requirement of every command that serves from Redis.
func RequireRedis() Requirement {
	return Requirement{
		Path: "redis_url",
		Help: "set REDIS_URL to a Redis, or run `nof0 dev`, which starts a private one",
	}
}

// Load returns the configuration in force. When anything is wrong the error is a
// Faults that lists all of it.
func Load(o Options) (Config, error) {
	l := load(o)
	if len(l.faults) > 0 {
		return Config{}, l.faults
	}
	return l.config, nil
}

// Origin says which source a value was taken from.
type Origin string

// The sources of a value, the strongest last.
const (
	OriginDefault Origin = "default"
	OriginFile    Origin = "file"
	OriginEnv     Origin = "env"
	OriginDerived Origin = "derived" // by Options.Derive
)

// loader gathers the configuration and what is wrong with it.
type loader struct {
	keys    []key
	config  Config
	file    string
	origins map[string]Origin // by path
	faults  Faults
	faulty  map[string]bool // paths that have a fault already
}

func load(o Options) *loader {
	l := &loader{keys: keys(), config: Default(), origins: map[string]Origin{}, faulty: map[string]bool{}}
	for _, k := range l.keys {
		l.origins[k.path] = OriginDefault
	}
	env := environment(o.Env)
	l.readFile(o.File, env[fileVar])
	l.readSecrets(env)
	l.readEnv(env)
	l.derive(o.Derive)
	l.validate()
	l.checkOpenTelemetry(env)
	l.require(o.Required)
	l.config.Loaded = l.config.Rows()
	for i, k := range l.keys {
		l.config.Loaded[i].Origin = l.origins[k.path]
	}
	return l
}

// environment maps the variables that have a value.
func environment(environ []string) map[string]string {
	env := map[string]string{}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok && value != "" {
			env[name] = value
		}
	}
	return env
}

func (l *loader) readFile(option, variable string) {
	l.file = option
	where := option
	if l.file == "" && variable != "" {
		l.file, where = variable, fileVar
	}
	if l.file == "" {
		if _, err := os.Stat(DefaultFile); errors.Is(err, fs.ErrNotExist) {
			return
		}
		l.file, where = DefaultFile, DefaultFile
	}
	k := koanf.New(".")
	if err := k.Load(file.Provider(l.file), yaml.Parser()); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			l.fault(where, fmt.Sprintf("the file %s does not exist", l.file))
			return
		}
		l.fault(where, fmt.Sprintf("error reading the file %s: %v", l.file, err))
		return
	}
	known := map[string]key{}
	for _, k := range l.keys {
		known[k.path] = k
	}
	isSection := sections(l.keys)
	values := k.All()
	for _, path := range k.Keys() { // sorted, so that faults have an order
		raw := values[path]
		key, ok := known[path]
		empty, isMap := raw.(map[string]any)
		switch {
		case isSection[path] && (raw == nil || isMap && len(empty) == 0):
			// A section whose keys are all commented out.
		case isSection[path]:
			l.fault(l.inFile(path), "must be a section, not "+kindOf(raw))
		case !ok:
			l.fault(l.inFile(path), "no such key"+l.suggestPath(path))
		case raw != nil: // nil is a key without a value, which is unset
			l.set(key, raw, OriginFile)
		}
	}
}

// fileSuffix ends the name of a variable that names a file which holds a secret.
const fileSuffix = "_FILE"

// readSecrets takes secrets from the files that variables name, in place of variables of
// their own. A list has a value a line.
func (l *loader) readSecrets(env map[string]string) {
	for _, k := range l.keys {
		name := k.env + fileSuffix
		path, named := env[name]
		if k.secret == "" || !named {
			continue
		}
		if env[k.env] != "" {
			l.fault(name, "is set, and so is "+k.env+": leave one of them out")
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			l.fault(name, fmt.Sprintf("error reading the secret: %v", err))
			continue
		}
		env[k.env] = strings.TrimSpace(string(content))
		if k.typ.Kind() == reflect.Slice {
			env[k.env] = strings.Join(strings.Fields(env[k.env]), ",")
		}
		if env[k.env] == "" {
			l.fault(name, fmt.Sprintf("names the file %s, which is empty", path))
		}
	}
}

func (l *loader) readEnv(env map[string]string) {
	known := map[string]bool{fileVar: true}
	for _, k := range l.keys {
		known[k.env] = true
		if k.secret != "" {
			known[k.env+fileSuffix] = true
		}
		if value := env[k.env]; value != "" {
			l.set(k, value, OriginEnv)
		}
	}
	var unknown []string
	for name, value := range env {
		if strings.HasPrefix(name, envPrefix) && !known[name] && !strings.HasPrefix(name, testPrefix) && !isServiceLink(name, value) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		l.fault(name, "no such variable"+l.suggestEnv(name))
	}
}

// isServiceLink recognises the variables that Kubernetes and Docker add for a
// service whose name begins with nof0. Nobody set them, so they are no mistake.
func isServiceLink(name, value string) bool {
	link := regexp.MustCompile(`_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?$`)
	address := regexp.MustCompile(`^(tcp|udp)://`)
	return link.MatchString(name) || strings.HasSuffix(name, "_PORT") && address.MatchString(value)
}

func (l *loader) derive(f func(*Config)) {
	if f == nil {
		return
	}
	before := l.config
	f(&l.config)
	for _, k := range l.keys {
		if render(k.in(&before)) != render(k.in(&l.config)) {
			l.origins[k.path] = OriginDerived
		}
	}
}

func (l *loader) require(required []Requirement) {
	for _, r := range required {
		i := slices.IndexFunc(l.keys, func(k key) bool { return k.path == r.Path })
		if i < 0 {
			l.fault(r.Path, "is required, and there is no such key")
			continue
		}
		if k := l.keys[i]; k.in(&l.config).IsZero() && !l.faulty[k.path] {
			l.fault(k.env, "is not set: "+r.Help)
		}
	}
}

func (l *loader) set(k key, raw any, origin Origin) {
	l.origins[k.path] = origin
	delete(l.faulty, k.path) // a stronger source has its own say
	value, err := decode(raw, k.typ)
	if err != nil {
		l.faultAt(k, err.Error())
		return
	}
	k.in(&l.config).Set(value)
}

// faultAt blames the source that the value of k was taken from.
func (l *loader) faultAt(k key, what string) {
	where := k.env
	if l.origins[k.path] == OriginFile {
		where = l.inFile(k.path)
	}
	l.faulty[k.path] = true
	l.fault(where, what)
}

func (l *loader) fault(where, what string) {
	l.faults = append(l.faults, Fault{Where: where, What: what})
}

func (l *loader) inFile(path string) string { return l.file + ": " + path }
