package main

import (
	"strings"

	"github.com/spf13/pflag"
)

// variableOf is the environment variable of a flag of serve: FROMCACHE_MIN_FREE of --min-free.
func variableOf(flag string) string {
	return "FROMCACHE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// setFromVariables gives each flag that the command line does not name the value of its variable,
// where that is set and not blank.
func setFromVariables(flags *pflag.FlagSet, getenv func(string) string) (err error) {
	flags.VisitAll(func(f *pflag.Flag) {
		name := variableOf(f.Name)
		value := strings.TrimSpace(getenv(name))
		if f.Changed || value == "" || err != nil || isLink(f.Name, value) {
			return
		}
		if wrong := flags.Set(f.Name, value); wrong != nil {
			err = usagef("%s=%q: it has the value of --%s: %s", name, value, f.Name, reason(wrong))
		}
	})
	return err
}

// isLink reports whether a value is what Kubernetes puts into FROMCACHE_PORT where a Service is
// called fromcache.
func isLink(flag, value string) bool { return flag == "port" && strings.HasPrefix(value, "tcp://") }

// reason is what pflag's error says behind its own words.
func reason(err error) string {
	text := err.Error()
	if _, why, ok := strings.Cut(text, " flag: "); ok {
		return why
	}
	return text
}
