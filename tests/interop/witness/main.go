// SPDX-License-Identifier: Apache-2.0

// A real witness (github.com/transparency-dev/witness) behind its own HTTP handler, without a
// socket: request bodies in, status and body out.
//
//	witness VKEY-OF-THE-LOG  < JSON list of request bodies  > {vkey, answers: [{status, body}]}
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"

	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "witness:", err)
		os.Exit(1)
	}
}

func main() {
	ctx := context.Background()
	log, err := note.NewVerifier(os.Args[1])
	must(err)
	skey, vkey, err := note.GenerateKey(rand.Reader, "witness.example/w1")
	must(err)
	signer, err := f_note.NewSignerForCosignatureV1(skey)
	must(err)
	cosigner, err := f_note.NewVerifierForCosignatureV1(vkey)
	must(err)
	w, err := witness.New(ctx, witness.Opts{
		Persistence: inmemory.New(),
		Signers:     []note.Signer{signer},
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			return log, origin == log.Name(), nil
		},
	})
	must(err)
	var bodies []string
	must(json.NewDecoder(os.Stdin).Decode(&bodies))
	type answer struct {
		Status int    `json:"status"`
		Body   string `json:"body"`
	}
	out := struct {
		Vkey    string   `json:"vkey"`
		Id      uint32   `json:"id"`
		Answers []answer `json:"answers"`
	}{Vkey: vkey, Id: cosigner.KeyHash()}
	h := witness.NewHTTPHandler(w)
	for _, body := range bodies {
		r := httptest.NewRecorder()
		h.AddCheckpoint(r, httptest.NewRequest("POST", "/add-checkpoint", strings.NewReader(body)))
		out.Answers = append(out.Answers, answer{r.Code, r.Body.String()})
	}
	must(json.NewEncoder(os.Stdout).Encode(out))
}
