package config

import (
	"reflect"
	"strings"
)

// key is one leaf of Config.
type key struct {
	path   string // as in the YAML: http.addr
	env    string // as in the environment: NOF0_HTTP_ADDR
	secret string // how to mask it: "", "url" or "all"
	index  []int  // of the field in Config
	typ    reflect.Type
}

const envPrefix = "NOF0_"

// keys lists every leaf of Config in the order of its declaration.
func keys() []key { return keysOf(reflect.TypeFor[Config](), "", nil) }

func keysOf(t reflect.Type, prefix string, index []int) []key {
	var all []key
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Tag.Get("koanf") == "-" {
			continue
		}
		path := prefix + field.Tag.Get("koanf")
		at := append(append([]int(nil), index...), i)
		if field.Type.Kind() == reflect.Struct {
			all = append(all, keysOf(field.Type, path+".", at)...)
			continue
		}
		env := field.Tag.Get("env")
		if env == "" {
			env = envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
		}
		all = append(all, key{path: path, env: env, secret: field.Tag.Get("secret"), index: at, typ: field.Type})
	}
	return all
}

// sections lists the paths that hold keys and are none themselves.
func sections(all []key) map[string]bool {
	found := map[string]bool{}
	for _, k := range all {
		if section, _, ok := strings.Cut(k.path, "."); ok {
			found[section] = true
		}
	}
	return found
}

func (k key) in(c *Config) reflect.Value { return reflect.ValueOf(c).Elem().FieldByIndex(k.index) }
