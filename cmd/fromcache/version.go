package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker: make passes what git describe says.
var version string

func (a *app) version(*flag.FlagSet) func(context.Context, []string) error {
	return func(context.Context, []string) error {
		_, err := fmt.Fprintf(a.stdout, "fromcache %s %s %s/%s\n", versionName(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	}
}

func versionName() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "unversioned"
}
