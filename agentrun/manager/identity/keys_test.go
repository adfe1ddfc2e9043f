package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

func TestKeysThatCannotBeHad(t *testing.T) {
	k := rsaKey(t, "r")
	v, s, clock := verifier(t, nil, k)
	token := k.sign(t, said())
	unavailable := func(n int64) {
		t.Helper()
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrToken) {
			t.Errorf("got %v", err)
		}
		if got := s.asked.Load(); got != n {
			t.Errorf("asked %d times, not %d", got, n)
		}
	}
	s.away = true
	unavailable(0)
	s.mu.Lock()
	s.away, s.body = false, `{"keys":[`
	s.mu.Unlock()
	unavailable(0) // not so soon again
	clock.add(v.Pause)
	unavailable(1)
	s.mu.Lock()
	s.body = `{"keys":[{"kty":"oct","kid":"r","k":"AAAA"},{"kty":"new","kid":"x"}]}`
	s.mu.Unlock()
	clock.add(v.Pause)
	unavailable(2)
	s.mu.Lock()
	s.body = ""
	s.mu.Unlock()
	clock.add(v.Pause)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
	v.Account = func() (string, error) { return "", errors.New("no template") }
	unavailable(3)
}

func TestKeyRotation(t *testing.T) {
	old, next := rsaKey(t, "old"), ecKey(t, "next")
	v, s, clock := verifier(t, nil, old)
	verify := func(k signer) error { _, err := v.Verify(t.Context(), k.sign(t, said())); return err }
	if err := verify(old); err != nil {
		t.Fatal(err)
	}
	s.set(old, next)
	if err := verify(next); !errors.Is(err, ErrUnavailable) { // it was asked a moment ago: try again
		t.Errorf("got %v", err)
	}
	clock.add(v.Pause)
	if err := errors.Join(verify(next), verify(old)); err != nil {
		t.Error(err)
	}
	s.set(next)
	clock.add(v.MaxAge)
	if err := verify(old); err != nil { // old enough, not too old
		t.Error(err)
	}
	clock.add(time.Second)
	claims := said()
	claims["exp"] = now.Add(24 * time.Hour).Unix()
	if _, err := v.Verify(t.Context(), next.sign(t, claims)); err != nil {
		t.Error(err)
	}
	clock.add(v.Pause)
	if _, err := v.Verify(t.Context(), old.sign(t, claims)); !errors.Is(err, ErrToken) {
		t.Errorf("a key that is gone is still good: %v", err)
	}
	// An old key is good as long as there is no word of a newer one.
	s.mu.Lock()
	s.away = true
	s.mu.Unlock()
	clock.add(5 * time.Hour)
	for range 3 {
		if _, err := v.Verify(t.Context(), next.sign(t, claims)); err != nil {
			t.Error(err)
		}
		clock.add(v.Pause)
	}
}

// A signature is checked once, what it signs each time.
func TestProvedTokensAreComparedEachTime(t *testing.T) {
	k := rsaKey(t, "r")
	v, s, clock := verifier(t, nil, k)
	token := k.sign(t, said())
	for range 3 {
		if pod, err := v.Verify(t.Context(), token); err != nil || pod != wanted {
			t.Fatalf("%+v, %v", pod, err)
		}
	}
	set := v.keys.Load()
	if _, known := v.proved.get(set, sha256.Sum256([]byte(token))); !known {
		t.Error("it is not remembered")
	}
	refusedToken(t, v, token[:len(token)-8]+"AAAAAAAA", "signature")
	account := v.Account
	v.Account = func() (string, error) { return "another", nil }
	refusedToken(t, v, token, "another ServiceAccount")
	v.Account = account
	clock.add(2 * time.Hour)
	v.MaxAge = 3 * time.Hour
	refusedToken(t, v, token, "expired")
	clock.add(-2 * time.Hour)
	v.MaxAge = time.Minute
	clock.add(2 * time.Minute)
	s.set(rsaKey(t, "r")) // another key of the same name
	refusedToken(t, v, token, "signature")
}

// What is remembered is bounded, and of one set of keys.
func TestProvedIsBounded(t *testing.T) {
	var p proved
	set := &keySet{}
	hash := func(n int) [sha256.Size]byte { return sha256.Sum256(fmt.Append(nil, n)) }
	for n := range maxProved + 1 {
		p.put(set, hash(n), claims{})
	}
	if len(p.claims) != 1 {
		t.Errorf("%d are remembered", len(p.claims))
	}
	if _, known := p.get(&keySet{}, hash(maxProved)); known {
		t.Error("another set of keys has proved nothing")
	}
}

// Whatever keys tokens name, the cluster is asked once in a while.
func TestUnknownKeysWithoutEnd(t *testing.T) {
	k := rsaKey(t, "r")
	v, s, clock := verifier(t, nil, k)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 50 {
				token := signer{fmt.Sprintf("unknown-%d-%d", i, n), jose.RS256, k.key}.sign(t, said())
				if _, err := v.Verify(t.Context(), token); !errors.Is(err, ErrToken) && !errors.Is(err, ErrUnavailable) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	all.Wait()
	if n := s.asked.Load(); n != 1 {
		t.Errorf("the cluster was asked %d times", n)
	}
	if _, err := v.Verify(t.Context(), k.sign(t, said())); err != nil {
		t.Error(err)
	}
	clock.add(v.Pause)
	refusedToken(t, v, signer{"unknown", jose.RS256, k.key}.sign(t, said()), "does not have")
}

func TestVerifyEndsWithItsCaller(t *testing.T) {
	k := rsaKey(t, "r")
	v, _, _ := verifier(t, nil, k)
	v.asking <- struct{}{} // somebody asks and gets no answer
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Verify(ctx, k.sign(t, said())); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
