// Command compose prints a compose file as Compose's own parser reads it, in JSON.
//
// Usage: compose FILE [NAME=VALUE ...]. Only the given variables are interpolated: those of the
// environment and of a .env file are not read. It exits with status 1 and the parser's message if
// the file is not valid.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: compose FILE [NAME=VALUE ...]")
		os.Exit(2)
	}
	if err := render(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(file string, variables []string) error {
	for _, variable := range variables {
		if !strings.Contains(variable, "=") {
			return fmt.Errorf("%q is not NAME=VALUE", variable)
		}
	}
	options, err := cli.NewProjectOptions(
		[]string{file},
		cli.WithEnv(variables),
		cli.WithInterpolation(true),
		cli.WithConsistency(true),
		cli.WithNormalization(true),
	)
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(project)
}
