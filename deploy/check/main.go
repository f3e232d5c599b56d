// Command check reads the files of deploy/ as those for whom they are do: Compose, the
// Dockerfile's front end, and Kubernetes by the types of its API, strictly: a field that
// they do not know is an error. It is a module of its own, so that nof0 needs none of it.
//
//	go run -C deploy/check . ..
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "check: give the directory deploy")
		os.Exit(2)
	}
	dir := os.Args[1]
	err := errors.Join(compose(filepath.Join(dir, "compose.yaml")), dockerfile(filepath.Join(dir, "Dockerfile")), kubernetes(filepath.Join(dir, "kubernetes")))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// compose loads the project with passwords that hold what breaks URLs, and looks where
// they come out.
func compose(file string) error {
	const password = `p@ss/w:rd?#%'"`
	var environment []string
	for _, name := range []string{"POSTGRES_PASSWORD", "OWNER_PASSWORD", "SERVER_PASSWORD", "NOF0_INGEST_TOKEN", "NOF0_ADMIN_TOKEN", "GRAFANA_PASSWORD"} {
		environment = append(environment, name+"="+password)
	}
	o, err := cli.NewProjectOptions([]string{file}, cli.WithEnv(environment))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	project, err := o.LoadProject(context.Background())
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if got := project.Services["serve"].Environment["PGPASSWORD"]; got == nil || *got != password {
		return fmt.Errorf("%s: the password does not reach the server as it is", file)
	}
	for name, s := range project.Services {
		for _, mount := range s.Volumes {
			if _, err := os.Stat(mount.Source); mount.Type == "bind" && err != nil {
				return fmt.Errorf("%s: %s mounts what is not there: %w", file, name, err)
			}
		}
		for _, port := range s.Ports {
			if name != "proxy" && port.HostIP != "127.0.0.1" {
				return fmt.Errorf("%s: %s can be reached from outside at %s", file, name, port.Published)
			}
		}
	}
	fmt.Println(file, len(project.Services), "services")
	return nil
}

func dockerfile(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	parsed, err := parser.Parse(f)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	fmt.Println(file, len(stages), "stages")
	return nil
}

// kinds makes an object of each kind that is used.
var kinds = map[string]func() any{
	"v1/Namespace": func() any { return &corev1.Namespace{} }, "v1/ConfigMap": func() any { return &corev1.ConfigMap{} },
	"v1/Secret": func() any { return &corev1.Secret{} }, "v1/Service": func() any { return &corev1.Service{} },
	"v1/ServiceAccount": func() any { return &corev1.ServiceAccount{} }, "v1/PersistentVolumeClaim": func() any { return &corev1.PersistentVolumeClaim{} },
	"apps/v1/Deployment": func() any { return &appsv1.Deployment{} }, "batch/v1/Job": func() any { return &batchv1.Job{} },
	"batch/v1/CronJob": func() any { return &batchv1.CronJob{} }, "policy/v1/PodDisruptionBudget": func() any { return &policyv1.PodDisruptionBudget{} },
	"autoscaling/v2/HorizontalPodAutoscaler": func() any { return &autoscalingv2.HorizontalPodAutoscaler{} },
	"networking.k8s.io/v1/Ingress":           func() any { return &networkingv1.Ingress{} },
	"networking.k8s.io/v1/NetworkPolicy":     func() any { return &networkingv1.NetworkPolicy{} },
}

func kubernetes(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("%s: no files (%w)", dir, err)
	}
	objects := 0
	for _, file := range files {
		if strings.HasSuffix(file, "kustomization.yaml") {
			continue // kubectl kustomize reads it
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			var meta metav1.TypeMeta
			if err := yaml.Unmarshal(document, &meta); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			make, known := kinds[meta.APIVersion+"/"+meta.Kind]
			if !known {
				return fmt.Errorf("%s: %s/%s is no kind that is known here", file, meta.APIVersion, meta.Kind)
			}
			if err := yaml.UnmarshalStrict(document, make()); err != nil {
				return fmt.Errorf("%s: %s: %w", file, meta.Kind, err)
			}
			objects++
		}
	}
	fmt.Println(dir, objects, "objects")
	return nil
}
