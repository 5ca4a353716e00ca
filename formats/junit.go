package formats

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vetoci/veto/engine"
)

// Limits of what the readers of JUnit show or keep. Bytes.
const (
	junitText = 50_000 // one element's text: Jenkins keeps 2 × 50,000 characters, GitLab 30 MB a file
	junitLine = 2_000  // an attribute: Bitbucket shows 2,000 characters a field
)

// The document satisfies both the Ant schema (no attributes on testsuites; package, id, timestamp, hostname, properties, system-out and
// system-err on every suite) and the stricter lists of attributes of Jenkins' xUnit plugin (no file, no line).
type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Package    string          `xml:"package,attr"`
	ID         int             `xml:"id,attr"`
	Hostname   string          `xml:"hostname,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Time       string          `xml:"time,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
	Out        string          `xml:"system-out"`
	Err        string          `xml:"system-err"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Skipped *junitSkipped `xml:"skipped"`
	Error   *junitFault   `xml:"error"`
	Failure *junitFault   `xml:"failure"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

type junitFault struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// writeJUnit writes one suite per report and one case per rule. A case's name and class are the rule's title and package, which stay
// the same from run to run: CI systems recognise a failure by them. What warns passes, and says so in the suite's system-out.
func writeJUnit(w io.Writer, r *engine.Run) error {
	doc := junitSuites{}
	for i := range r.Reports {
		doc.Suites = append(doc.Suites, suite(newView(&r.Reports[i]), i))
	}
	if v := runVerdict(r); len(r.Reports) == 0 || v != engine.Pass && !faulty(doc.Suites) {
		// Whatever the reports say, a run that does not pass must not look like one that does.
		s := emptySuite(len(doc.Suites), "veto", "")
		s.Cases = []junitCase{{Name: "veto reached a verdict", Class: "veto", Time: "0", Error: fault("the run is "+string(v), string(v), []string{"no rule says why"})}}
		s.Tests, s.Errors = 1, 1
		doc.Suites = append(doc.Suites, s)
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	e.Indent("", "  ")
	if err := e.Encode(doc); err != nil {
		return fmt.Errorf("writing junit: %w", err)
	}
	b.WriteByte('\n')
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing junit: %w", err)
	}
	return nil
}

func faulty(suites []junitSuite) bool {
	for _, s := range suites {
		if s.Failures+s.Errors > 0 {
			return true
		}
	}
	return false
}

func emptySuite(id int, name, now string) junitSuite {
	at, err := time.Parse(time.RFC3339, now)
	if err != nil {
		at = time.Unix(0, 0) // the schema wants a time; a run that was not dated gets one that nobody takes for real
	}
	return junitSuite{Name: name, Package: "veto", ID: id, Hostname: "localhost", Timestamp: at.UTC().Format("2006-01-02T15:04:05"), Time: "0",
		Properties: []junitProperty{{"format", "1"}}}
}

func suite(v *view, id int) junitSuite {
	name := v.name()
	if p := v.platform(); p != "" {
		name += " " + p
	}
	s := emptySuite(id, token(name), v.Now)
	s.Properties = []junitProperty{{"verdict", string(v.verdict())}, {"image", cutBytes(v.name(), junitLine)}, {"digest", Escape(string(v.Image.Digest))}, {"platform", v.platform()}}
	var out []string
	seen := map[string]int{}
	for i := range v.Decision.Rules {
		r := &v.Decision.Rules[i]
		c := junitRule(v, r)
		if seen[c.Class+" "+c.Name]++; seen[c.Class+" "+c.Name] > 1 {
			c.Name = token(c.Name + " (" + Escape(r.ID) + ")") // two rules of one title must not become one case
		}
		s.Cases = append(s.Cases, c)
		if r.Status == engine.StatusWarn || r.Status == engine.StatusInfo {
			out = append(out, string(r.Status)+" "+Escape(r.ID)+": "+Escape(title(r)))
			for _, l := range v.lines(r) {
				out = append(out, "  "+l)
			}
		}
	}
	for i, e := range v.Errors {
		c := junitCase{Name: "veto reached a verdict", Class: "veto", Time: "0", Error: fault(Escape(e.What), "undecided", hints(e))}
		if i > 0 {
			c.Name += fmt.Sprintf(" (%d)", i+1)
		}
		s.Cases = append(s.Cases, c)
	}
	s.count()
	if v.verdict() != engine.Pass && s.Failures+s.Errors == 0 || len(s.Cases) == 0 {
		what := "the verdict is " + string(v.verdict())
		s.Cases = append(s.Cases, junitCase{Name: "veto reached a verdict", Class: "veto", Time: "0", Error: fault(what, string(v.verdict()), []string{"no rule says why"})})
		s.count()
	}
	for _, w := range v.Decision.Weakened {
		out = append(out, "weakened "+relaxation(w))
	}
	s.Out = cutBytes(strings.Join(out, "\n"), junitText)
	return s
}

func hints(e engine.Problem) []string {
	if e.Hint == "" {
		return nil
	}
	return []string{"hint: " + Escape(string(e.Hint))}
}

func (s *junitSuite) count() {
	s.Tests, s.Failures, s.Errors, s.Skipped = len(s.Cases), 0, 0, 0
	for _, c := range s.Cases {
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
}

func junitRule(v *view, r *engine.RuleResult) junitCase {
	c := junitCase{Name: token(Escape(title(r))), Class: token(Escape(r.Package)), Time: "0"}
	switch r.Status {
	case engine.StatusPass, engine.StatusWarn, engine.StatusInfo:
	case engine.StatusDeny:
		lines := v.lines(r)
		if r.Remediation != "" {
			lines = append(lines, "", "To mend it: "+Escape(string(r.Remediation)))
		}
		c.Failure = fault(plural(len(unwaived(r)), "violation", "violations")+" of "+Escape(r.ID), "deny", lines)
	case engine.StatusWaived:
		lines := v.accepted(r)
		c.Skipped = &junitSkipped{Message: plural(len(lines), "violation is waived", "violations are waived"), Text: cutBytes(strings.Join(lines, "\n"), junitText)}
	case engine.StatusNotApplicable:
		note := Escape(string(r.Note))
		if note == "" {
			note = "the rule does not apply"
		}
		c.Skipped = &junitSkipped{Message: cutBytes(note, junitLine), Text: cutBytes(note, junitText)}
	default: // error, no_data, and any status that is not known
		c.Error = fault(Escape(r.ID)+": "+statusWord(r.Status)[0], Escape(string(r.Status)), []string{Escape(string(r.Note))})
	}
	return c
}

// fault says its message in the attribute and in the text: readers show the one or the other.
func fault(message, typ string, lines []string) *junitFault {
	message = cutBytes(message, junitLine)
	text := strings.TrimRight(message+"\n"+strings.Join(lines, "\n"), "\n")
	return &junitFault{Message: message, Type: typ, Text: cutBytes(text, junitText)}
}

// token is an xs:token that no reader splits or collapses: no space at either end, no two in a row, never empty. Jenkins splits a name
// that has no class at its last dot; ours always has one.
func token(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if s == "" {
		return "unnamed"
	}
	if utf8.RuneCountInString(s) > 250 {
		s = cut(s, 250) // GitLab keeps 255 characters
	}
	return s
}
