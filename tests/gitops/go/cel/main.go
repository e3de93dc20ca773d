// Evaluates a Kustomization's healthCheckExprs as Flux does. Reads {"current": …, "failed": …, "object": …} as JSON,
// one a line, and answers each with the status.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var asked struct {
			Current, Failed string
			Object          *unstructured.Unstructured
		}
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			fail(err)
		}
		check, err := cel.NewStatusEvaluator(&kustomize.HealthCheckExpressions{
			Current: asked.Current, Failed: asked.Failed,
		})
		if err != nil {
			fail(err)
		}
		told, err := check.Evaluate(context.Background(), asked.Object)
		if err != nil {
			fail(err)
		}
		fmt.Printf("{\"status\": %q}\n", told.Status)
	}
	if err := lines.Err(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
