package httpd

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// control is a button of a page that posts a form.
type control struct {
	form        *formOf
	to, query   string // address
	label       string
	name, value string
	class       string
	lines       int // how many lists of shell lines come before it
}

// formOf is what a browser knows of a form.
type formOf struct {
	id, action string
	post       bool
	fields     url.Values // what stands in it unasked
	boxes      []string   // values of its checkboxes named key
	texts      []string   // names of what a person may fill
}

// sends is the body of a press.
func (c *control) sends(filled url.Values) url.Values {
	v := maps.Clone(c.form.fields)
	maps.Copy(v, filled)
	if c.name != "" {
		v.Set(c.name, c.value)
	}
	return v
}

// controlsOf reads a page as a browser does: all buttons, with the form that
// each belongs to, in their order.
func controlsOf(t testing.TB, body string) (list []*control) {
	d := xml.NewDecoder(strings.NewReader(body))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	byID, around := map[string]*formOf{}, (*formOf)(nil)
	form := func(a map[string]string) *formOf {
		id, ok := a["form"]
		switch {
		case !ok:
			return around
		case byID[id] == nil:
			byID[id] = &formOf{id: id, fields: url.Values{}}
		}
		return byID[id]
	}
	var in *control
	root := &url.URL{}
	resolved := func(to string) string { // "" is no address
		u, err := root.Parse(to)
		if err != nil || to == "" {
			return ""
		}
		return u.String()
	}
	lines := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		switch e := token.(type) {
		case xml.StartElement:
			a := attributes(e)
			switch e.Name.Local {
			case "base":
				root, _ = url.Parse(a["href"])
			case "form":
				around = form(map[string]string{"form": a["id"] + a["action"]})
				if a["id"] != "" {
					around = form(map[string]string{"form": a["id"]})
				}
				around.action, around.post = resolved(a["action"]), a["method"] == "post"
			case "details":
				if a["class"] == "sh" {
					lines++
				}
			case "input", "textarea", "select":
				if f := form(a); f != nil {
					f.field(e.Name.Local, a)
				}
			case "button":
				if a["type"] != "button" {
					to, query, _ := strings.Cut(resolved(a["formaction"]), "?")
					in = &control{form: form(a), to: to, query: query, name: a["name"], value: a["value"], class: a["class"], lines: lines}
					list = append(list, in)
				}
			}
		case xml.CharData:
			if in != nil {
				in.label += string(e)
			}
		case xml.EndElement:
			switch e.Name.Local {
			case "form":
				around = nil
			case "button":
				in = nil
			}
		}
	}
}

func attributes(e xml.StartElement) map[string]string {
	a := map[string]string{}
	for _, attr := range e.Attr {
		a[attr.Name.Local] = attr.Value
	}
	return a
}

func (f *formOf) field(kind string, a map[string]string) {
	switch {
	case a["name"] == "":
	case a["type"] == "hidden":
		f.fields.Add(a["name"], a["value"])
	case a["type"] == "checkbox" && a["name"] == "key":
		f.boxes = append(f.boxes, a["value"])
	case a["type"] != "checkbox" && !slices.Contains(f.texts, a["name"]):
		f.texts = append(f.texts, a["name"])
	}
}
