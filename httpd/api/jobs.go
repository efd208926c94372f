package api

import (
	"context"

	"fromcache/fsstore"
	"fromcache/httpd/operate"
)

// anyState is the state of a job wherever it is.
const anyState = "any"

type InState struct {
	State fsstore.State `path:"state" enum:"misses,queue,active,done,failed,cancelled,denied" doc:"The directory"`
}

type listedIn struct {
	InState
	Listed
}

// AnyJob is the path of a job whose directory need not be known.
type AnyJob struct {
	State fsstore.State `path:"state" enum:"misses,queue,active,done,failed,cancelled,denied,any" doc:"The directory, or any: wherever the job is"`
	Named
}

// dir is the directory as the store takes it.
func (j AnyJob) dir() fsstore.State {
	if j.State == anyState {
		return ""
	}
	return j.State
}

type getting struct {
	AnyJob
	Waiting
}

type adding struct {
	Waiting
	Body operate.Addition
}

type retrying struct {
	AnyJob
	Waiting
	Body *struct {
		URL    string   `json:"url,omitempty" nullable:"true" maxLength:"8192" doc:"Another URL of the same artifact, as one with a new signature"`
		SHA256 string   `json:"sha256,omitempty" nullable:"true" pattern:"^([0-9A-Fa-f]{64})?$" doc:"The digest that the bytes must have"`
		Accept []string `json:"accept,omitempty" nullable:"true" maxItems:"4" enum:"any,text/html,http,private" doc:"What to allow from now on"`
	}
}

type cleared struct {
	Body struct {
		Removed int `json:"removed" doc:"How many jobs there were"`
	}
}

func (s *Server) addJobs() {
	register(s, call{name: "list-jobs", does: "GET /jobs/{state}", about: "List the jobs of one directory, by name"},
		func(ctx context.Context, in *listedIn) (*jobsAnswer, error) {
			return s.list(ctx, in.State, &in.Listed, "/jobs/"+string(in.State))
		})
	register(s, call{
		name: "get-job", does: "GET /jobs/{state}/{name}", about: "Get one job, with its log",
		more: "With any as the state the job is found wherever it is by now, by its key or its name in queue/, and can be waited for.",
	}, s.getJob)
	register(s, call{
		name: "add-job", does: "POST /jobs", about: "Queue a URL that nobody need have asked for", queues: true,
		more: "What is held already is asked for again, and fetched where the origin has another version.",
	}, s.addJob)
	register(s, call{name: "cancel-job", does: "POST /jobs/{state}/{name}/cancel", about: "Stop a job that waits or is being fetched"},
		func(ctx context.Context, in *AnyJob) (*struct{}, error) {
			return nil, s.cache(ctx).Cancel(ctx, in.Name)
		})
	register(s, call{
		name: "retry-job", does: "POST /jobs/{state}/{name}/retry", queues: true,
		about: "Queue a failed or cancelled job again; of a job that is done, fetch its artifact again",
	}, s.retryJob)
	register(s, call{name: "dismiss-job", does: "DELETE /jobs/{state}/{name}", about: "Forget a failed or cancelled job"},
		func(ctx context.Context, in *AnyJob) (*struct{}, error) {
			return nil, s.cache(ctx).Dismiss(ctx, in.dir(), in.Name)
		})
	register(s, call{name: "clear-jobs", does: "DELETE /jobs", about: "Forget every job in done/ and cancelled/"},
		func(ctx context.Context, _ *struct{}) (*cleared, error) {
			out := &cleared{}
			var err error
			out.Body.Removed, err = s.cache(ctx).Clear(ctx)
			return out, err
		})
}

func (s *Server) getJob(ctx context.Context, in *getting) (*jobAnswer, error) {
	if in.State == anyState {
		out, err := s.follow(ctx, in.Name, in.Waiting)
		out.Status = 200
		return out, err
	}
	j, err := s.cache(ctx).Job(ctx, in.State, in.Name)
	return &jobAnswer{Status: 200, Body: j}, err
}

func (s *Server) addJob(ctx context.Context, in *adding) (*jobAnswer, error) {
	name, err := s.cache(ctx).Add(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	s.log.Info("queued", "name", name, "by", requestOf(ctx).by.Addr)
	return s.followQueued(ctx, name, in.Waiting)
}

func (s *Server) retryJob(ctx context.Context, in *retrying) (*jobAnswer, error) {
	var more operate.Addition
	if in.Body != nil {
		more = operate.Addition{URL: in.Body.URL, SHA256: in.Body.SHA256, Accept: in.Body.Accept}
	}
	if err := s.cache(ctx).Retry(ctx, in.dir(), in.Name, more); err != nil {
		return nil, err
	}
	return s.followQueued(ctx, in.Name, in.Waiting)
}
