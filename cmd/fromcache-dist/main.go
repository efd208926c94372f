// Fromcache-dist does those steps of make dist for which there is no tool: it writes versions as
// each kind of package wants them, and makes wheels. Run it with make dist.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

const usage = `usage: fromcache-dist version deb|apk|python VERSION
       fromcache-dist wheel VERSION SYSTEM PROCESSOR DIR TO

VERSION is what git describe says: v1.2.3, or v1.2.3-4-g0123abc of the fourth commit after it.
wheel packs the programs in DIR, which were built for SYSTEM and PROCESSOR (linux or darwin, amd64
or arm64), into a wheel in the directory TO, and prints its name. Its files are of the time that
SOURCE_DATE_EPOCH says, in seconds since 1970.
`

func main() {
	err := run(os.Args[1:], os.Stdout)
	if errors.Is(err, errUsage) {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fromcache-dist:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("the call can't be understood")

func run(args []string, stdout io.Writer) error {
	switch {
	case len(args) == 3 && args[0] == "version":
		return printVersion(args[1], args[2], stdout)
	case len(args) == 6 && args[0] == "wheel":
		v, err := parseVersion(args[1])
		if err != nil {
			return err
		}
		made, err := sourceDate()
		if err != nil {
			return err
		}
		name, err := writeWheel(wheel{v.python(), args[2], args[3], made}, args[4], args[5])
		if err == nil {
			_, err = fmt.Fprintln(stdout, name)
		}
		return err
	}
	return errUsage
}

func printVersion(form, described string, stdout io.Writer) error {
	v, err := parseVersion(described)
	if err != nil {
		return err
	}
	forms := map[string]func() string{"deb": v.deb, "apk": v.apk, "python": v.python}
	write := forms[form]
	if write == nil {
		return errUsage
	}
	_, err = fmt.Fprintln(stdout, write())
	return err
}

// sourceDate returns the time that SOURCE_DATE_EPOCH says. It has no default, because a wheel that
// holds the time of its making would be another one each time.
func sourceDate() (time.Time, error) {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is no number of seconds: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
