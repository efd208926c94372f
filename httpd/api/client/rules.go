package client

import (
	"context"
	"net/http"

	"fromcache/httpd/operate"
)

// Rules returns every standing approval, by name.
func (c *Client) Rules(ctx context.Context) ([]operate.Rule, error) {
	var v struct{ Rules []operate.Rule }
	err := c.get(ctx, "allowed", nil, &v)
	return v.Rules, err
}

// AddRule makes a standing approval.
func (c *Client) AddRule(ctx context.Context, name string, lines []string) error {
	type body struct {
		Lines []string `json:"lines,omitempty"`
	}
	return c.actOn(ctx, http.MethodPost, "allowed/", name, "", body{lines})
}

// RemoveRule takes a standing approval back.
func (c *Client) RemoveRule(ctx context.Context, name string) error {
	return c.actOn(ctx, http.MethodDelete, "allowed/", name, "", nil)
}

// TryRules says what rules would have done; none given: those of the server.
func (c *Client) TryRules(ctx context.Context, rules []operate.RuleText) ([]operate.Trial, error) {
	type body struct {
		Rules []operate.RuleText `json:"rules,omitempty"`
	}
	var v struct{ Trials []operate.Trial }
	err := c.act(ctx, http.MethodPost, "allowed", body{rules}, &v)
	return v.Trials, err
}

// SuggestRules proposes standing approvals that would have decided as people did.
func (c *Client) SuggestRules(ctx context.Context) ([]operate.Suggestion, error) {
	var v struct{ Suggestions []operate.Suggestion }
	err := c.get(ctx, "allowed-suggestions", nil, &v)
	return v.Suggestions, err
}
