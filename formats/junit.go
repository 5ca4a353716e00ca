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

// Limits in bytes, by what the readers of JUnit show or keep.
const (
	junitTextLimit      = 50_000 // of an element's text: Jenkins keeps 2 × 50,000 characters, GitLab 30 MB of a file
	junitAttributeLimit = 2_000  // of an attribute: Bitbucket shows 2,000 characters of a field
)

// junitSuites is a document that both of the schemas in use accept: Ant's (JUnit.xsd: no attributes on testsuites; package, id, timestamp,
// hostname, properties, system-out and system-err on every suite) and that of Jenkins' xUnit plugin (junit-10.xsd: no file, no line).
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

// junitFault is a failure or an error.
type junitFault struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// verdictCase is the case that fails when veto could not decide.
const verdictCase = "veto reached a verdict"

// writeJUnit writes one suite per report and one case per rule. A case is called by the rule's title and package, which are the same in
// every run: CI systems recognise a failure by them. A rule that warns is a case that passes, with its results in the suite's system-out.
func writeJUnit(w io.Writer, r *engine.Run) error {
	doc := junitSuites{}
	for i := range r.Reports {
		doc.Suites = append(doc.Suites, newSuite(indexReport(&r.Reports[i]), i))
	}
	if v := runVerdict(r); len(r.Reports) == 0 || v != engine.Pass && !hasFault(doc.Suites) {
		// A run that does not pass must not look like one that does, whatever its reports say.
		s := emptySuite(len(doc.Suites), "veto", "")
		s.Cases = []junitCase{noVerdictCase("the run is "+string(v), v)}
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

// noVerdictCase is a case that fails when nothing else does, though the verdict is no pass.
func noVerdictCase(what string, v engine.Verdict) junitCase {
	return junitCase{Name: verdictCase, Class: "veto", Time: "0", Error: newFault(what, string(v), []string{"no rule says why"})}
}

func hasFault(suites []junitSuite) bool {
	for _, s := range suites {
		if s.Failures+s.Errors > 0 {
			return true
		}
	}
	return false
}

// emptySuite is a suite without cases. now is the run's clock, RFC 3339.
func emptySuite(id int, name, now string) junitSuite {
	at, err := time.Parse(time.RFC3339, now)
	if err != nil {
		at = time.Unix(0, 0) // the schema needs a time, and nobody takes this one for real
	}
	return junitSuite{Name: name, Package: "veto", ID: id, Hostname: "localhost", Time: "0",
		Timestamp: at.UTC().Format("2006-01-02T15:04:05"), Properties: []junitProperty{{"format", "1"}}}
}

// newSuite is the suite of one report.
func newSuite(rep *indexedReport, id int) junitSuite {
	name := rep.imageName()
	if p := rep.platformText(); p != "" {
		name += " " + p
	}
	s := emptySuite(id, xmlToken(name), rep.Now)
	s.Properties = []junitProperty{
		{"verdict", string(rep.verdict())}, {"image", truncateBytes(rep.imageName(), junitAttributeLimit)},
		{"digest", Escape(string(rep.Image.Digest))}, {"platform", rep.platformText()},
	}
	var out []string
	seen := map[string]int{}
	for i := range rep.Decision.Rules {
		r := &rep.Decision.Rules[i]
		c := newCase(rep, r)
		if seen[c.Class+" "+c.Name]++; seen[c.Class+" "+c.Name] > 1 {
			c.Name = xmlToken(c.Name + " (" + Escape(r.ID) + ")") // or two rules of one title would be one case
		}
		s.Cases = append(s.Cases, c)
		if r.Status == engine.StatusWarn || r.Status == engine.StatusInfo {
			out = append(out, string(r.Status)+" "+Escape(r.ID)+": "+Escape(ruleTitle(r)))
			for _, l := range rep.resultLines(r) {
				out = append(out, "  "+l)
			}
		}
	}
	for i, e := range rep.Errors {
		c := junitCase{Name: verdictCase, Class: "veto", Time: "0", Error: newFault(Escape(e.What), "undecided", hintLines(e))}
		if i > 0 {
			c.Name += fmt.Sprintf(" (%d)", i+1)
		}
		s.Cases = append(s.Cases, c)
	}
	s.countCases()
	if rep.verdict() != engine.Pass && s.Failures+s.Errors == 0 || len(s.Cases) == 0 {
		s.Cases = append(s.Cases, noVerdictCase("the verdict is "+string(rep.verdict()), rep.verdict()))
		s.countCases()
	}
	for _, w := range rep.Decision.Weakened {
		out = append(out, "weakened "+relaxationText(w))
	}
	s.Out = truncateBytes(strings.Join(out, "\n"), junitTextLimit)
	return s
}

// hintLines is what to do about an error; nil when that is unknown.
func hintLines(e engine.Problem) []string {
	if e.Hint == "" {
		return nil
	}
	return []string{"hint: " + Escape(string(e.Hint))}
}

// countCases sets the numbers of cases by their outcome.
func (s *junitSuite) countCases() {
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

// newCase is the case of one rule.
func newCase(rep *indexedReport, r *engine.RuleResult) junitCase {
	c := junitCase{Name: xmlToken(Escape(ruleTitle(r))), Class: xmlToken(Escape(r.Package)), Time: "0"}
	switch r.Status {
	case engine.StatusPass, engine.StatusWarn, engine.StatusInfo:
	case engine.StatusDeny:
		lines := rep.resultLines(r)
		if r.Remediation != "" {
			lines = append(lines, "", "To mend it: "+Escape(string(r.Remediation)))
		}
		c.Failure = newFault(plural(len(unwaivedResults(r)), "violation", "violations")+" of "+Escape(r.ID), "deny", lines)
	case engine.StatusWaived:
		lines := rep.waivedLines(r)
		c.Skipped = &junitSkipped{Message: plural(len(lines), "violation is waived", "violations are waived"),
			Text: truncateBytes(strings.Join(lines, "\n"), junitTextLimit)}
	case engine.StatusNotApplicable:
		note := Escape(string(r.Note))
		if note == "" {
			note = "the rule does not apply"
		}
		c.Skipped = &junitSkipped{Message: truncateBytes(note, junitAttributeLimit), Text: truncateBytes(note, junitTextLimit)}
	default: // error, no_data, and any unknown status
		c.Error = newFault(Escape(r.ID)+": "+statusWord(r.Status).text, Escape(string(r.Status)), []string{Escape(string(r.Note))})
	}
	return c
}

// newFault is a failure or an error. Its message is in the attribute and in the text, because readers show one or the other.
func newFault(message, typ string, lines []string) *junitFault {
	message = truncateBytes(message, junitAttributeLimit)
	text := strings.TrimRight(message+"\n"+strings.Join(lines, "\n"), "\n")
	return &junitFault{Message: message, Type: typ, Text: truncateBytes(text, junitTextLimit)}
}

// xmlToken makes an xs:token (XML Schema part 2, 3.3.2) of s: no space at either end, no two in a row. It is never empty.
func xmlToken(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if s == "" {
		return "unnamed"
	}
	if utf8.RuneCountInString(s) > 250 {
		s = truncate(s, 250) // GitLab keeps 255
	}
	return s
}
