package main

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
)

const defaultTokenAge = expiry(90 * 24 * time.Hour)

// expiry is a span, or never, which is 0.
type expiry time.Duration

func (e *expiry) Type() string { return "span" }

func (e *expiry) Set(v string) error {
	if v == "never" {
		*e = 0
		return nil
	}
	return (*span)(e).Set(v)
}

func (e *expiry) String() string {
	if *e == 0 {
		return "never"
	}
	return (*span)(e).String()
}

// at is when a token made now ends; zero is never.
func (e expiry) at(now time.Time) time.Time {
	if e == 0 {
		return time.Time{}
	}
	return now.Add(time.Duration(e))
}

func tokenCommand(a *app) *cobra.Command {
	role, expires := string(fsstore.RoleRead), defaultTokenAge
	c := &cobra.Command{
		Use:   "token add NAME | ls | rm NAME...",
		Short: "Make, list or revoke tokens, by which programs use the API",
		Long: `Make, list or revoke tokens, by which programs use the API.

add makes the token NAME, which is what the logs of jobs will say, and prints it. It is shown this
once: the file tokens/NAME holds its SHA-256. A server that runs takes it at once.
ls lists the tokens, and which have expired. rm revokes: the next request with that token is
refused; rm tokens/NAME does the same. fromcache help api says how a program uses one.`,
		Args:              operands(1, -1),
		ValidArgsFunction: a.completeToken,
		RunE: func(_ *cobra.Command, args []string) error {
			switch verb, names := args[0], args[1:]; {
			case verb == "add" && len(names) == 1:
				return a.addToken(names[0], fsstore.Role(role), expires)
			case verb == "ls" && len(names) == 0:
				return a.listTokens()
			case verb == "rm" && len(names) > 0:
				return a.removeTokens(names)
			case (verb == "add" || verb == "rm") && len(names) == 0:
				return usagef("token %s needs a NAME", verb)
			}
			return usagef("token does not know what to do with %q: give add NAME, ls, or rm NAME...", strings.Join(args, " "))
		},
	}
	c.Flags().StringVar(&role, "role", role, "of add: `ROLE` is read, or operate, which may do what the pages' buttons do")
	c.Flags().Var(&expires, "expires", "of add: end it after this `SPAN`, as in 36h or 90d, or never")
	must(c.RegisterFlagCompletionFunc("role", completeWords("read", "operate")))
	return c
}

func (a *app) completeToken(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	switch {
	case len(args) == 0:
		return []string{"add", "ls", "rm"}, cobra.ShellCompDirectiveNoFileComp
	case args[0] == "rm":
		return a.complete("tokens")(c, args, begun)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) addToken(name string, role fsstore.Role, expires expiry) error {
	if role != fsstore.RoleRead && role != fsstore.RoleOperate {
		return usagef("--role %q: give read or operate", string(role))
	}
	s, err := a.openStore(fsstore.Options{})
	if err != nil {
		return err
	}
	by := a.operator()
	bearer, err := s.AddToken(name, role, expires.at(time.Now()), by.Via+" "+by.Addr)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.stdout, bearer)
	return err
}

func (a *app) listTokens() error {
	s, err := a.openStore(fsstore.Options{})
	if err != nil {
		return err
	}
	list, err := s.ListTokens()
	if err != nil {
		return err
	}
	w := columns(a.stdout)
	fmt.Fprintln(w, "NAME\tROLE\tEXPIRES\tMADE\tBY")
	for i := range list {
		t := &list[i]
		if t.Flaw != "" {
			fmt.Fprintf(w, "%s\tnone\t-\t-\tno token: %s\n", printable(t.Name), printable(t.Flaw))
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.Name, t.Role, endOf(t), when(t.Made), printable(t.By))
	}
	return w.Flush()
}

func endOf(t *fsstore.Token) string {
	switch {
	case t.Expires.IsZero():
		return "never"
	case t.HasExpired():
		return when(t.Expires) + ", over"
	}
	return when(t.Expires)
}

// removeTokens revokes each token. One that fails does not keep the rest from being revoked.
func (a *app) removeTokens(names []string) error {
	s, err := writable(a.openStore(fsstore.Options{}))
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range names {
		name = path.Base(name)
		if err := s.RemoveToken(name); err != nil {
			failed = append(failed, err)
		} else {
			fmt.Fprintf(a.stdout, "revoked %s\n", printable(name))
		}
	}
	return a.reportAll(failed)
}
