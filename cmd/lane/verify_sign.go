package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/lane/attest"
	"github.com/pikasTech/agentrun/lane/verify"
)

// seal signs verdicts, or looks at who signed one.
type seal struct{ sign, check string }

func (s *seal) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.sign, "sign", "", "print the verdict as an in-toto statement, signed with the SSH `key` in this file")
	cmd.Flags().StringVar(&s.check, "check-signature", "", "only check the signed verdict in FILE against the public `keys` in this file")
}

// args refuses a file where none is read, and none where one is.
func (s *seal) args(cmd *cobra.Command, args []string) error {
	switch {
	case s.sign != "" && s.check != "":
		return usageError("--sign and --check-signature exclude each other")
	case s.check != "" && len(args) != 1:
		return usageError("--check-signature takes the file of one signed verdict")
	case s.check == "":
		return usage(cobra.NoArgs)(cmd, args)
	}
	return nil
}

// print signs a verdict and prints the envelope.
func (s *seal) print(ctx context.Context, a *app, v judged) error {
	data, err := readFile(s.sign)
	if err != nil {
		return err
	}
	key, err := attest.PrivateKey(s.sign, data)
	if err != nil {
		return err
	}
	envelope, err := attest.Sign(ctx, v.Verdict, key)
	if err != nil {
		return err
	}
	if err := a.print(envelope); err != nil {
		return err
	}
	return v.refusal()
}

// read tells the verdict in a signed file. It looks at nothing else.
func (s *seal) read(ctx context.Context, a *app, file string) error {
	data, err := readFile(s.check)
	if err != nil {
		return err
	}
	keys, err := attest.PublicKeys(s.check, data)
	if err != nil {
		return err
	}
	if data, err = readFile(file); err != nil {
		return err
	}
	v, by, err := attest.Check(ctx, file, data, keys)
	if err != nil {
		return err
	}
	a.note("signed by %s; it was true at %s", by, v.At)
	verdict := judged{*v}
	if err := a.emit(verdict.Verdict, verdict.write); err != nil {
		return err
	}
	return verdict.refusal()
}

// tell prints what the evidence is worth, signed or not.
func (s *seal) tell(ctx context.Context, l *looker, e verify.Evidence) error {
	if s.sign == "" {
		return l.tell(e)
	}
	return s.print(ctx, l.app, judged{verify.Judge(e)})
}
