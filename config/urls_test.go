package config_test

import (
	"strings"
	"testing"

	"nof0/config"
)

func TestURLs(t *testing.T) {
	t.Parallel()
	for _, variable := range []struct {
		name      string
		good, bad []string
	}{
		{
			name: "DATABASE_URL",
			good: []string{
				"postgres://u:p@h:5432/d?sslmode=disable", "postgresql://h/d", "postgres://h1:1,h2:2/d", "postgres://[::1]:5432/d", "postgres://[::1]/d",
				"postgres:///d?host=/run/postgresql", "host=h password='a b' dbname=d", "postgres://u:p%40ss@h/d",
			},
			bad: []string{
				"nonsense", "redis://h", "http://h", "postgres:///d", "postgres://h:port/d", "postgres://h:70000/d", "postgres://h1,,h2/d", "postgres://u:pa/ss@h/d",
			},
		},
		{
			name: "REDIS_URL",
			good: []string{
				"redis://h", "redis://h:1/2", "rediss://u:p@h:1", "redis://h:1?addr=h2:1", "redis://a:1,b:1", "unix:///run/redis.sock?db=1",
				"redis://a:1,b:1/2?master_name=m&username=u&password=p", "rediss://a:1?master_name=m",
			},
			bad: []string{
				"h:6379", "postgres://h/d", "redis://", "redis://h:x", "redis:///0", "unix://", "redis://h:1/x", "redis://a:1,b:1/3", "redis://h:1?nonsense=1",
				"redis://a:1?master_name=", "redis://a:1/x?master_name=m", "unix:///run/redis.sock?master_name=m", "redis-sentinel://a:1/m",
			},
		},
	} {
		for _, value := range variable.good {
			if _, err := config.Load(config.Options{Env: []string{variable.name + "=" + value}}); err != nil {
				t.Errorf("%s: %v", value, err)
			}
		}
		for _, value := range variable.bad {
			if _, err := config.Load(config.Options{Env: []string{variable.name + "=" + value}}); err == nil || !strings.Contains(err.Error(), variable.name+": ") {
				t.Errorf("%s is taken: %v", value, err)
			}
		}
	}
}

func TestMaskURL(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"postgres://u:secret@h:5432/d?sslmode=disable": "postgres://u:***@h:5432/d?sslmode=disable",
		"postgres://u@h/d":                          "postgres://u@h/d",
		"postgres://h/d":                            "postgres://h/d",
		"redis://:secret@h:6379/0":                  "redis://:***@h:6379/0",
		"postgres://u:se:cr@et@h/d":                 "postgres://u:***@h/d",
		"postgres://u:se/cr#et@h/d":                 "postgres://u:***@h/d",
		"postgres://u:se?cret@h/d":                  "postgres://***",
		"postgres://u:secret@h1:1,h2:2/d":           "postgres://u:***@h1:1,h2:2/d",
		"postgres://h/d?user=u&password=secret&a=b": "postgres://h/d?user=u&password=***&a=b",
		"postgres://h/d?sslpassword=secret":         "postgres://h/d?sslpassword=***",
		"postgres://h/d?PassWord=secret":            "postgres://h/d?PassWord=***",
		"postgres://h/d?pass%77ord=secret":          "postgres://h/d?pass%77ord=***",
		"postgres://h/d?a=b;password=secret":        "postgres://***",
		"host=h user=u password=secret dbname=d":    "host=h user=u password=*** dbname=d",
		`host=h password='se\' cret' dbname=d`:      `host=h password=*** dbname=d`,
		`host=h password = se\ cret dbname=d`:       `host=h password = *** dbname=d`,
		"host=h password='secret":                   "host=h password=***",
		"host=h password=secret with blanks":        "***",
		"secret":                                    "***",
		"":                                          "",
	} {
		if got := config.MaskURL(value); got != want {
			t.Errorf("%s: got %s, want %s", value, got, want)
		}
	}
}

func TestPrintMasksSecrets(t *testing.T) {
	t.Parallel()
	rows, err := config.Print(config.Options{Env: []string{
		"DATABASE_URL=postgres://u:hunter2@h/d",
		"NOF0_MIGRATE_DATABASE_URL=host=h password=hunter2",
		"REDIS_URL=redis://:hunter2@h",
		"NOF0_INGEST_TOKEN=hunter2hunter2hunter2",
		"NOF0_ADMIN_TOKEN=hunter2hunter2hunter2",
		"NOF0_HTTP_ADDR=:1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	byKey := map[string]config.Row{}
	for _, row := range rows {
		byKey[row.Key] = row
		if strings.Contains(row.Value, "hunter2") {
			t.Errorf("%s leaks: %s", row.Key, row.Value)
		}
	}
	for _, want := range []config.Row{
		{Key: "database_url", Env: "DATABASE_URL", Value: "postgres://u:***@h/d", Origin: config.OriginEnv},
		{Key: "ingest_token", Env: "NOF0_INGEST_TOKEN", Value: "***", Origin: config.OriginEnv},
		{Key: "http.addr", Env: "NOF0_HTTP_ADDR", Value: ":1", Origin: config.OriginEnv},
		{Key: "http.idle_timeout", Env: "NOF0_HTTP_IDLE_TIMEOUT", Value: "2m0s", Origin: config.OriginDefault},
		{Key: "json_dir", Env: "NOF0_JSON_DIR", Value: "", Origin: config.OriginDefault},
	} {
		if byKey[want.Key] != want {
			t.Errorf("got %+v, want %+v", byKey[want.Key], want)
		}
	}
}

func TestPrintShowsRowsBesideFaults(t *testing.T) {
	t.Parallel()
	rows, err := config.Print(config.Options{Env: []string{"NOF0_LOG_LEVEL=loud"}})
	if err == nil || len(rows) == 0 {
		t.Errorf("got %d rows, %v", len(rows), err)
	}
}
