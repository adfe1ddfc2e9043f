// Command mailer writes one letter about the day's takings. It runs as a Job:
//
//	mailer home --from DIR --to DIR   copies account.json into the mailer's home
//	mailer letter CENTS...            writes the letter, signed as the account says
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"example.com/shop/money"
)

const accountFile = "account.json"

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mailer:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("name what to do: home or letter")
	}
	switch args[0] {
	case "home":
		return home(args[1:])
	case "letter":
		return letter(os.Getenv("MAILER_HOME"), args[1:], out)
	}
	return fmt.Errorf("unknown word %q: name home or letter", args[0])
}

func home(args []string) error {
	flags := flag.NewFlagSet("home", flag.ContinueOnError)
	from := flags.String("from", "", "folder that the Secret is projected into")
	to := flags.String("to", "", "writable folder to fill")
	if err := flags.Parse(args); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(*from, accountFile))
	if err != nil {
		return fmt.Errorf("reading the account: %w", err)
	}
	if err := os.WriteFile(filepath.Join(*to, accountFile), data, 0o600); err != nil {
		return fmt.Errorf("filling the home: %w", err)
	}
	return nil
}

func letter(home string, amounts []string, out io.Writer) error {
	data, err := os.ReadFile(filepath.Join(home, accountFile))
	if err != nil {
		return fmt.Errorf("reading the account: %w", err)
	}
	var account struct {
		Sender string `json:"sender"`
	}
	if err := json.Unmarshal(data, &account); err != nil {
		return fmt.Errorf("reading the account: %w", err)
	}
	var sum money.Cents
	for _, a := range amounts {
		n, err := strconv.ParseInt(a, 10, 64)
		if err != nil {
			return fmt.Errorf("reading the takings: %w", err)
		}
		sum += money.Cents(n)
	}
	_, err = fmt.Fprintf(out, "We took %s today.\n\n%s\n", sum, account.Sender)
	return err
}
