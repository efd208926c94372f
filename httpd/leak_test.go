package httpd

import (
	"net/http"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when a goroutine outlives the tests: a stream's, a view's, a
// connection's.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(idle{m})
}

// idle ends the connections that the tests' own clients keep.
type idle struct{ goleak.TestingM }

func (m idle) Run() int {
	code := m.TestingM.Run()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	return code
}
