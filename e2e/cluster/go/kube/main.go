// One binary that is every part of a Kubernetes cluster: the first argument names the part.
//
// The project's test cluster needs the real components, but no prebuilt binary may be fetched, and seven separate
// builds link the same packages seven times. One main that hands over to each component's own command costs one build.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	"context"

	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

var commands = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllermanager.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kube-proxy":              proxy.NewProxyCommand,
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"kubectl":                 kubectl.NewDefaultKubectlCommand,
}

// part finds out who we are: a symlink named after the part (kubectl must be found on PATH), or the first argument.
func part() string {
	name := filepath.Base(os.Args[0])
	if _, known := commands[name]; known || len(os.Args) < 2 {
		return name
	}
	name = os.Args[1]
	os.Args = append([]string{name}, os.Args[2:]...)
	return name
}

func main() {
	switch name := part(); name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "forward":
		forward(os.Args[1:])
	default:
		command, known := commands[name]
		if !known {
			fmt.Fprintf(os.Stderr, "unknown part %q; one of: etcd forward %s\n", name, strings.Join(names(), " "))
			os.Exit(2)
		}
		os.Exit(cli.Run(command()))
	}
}

func names() []string {
	all := make([]string, 0, len(commands))
	for name := range commands {
		all = append(all, name)
	}
	return all
}
