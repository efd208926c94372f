package api

import (
	"context"

	"fromcache/httpd/operate"
)

type rulesAnswer struct {
	Body struct {
		Rules []operate.Rule `json:"rules" nullable:"false"`
	}
}

type trialsAnswer struct {
	Body struct {
		Trials []operate.Trial `json:"trials" nullable:"false"`
	}
}

type suggestionsAnswer struct {
	Body struct {
		Suggestions []operate.Suggestion `json:"suggestions" nullable:"false"`
	}
}

type addingRule struct {
	Named
	Body struct {
		Lines []string `json:"lines,omitempty" nullable:"true" maxItems:"1000" doc:"As in the file: \"path /cuda/*\", \"budget 500GiB/30d\""`
	}
}

type tryingRules struct {
	Body struct {
		Rules []operate.RuleText `json:"rules,omitempty" nullable:"true" maxItems:"1000" doc:"None: those of allowed/"`
	}
}

func (s *Server) addRules() {
	register(s, call{name: "list-rules", does: "GET /allowed", about: "List the standing approvals, what each has taken, and what is wrong with it"},
		func(ctx context.Context, _ *struct{}) (*rulesAnswer, error) {
			out := &rulesAnswer{}
			var err error
			out.Body.Rules, err = s.cache(ctx).Rules(ctx)
			return out, err
		})
	register(s, call{
		name: "add-rule", does: "POST /allowed/{name}", about: "Approve what is asked for from now on, without a person",
		more: "The name is a host, *.DOMAIN or a key. Without lines it is all of a host. What waits in misses/ is approved, too. " +
			"409 where there is one of that name.",
	}, func(ctx context.Context, in *addingRule) (*struct{}, error) {
		return nil, s.cache(ctx).AddRule(ctx, in.Name, in.Body.Lines)
	})
	register(s, call{name: "remove-rule", does: "DELETE /allowed/{name}", about: "Take a standing approval back"},
		func(ctx context.Context, in *Named) (*struct{}, error) {
			return nil, s.cache(ctx).RemoveRule(ctx, in.Name)
		})
	register(s, call{
		name: "try-rules", does: "POST /allowed", about: "Get what rules would have done with the jobs that are kept",
		more: "It changes nothing, but reads every job, so that it takes a token that may operate.",
	}, func(ctx context.Context, in *tryingRules) (*trialsAnswer, error) {
		out := &trialsAnswer{}
		var err error
		out.Body.Trials, err = s.cache(ctx).TryRules(ctx, in.Body.Rules)
		return out, err
	})
	register(s, call{name: "suggest-rules", does: "GET /allowed-suggestions", about: "Get rules that would have decided as people did"},
		func(ctx context.Context, _ *struct{}) (*suggestionsAnswer, error) {
			if err := mustAct(ctx); err != nil {
				return nil, err
			}
			out := &suggestionsAnswer{}
			var err error
			out.Body.Suggestions, err = s.cache(ctx).SuggestRules(ctx)
			return out, err
		})
}
