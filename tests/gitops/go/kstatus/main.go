// Reads objects as JSON, one a line, and says for each what kstatus makes of it: a line with the status and message of
// sigs.k8s.io/cli-utils, and those of the fork that Flux and Helm are built with.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	flux "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	upstream "sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type told struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(lines.Bytes()); err != nil {
			fail(err)
		}
		theirs, err := upstream.Compute(object)
		if err != nil {
			fail(err)
		}
		fluxes, err := flux.Compute(object)
		if err != nil {
			fail(err)
		}
		line, err := json.Marshal(map[string]told{
			"upstream": {theirs.Status.String(), theirs.Message},
			"flux":     {fluxes.Status.String(), fluxes.Message},
		})
		if err != nil {
			fail(err)
		}
		fmt.Println(string(line))
	}
	if err := lines.Err(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
