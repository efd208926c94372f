package api

import (
	"context"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/httpd/answer"
	"fromcache/httpd/operate"
)

// Named is the path of one miss.
type Named struct {
	Name string `path:"name" minLength:"1" maxLength:"255" pattern:"^[^/\\x00-\\x1f\\x7f]+$" doc:"The name of the file"`
}

type approving struct {
	Named
	Waiting
	Body *struct {
		Sum string `json:"sum,omitempty" nullable:"true" pattern:"^([0-9a-f]{12,64})?$" doc:"The url_sum of the URL to approve; needed where the miss holds several"`
	}
}

type asking struct {
	Named
	Sum string `query:"sum" pattern:"^([0-9a-f]{64})?$" doc:"The url_sum of the URL to ask about; else the newest"`
}

// OriginFacts is what an origin says of a URL when it is asked for its header alone.
type OriginFacts struct {
	Status    int       `json:"status"`
	Size      int64     `json:"size" doc:"-1: it doesn't say"`
	Type      string    `json:"type,omitempty"`
	Modified  time.Time `json:"modified,omitzero"`
	Final     string    `json:"final_url" doc:"That answered, redacted"`
	Redirects int       `json:"redirects"`
}

type originAnswer struct{ Body OriginFacts }

func (s *Server) addMisses() {
	s.addList("misses", "GET /misses", fsstore.Misses, "List what clients asked for and nobody has approved, by name")
	s.addGet("miss", "GET /misses/{name}", fsstore.Misses, "Get one miss, with its log")
	register(s, call{name: "approve-miss", does: "POST /misses/{name}/approve", about: "Let a miss be fetched", queues: true},
		func(ctx context.Context, in *approving) (*jobAnswer, error) {
			m := fsstore.Shown{Name: in.Name}
			if in.Body != nil {
				m.Sum = in.Body.Sum
			}
			if err := s.cache(ctx).Approve(ctx, m); err != nil {
				return nil, err
			}
			s.log.Info("approved", "name", in.Name, "by", requestOf(ctx).by.Addr)
			return s.followQueued(ctx, in.Name+".job", in.Waiting)
		})
	register(s, call{name: "dismiss-miss", does: "DELETE /misses/{name}", about: "Forget a miss; the next client that asks records it again"},
		func(ctx context.Context, in *Named) (*struct{}, error) {
			return nil, s.cache(ctx).Dismiss(ctx, fsstore.Misses, in.Name)
		})
	register(s, call{
		name: "ask-origin", does: "GET /misses/{name}/origin", fails: []int{502, 503},
		about: "Ask the origin of a miss for the header of its URL",
		more:  "The cache-host asks, with its credentials, within 20 s. Only an operator may have it go out.",
	}, s.askOrigin)
}

// askPatience is how long an origin may take: an operator waits for it.
const askPatience = 20 * time.Second

func (s *Server) askOrigin(ctx context.Context, in *asking) (*originAnswer, error) {
	if err := mustAct(ctx); err != nil {
		return nil, err
	}
	j, err := s.store.JobFile(fsstore.Misses, in.Name)
	if err != nil {
		return nil, err
	}
	if s.opt.Head == nil || j.Job.URL == "" {
		return nil, answer.Refuse(503, "this server has no way to ask, or the miss holds no URL")
	}
	ctx, end := context.WithTimeout(ctx, askPatience)
	defer end()
	facts, err := s.opt.Head(ctx, urlWith(&j.Job, in.Sum), j.Job.UserAgent())
	if err != nil {
		return nil, answer.Refuse(502, "the origin: "+key.RedactText(err.Error()))
	}
	facts.Final, facts.Type = key.Redact(facts.Final), key.RedactText(facts.Type)
	return &originAnswer{facts}, nil
}

// urlWith returns the URL of a miss that has this sum, or the newest.
func urlWith(j *job.Job, sum string) string {
	for _, v := range j.Variants() {
		if sum != "" && v.Sum() == sum {
			return v.URL
		}
	}
	return j.FetchURL()
}

type jobsAnswer struct {
	Link string `header:"Link" doc:"Where the next page is"`
	Body operate.JobList
}

type oneJob struct{ Body operate.Job }

// addList adds the list of a directory that has a resource of its own.
func (s *Server) addList(name, does string, st fsstore.State, about string) {
	register(s, call{name: "list-" + name, does: does, about: about},
		func(ctx context.Context, in *Listed) (*jobsAnswer, error) { return s.list(ctx, st, in, "/"+string(st)) })
}

func (s *Server) addGet(name, does string, st fsstore.State, about string) {
	register(s, call{name: "get-" + name, does: does, about: about},
		func(ctx context.Context, in *Named) (*oneJob, error) {
			j, err := s.cache(ctx).Job(ctx, st, in.Name)
			return &oneJob{j}, err
		})
}

func (s *Server) list(ctx context.Context, st fsstore.State, in *Listed, at string) (*jobsAnswer, error) {
	p, err := in.page()
	if err != nil {
		return nil, err
	}
	list, err := s.cache(ctx).Jobs(ctx, st, p)
	out := &jobsAnswer{Body: list}
	out.Body.Next, out.Link = in.next(ctx, list.Next, at)
	return out, err
}
