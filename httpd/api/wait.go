package api

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"time"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
	"fromcache/httpd/operate"
)

// maxWait is how long a client can have an answer wait.
const maxWait = 10 * time.Minute

// Waiting is the header field by which a client waits for the end of a job (RFC 7240).
type Waiting struct {
	Prefer string `header:"Prefer" maxLength:"200" doc:"wait=SECONDS answers once the job has ended, or as it is after so many seconds, 600 at most" example:"wait=30"`
}

// jobAnswer is a job, and 200 where it has ended, else 202.
type jobAnswer struct {
	Status  int
	Applied string `header:"Preference-Applied" doc:"The wait that was granted"`
	Body    operate.Job
}

// follow answers with the job that a name in queue/ led to, once it has ended or the client's wait
// is over.
func (s *Server) follow(ctx context.Context, name string, w Waiting) (*jobAnswer, error) {
	cache := s.cache(ctx)
	wait, waits := answer.Wait([]string{w.Prefer}, maxWait)
	out := &jobAnswer{}
	var err error
	if waits {
		out.Applied = answer.WaitApplied(wait)
		var end context.CancelFunc
		ctx, end = s.until(ctx, wait)
		defer end()
		out.Body, err = cache.Await(ctx, name)
	} else {
		out.Body, err = cache.Now(ctx, name)
	}
	out.Status = http.StatusOK
	if st := out.Body.State; st == fsstore.Queue || st == fsstore.Active {
		out.Status = http.StatusAccepted
	}
	return out, err
}

// followQueued is follow for a job that this call queued. One that is found no more has moved on
// under another name, or was removed: it is answered as it was queued, because the call succeeded.
func (s *Server) followQueued(ctx context.Context, name string, w Waiting) (*jobAnswer, error) {
	out, err := s.follow(ctx, name, w)
	if errors.Is(err, fs.ErrNotExist) {
		out.Status, err = http.StatusAccepted, nil
		out.Body = operate.Job{State: fsstore.Queue, Name: name}
	}
	return out, err
}

// until is ctx until the wait is over or the server stops. The deadline for the body, which has
// come, is lifted, because it would end the request's context.
func (s *Server) until(ctx context.Context, wait time.Duration) (context.Context, context.CancelFunc) {
	http.NewResponseController(requestOf(ctx).w).SetReadDeadline(time.Time{}) //nolint:errcheck // then the wait is shorter
	ctx, end := context.WithTimeout(ctx, wait)
	go func() {
		select {
		case <-s.stopped:
			end()
		case <-ctx.Done():
		}
	}()
	return ctx, end
}
