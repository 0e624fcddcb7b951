// SPDX-License-Identifier: Apache-2.0

// Another implementation of signed notes and transparency trees says what it thinks of ours,
// and makes some for us: golang.org/x/mod/sumdb/note and .../tlog.
//
//	interop check VKEY   < proof     one c2sp.org/tlog-proof@v1 with the record in `extra`
//	interop consistent   < JSON      {size1, root1, size2, root2, proof}
//	interop make N                   a log of N records: its key, proofs of all, consistency proofs
package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

func hash(text string) (h tlog.Hash) {
	b, err := base64.StdEncoding.DecodeString(text)
	must(err)
	if len(b) != len(h) {
		must(fmt.Errorf("%d bytes are no hash", len(b)))
	}
	copy(h[:], b)
	return h
}

func check(vkey string) {
	key, err := note.NewVerifier(vkey)
	must(err)
	in := bufio.NewReader(os.Stdin)
	line := func(prefix string) string {
		s, err := in.ReadString('\n')
		must(err)
		if !strings.HasPrefix(s, prefix) {
			must(fmt.Errorf("%q: want %q", s, prefix))
		}
		return strings.TrimSuffix(strings.TrimPrefix(s, prefix), "\n")
	}
	line("c2sp.org/tlog-proof@v1")
	record, err := base64.StdEncoding.DecodeString(line("extra "))
	must(err)
	index, err := strconv.ParseInt(line("index "), 10, 64)
	must(err)
	var proof tlog.RecordProof
	for s := line(""); s != ""; s = line("") {
		proof = append(proof, hash(s))
	}
	rest, err := io.ReadAll(in)
	must(err)
	n, err := note.Open(rest, note.VerifierList(key))
	must(err)
	body := strings.SplitN(n.Text, "\n", 4)
	size, err := strconv.ParseInt(body[1], 10, 64)
	must(err)
	must(tlog.CheckRecord(proof, size, hash(body[2]), index, tlog.RecordHash(record)))
	fmt.Printf("record %d of %d, signed by %s\n", index, size, n.Sigs[0].Name)
}

type growth struct {
	Size1 int64    `json:"size1"`
	Root1 string   `json:"root1"`
	Size2 int64    `json:"size2"`
	Root2 string   `json:"root2"`
	Proof []string `json:"proof"`
}

func consistent() {
	var all []growth
	must(json.NewDecoder(os.Stdin).Decode(&all))
	for _, g := range all {
		var p tlog.TreeProof
		for _, h := range g.Proof {
			p = append(p, hash(h))
		}
		must(tlog.CheckTree(p, g.Size2, hash(g.Root2), g.Size1, hash(g.Root1)))
	}
	fmt.Println(len(all), "consistency proofs")
}

type stored []tlog.Hash

func (s *stored) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, k := range at {
		out[i] = (*s)[k]
	}
	return out, nil
}

func makeLog(n int64) {
	var s stored
	skey, vkey, err := note.GenerateKey(rand.Reader, "example.com/other-log")
	must(err)
	signer, err := note.NewSigner(skey)
	must(err)
	record := func(i int64) []byte { return bytes.Repeat([]byte{byte(i)}, int(i%70)+1) }
	for i := int64(0); i < n; i++ {
		h, err := tlog.StoredHashes(i, record(i), &s)
		must(err)
		s = append(s, h...)
	}
	root := func(size int64) string {
		h, err := tlog.TreeHash(size, &s)
		must(err)
		return base64.StdEncoding.EncodeToString(h[:])
	}
	signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("example.com/other-log\n%d\n%s\n", n, root(n))}, signer)
	must(err)
	out := struct {
		Vkey   string   `json:"vkey"`
		Proofs []string `json:"proofs"`
		Grown  []growth `json:"grown"`
	}{Vkey: vkey}
	for i := int64(0); i < n; i++ {
		p, err := tlog.ProveRecord(n, i, &s)
		must(err)
		text := fmt.Sprintf("c2sp.org/tlog-proof@v1\nextra %s\nindex %d\n", base64.StdEncoding.EncodeToString(record(i)), i)
		for _, h := range p {
			text += h.String() + "\n"
		}
		out.Proofs = append(out.Proofs, text+"\n"+string(signed))
		t, err := tlog.ProveTree(n, i+1, &s)
		must(err)
		g := growth{Size1: i + 1, Root1: root(i + 1), Size2: n, Root2: root(n), Proof: []string{}}
		for _, h := range t {
			g.Proof = append(g.Proof, h.String())
		}
		out.Grown = append(out.Grown, g)
	}
	must(json.NewEncoder(os.Stdout).Encode(out))
}

func main() {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "check":
		check(os.Args[2])
	case len(os.Args) == 2 && os.Args[1] == "consistent":
		consistent()
	case len(os.Args) == 3 && os.Args[1] == "make":
		n, err := strconv.ParseInt(os.Args[2], 10, 64)
		must(err)
		makeLog(n)
	default:
		must(fmt.Errorf("usage: interop check VKEY | consistent | make N"))
	}
}
