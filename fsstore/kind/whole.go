package kind

import "fmt"

// NotWhole says that fewer or more bytes came than were to come.
type NotWhole struct {
	Have, Size int64 // bytes; Size is -1 where it was not known
	Err        error // of the reader; nil: it ended
}

func (e *NotWhole) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("it broke off after %d bytes: %v", e.Have, e.Err)
	}
	return fmt.Sprintf("it has %d bytes, and %d were to come", e.Have, e.Size)
}

func (e *NotWhole) Unwrap() error { return e.Err }

// WrongDigest says that all bytes came, but not those that were asked for.
type WrongDigest struct{ Got, Want string }

func (e *WrongDigest) Error() string {
	return fmt.Sprintf("sha256 is %s, and %s was asked for", e.Got, e.Want)
}
