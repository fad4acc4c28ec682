package readers

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// platform are the build arguments that a builder for the commonest platform sets itself.
var platform = []string{
	"BUILDPLATFORM=linux/amd64", "BUILDOS=linux", "BUILDARCH=amd64", "BUILDVARIANT=",
	"TARGETPLATFORM=linux/amd64", "TARGETOS=linux", "TARGETARCH=amd64", "TARGETVARIANT=",
}

// errUnset is a variable without a value, which a builder takes for an empty one.
var errUnset = errors.New("a variable has no value")

// buildkit reads a Dockerfile with BuildKit's parsers, and goes on as its dockerfile2llb does up to where images are
// pulled. isText tells that the text itself can't be told into instructions.
func buildkit(text []byte) (reading Reading, isText bool, err error) {
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		// Other errors of it are about the arguments of one instruction.
		for _, word := range []string{"heredoc", "directive", "escape token", "max allowed size", "no instructions"} {
			isText = isText || strings.Contains(err.Error(), word)
		}
		return reading, isText, err
	}
	stages, arguments, err := instructions.Parse(parsed.AST, linter.New(&linter.Config{}))
	if err != nil {
		return reading, false, err
	}
	if len(stages) == 0 {
		return reading, false, errors.New("no stages")
	}
	lex := shell.NewLex(parsed.EscapeToken)
	values := platform
	expand := func(word string) (string, error) {
		filled, err := lex.ProcessWordWithMatches(word, shell.EnvsFromSlice(values))
		if err == nil && len(filled.Unmatched) > 0 {
			reading.Dropped++
		}
		return filled.Result, err
	}
	for _, command := range arguments {
		for _, pair := range command.Args {
			if pair.Value == nil {
				continue
			}
			filled, err := expand(*pair.Value)
			if err != nil {
				return reading, false, err
			}
			values = append(values, pair.Key+"="+filled)
		}
	}
	names := map[string]bool{}
	counts := map[string]int{}
	image := func(instruction, image string, index int) {
		reading.Images = append(reading.Images, Image{"Dockerfile", fmt.Sprintf("%s[%d]", instruction, index), image})
	}
	// All names are known before files are copied from stages.
	for _, stage := range stages {
		name, err := expand(stage.BaseName)
		if err != nil {
			return reading, false, err
		}
		if name == "" {
			return reading, false, errors.New("a base name is blank")
		}
		if !names[name] && name != "scratch" {
			image("FROM", name, counts["FROM"])
		}
		counts["FROM"]++
		if stage.Name != "" {
			names[strings.ToLower(stage.Name)] = true
		}
	}
	var visit func(command instructions.Command) error
	visit = func(command instructions.Command) error {
		switch command := command.(type) {
		case *instructions.CopyCommand:
			from, index := command.From, counts["COPY"]
			counts["COPY"]++
			if from == "" {
				return nil
			}
			filled, err := lex.ProcessWordWithMatches(from, shell.EnvsFromSlice(nil))
			if err != nil {
				return err
			}
			if filled.Result != from {
				return errors.New("a variable in --from")
			}
			if number, err := strconv.Atoi(from); err == nil {
				if number < 0 || number >= len(stages) {
					return errors.New("no such stage")
				}
			} else if !names[strings.ToLower(from)] && from != "scratch" {
				image("COPY", from, index)
			}
		case *instructions.AddCommand:
			counts["ADD"]++
		case *instructions.RunCommand:
			for _, mount := range instructions.GetMounts(command) {
				if mount.From != "" && !names[strings.ToLower(mount.From)] && mount.From != "scratch" {
					image("RUN", mount.From, counts["RUN"])
				}
			}
			counts["RUN"]++
		case *instructions.OnbuildCommand:
			trigger, err := parser.Parse(strings.NewReader(command.Expression))
			if err != nil {
				return err
			}
			for _, node := range trigger.AST.Children {
				command, err := instructions.ParseCommand(node)
				if err != nil {
					return err
				}
				if err := visit(command); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, stage := range stages {
		for _, command := range stage.Commands {
			if err := visit(command); err != nil {
				return reading, false, err
			}
		}
	}
	reading.sort()
	return reading, false, nil
}

// sort puts images into the order of their locations: one reader goes through all stages first.
func (r *Reading) sort() {
	slices.SortStableFunc(r.Images, func(a, b Image) int { return strings.Compare(a.Location, b.Location) })
}
