package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/imagereview/imagereview/e2e/webhook"
)

// tutorial is a section of a page that readers follow, taken apart.
type tutorial struct {
	// The files that it has them write, by name.
	files map[string]string
	// What they type, in one shell.
	commands string
	// What they see of a cluster with nodes, which is not run here.
	console string
	// What is printed elsewhere.
	text string
}

var (
	fenced  = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")
	written = regexp.MustCompile("Write `([^`]+)`")
)

// readTutorial reads a section of a page of docs, and puts what is really there in the place of what the page names.
func readTutorial(t *testing.T, page, heading string, there *strings.Replacer) tutorial {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no section %q", page, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	read := tutorial{files: map[string]string{}}
	before := 0
	for _, at := range fenced.FindAllStringSubmatchIndex(section, -1) {
		prose, language, block := section[before:at[0]], section[at[2]:at[3]], there.Replace(section[at[4]:at[5]])
		before = at[1]
		switch language {
		case "sh":
			read.commands += block
		case "yaml":
			name := written.FindStringSubmatch(prose)
			if name == nil {
				t.Fatalf("%s doesn't say which file this is: %s", page, block)
			}
			read.files[name[1]] = block
		case "console":
			read.console += block
		case "text":
			read.text += block
		default:
			t.Fatalf("%s has a block of %s: %s", page, language, block)
		}
	}
	return read
}

// folder is where somebody follows a tutorial, with the programs in PATH.
type folder struct {
	path        string
	environment []string
}

func newFolder(t *testing.T) folder {
	t.Helper()
	cosign := os.Getenv("COSIGN_3")
	if cosign == "" {
		t.Fatal("COSIGN_3 is not set; run this with e2e/run")
	}
	home, programs := t.TempDir(), t.TempDir()
	for name, path := range map[string]string{"cosign": cosign, "imagereview": webhook.Binary(t, "imagereview")} {
		if err := os.Symlink(path, filepath.Join(programs, name)); err != nil {
			t.Fatal(err)
		}
	}
	environment := append(os.Environ(), "HOME="+home, "DOCKER_CONFIG="+home, "COSIGN_PASSWORD=", "PATH="+programs+":"+os.Getenv("PATH"))
	return folder{t.TempDir(), environment}
}

// follow writes the files of a tutorial and runs its commands, which have to succeed.
func (f folder) follow(t *testing.T, read tutorial) {
	t.Helper()
	if len(read.files) == 0 || read.commands == "" {
		t.Fatalf("there is nothing to follow: %+v", read)
	}
	for name, text := range read.files {
		f.write(t, name, text)
	}
	f.must(t, read.commands)
}

// file is the path of a file of this name.
func (f folder) file(name string) string { return filepath.Join(f.path, name) }

func (f folder) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(f.file(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs a script, and gives what it printed and its status.
func (f folder) run(t *testing.T, script string) (string, int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sh", "-euxc", script)
	command.Dir, command.Env = f.path, f.environment
	output, err := command.CombinedOutput()
	if _, isExit := err.(*exec.ExitError); err != nil && !isExit {
		t.Fatal(err)
	}
	return string(output), command.ProcessState.ExitCode()
}

// must runs a script that has to succeed.
func (f folder) must(t *testing.T, script string) {
	t.Helper()
	if output, status := f.run(t, script); status != 0 {
		t.Fatalf("status %d: %s", status, output)
	}
}
