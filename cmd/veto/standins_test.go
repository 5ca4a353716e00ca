package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// standIns are programs that the documents use beside veto, as far as they use them. This binary is each of them when it is called by
// its name; a desk has them in its PATH.
func standIns() map[string]func(args []string) error {
	return map[string]func([]string) error{"docker": docker, "go": goRun, "jq": jq, "syft": syft}
}

// image and list are where the stand-ins of docker and syft find what they print.
const (
	standInImage = "STAND_IN_IMAGE"
	standInSBOM  = "STAND_IN_SBOM"
)

// docker is `docker save NAME [-o FILE]`.
func docker(args []string) error {
	if len(args) < 2 || args[0] != "save" {
		return fmt.Errorf("docker %v: not known here", args)
	}
	b, err := os.ReadFile(os.Getenv(standInImage))
	if err != nil {
		return err
	}
	if len(args) == 4 && args[2] == "-o" {
		return os.WriteFile(args[3], b, 0o600)
	}
	_, err = os.Stdout.Write(b)
	return err
}

// goRun is `go run ./cmd/veto …`, without building what these tests are built of.
func goRun(args []string) error {
	if len(args) < 2 || args[0] != "run" || args[1] != "./cmd/veto" {
		return fmt.Errorf("go %v: not known here", args)
	}
	os.Args = slices.Concat([]string{"veto"}, args[2:])
	main()
	return nil
}

// jq is `jq .FIELD FILE`.
func jq(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("jq %v: not known here", args)
	}
	b, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return err
	}
	_, err = os.Stdout.Write(fields[strings.TrimPrefix(args[0], ".")])
	return err
}

// syft is `syft NAME -o cyclonedx-json`.
func syft(args []string) error {
	if len(args) != 3 || args[2] != "cyclonedx-json" {
		return fmt.Errorf("syft %v: not known here", args)
	}
	f, err := os.Open(os.Getenv(standInSBOM))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(os.Stdout, f)
	return err
}
