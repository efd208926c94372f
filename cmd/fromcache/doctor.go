package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"fromcache/fsstore/fitness"
)

func doctorCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say whether the data directory's file system is fit for one host or several",
		Long: `Say whether the file system of the data directory is fit for it: for several hosts, for one, or not
at all, and why. It tries locks, renames, modes and sizes with files that it makes there and removes
again. The directory may be any that exists and can be written to: --data-dir /mnt/new. The exit
status is 1 when it is not fit. A server says the same in its log at the start, and does not start where
the file system is not fit.`,
		Args: operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			r, err := testDirectory(a.store.dir)
			if err != nil {
				return fmt.Errorf("%s could not be tested: %w", a.store.dir, err)
			}
			if err := printFitness(a.stdout, a.store.dir, r); err != nil || r.Fit != fitness.ForNone {
				return err
			}
			return errReported
		},
	}
}

// testDirectory tests the file system of a data directory, or of one that is to become one.
func testDirectory(dir string) (fitness.Report, error) {
	if tmp, err := os.Stat(dir + "/tmp"); err == nil && tmp.IsDir() {
		dir += "/tmp"
	}
	return fitness.Test(dir)
}

func printFitness(w io.Writer, dir string, r fitness.Report) error {
	on := ""
	if r.FileSystem != "" {
		on = " on " + r.FileSystem
	}
	_, err := fmt.Fprintf(w, "%s%s: %s\n", printable(dir), printable(on), r.Fit)
	for _, why := range r.Why {
		fmt.Fprintf(w, "- %s\n", why)
	}
	return err
}

// refuseUnfit returns an error for a data directory whose file system would break what the server
// promises. What can't be tested, on a full disk for instance, is left to the server's health.
func refuseUnfit(dir string, log *slog.Logger) error {
	r, err := testDirectory(dir)
	if err != nil {
		log.Debug("the file system could not be tested", "error", err)
		return nil
	}
	if r.Fit == fitness.ForNone {
		return fmt.Errorf("%s is on a file system (%s) that is not fit for a data directory: %s", dir, r.FileSystem,
			strings.Join(r.Why, " "))
	}
	log.Info("the data directory is "+r.Fit.String(), "file_system", r.FileSystem)
	return nil
}
