package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
	"fromcache/httpd/operate"
)

// maxLogs is how many logs are read at once, because each reads every job file.
const maxLogs = 16

// logBeat is how often a log that goes on has a blank line where nothing happens, because proxies
// end an answer that stands still for a minute.
const logBeat = 15 * time.Second

type logging struct {
	Match  string `query:"match" maxLength:"8192" doc:"A glob that the key or the file's name has to match whole, or a URL"`
	Since  string `query:"since" pattern:"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[^ ]+)?$" maxLength:"40" doc:"None from before this time (RFC 3339)" example:"2030-01-31T02:00:00Z"`
	Last   int    `query:"last" minimum:"0" maximum:"1000000" default:"100" doc:"The newest so many; 0: all"`
	All    bool   `query:"all" doc:"Also what workers write for themselves"`
	Prefer string `header:"Prefer" maxLength:"200" doc:"wait=SECONDS lets the answer go on with what comes within so many seconds, 600 at most" example:"wait=30"`
}

type logAnswer struct {
	Type      string `header:"Content-Type"`
	Applied   string `header:"Preference-Applied" doc:"The wait that was granted"`
	Buffering string `header:"X-Accel-Buffering" doc:"no: a proxy should pass each line on"`
	Body      func(huma.Context)
}

func (s *Server) addLog() {
	o := call{
		name: "log", does: "GET /log", about: "Get what happened, from the logs of all jobs, newest last",
		more: "An object a line. With Prefer: wait=SECONDS the answer goes on, line by line, " +
			"and blank lines mean nothing.",
	}.operation(s.api)
	entry := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[fsstore.JournalEntry](), true, "")
	o.Responses["200"] = &huma.Response{
		Description: "An object a line",
		Content:     map[string]*huma.MediaType{"application/x-ndjson": {Schema: entry}},
	}
	o.Errors = append(o.Errors, http.StatusServiceUnavailable)
	registerOperation(s, o, s.getLog)
}

func (s *Server) getLog(ctx context.Context, in *logging) (*logAnswer, error) {
	wait, waits := answer.Wait([]string{in.Prefer}, maxWait)
	w := operate.LogWish{Match: in.Match, Last: in.Last, All: in.All, Follow: waits && wait > 0}
	if in.Since != "" {
		var err error
		if w.Since, err = time.Parse(time.RFC3339, in.Since); err != nil {
			return nil, answer.Refuse(http.StatusBadRequest,
				"since is no time: write it as in 2030-01-31T02:00:00Z")
		}
	}
	out := &logAnswer{Type: "application/x-ndjson", Buffering: "no"}
	if waits {
		out.Applied = answer.WaitApplied(wait)
	}
	select {
	case s.logs <- struct{}{}:
	default:
		return nil, answer.Refuse(http.StatusServiceUnavailable,
			"too many logs are being read: try again in a while")
	}
	out.Body = func(huma.Context) {
		defer func() { <-s.logs }()
		if w.Follow {
			var end context.CancelFunc
			ctx, end = s.until(ctx, wait)
			defer end()
		}
		s.writeLog(ctx, w)
	}
	return out, nil
}

// writeLog answers with the log. An error before the first line is answered as any call's is; later
// the connection is broken off, so that the reader knows that the log is not whole.
func (s *Server) writeLog(ctx context.Context, wish operate.LogWish) {
	w := requestOf(ctx).w
	flush := http.NewResponseController(w).Flush
	lines := json.NewEncoder(w)
	var written time.Time
	err := s.cache(ctx).Log(ctx, wish, func(list []fsstore.JournalEntry) error {
		for i := range list {
			if err := lines.Encode(&list[i]); err != nil {
				return err
			}
		}
		beat := len(list) == 0 && time.Since(written) > logBeat
		if beat && wish.Follow {
			if _, err := w.Write([]byte("\n")); err != nil {
				return err
			}
		}
		if len(list) > 0 || beat {
			written = time.Now()
			return flush()
		}
		return nil
	})
	switch {
	case err == nil, ctx.Err() != nil:
	case !written.IsZero():
		panic(http.ErrAbortHandler)
	case errors.Is(err, path.ErrBadPattern):
		writeProblem(w, http.StatusBadRequest, notGlob)
	default:
		code, text := s.status(err)
		writeProblem(w, code, text)
	}
}
