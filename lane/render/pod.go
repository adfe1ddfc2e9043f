package render

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
)

// nobody is the user and group of every container: no account of the machine.
const nobody = 65532

// pod is what every pod of a service is made of.
func (r *renderer) pod(s intent.Service, component string) (corev1.PodTemplateSpec, error) {
	none := corev1.PodTemplateSpec{}
	res, err := resources(s.Resources)
	if err != nil {
		return none, err
	}
	m := new(mounts)
	for _, v := range s.Volumes {
		source, readOnly, err := r.volume(v)
		if err != nil {
			return none, err
		}
		m.add(v.MountPath, readOnly, source)
	}
	env, err := r.env(s)
	if err != nil {
		return none, err
	}
	main := corev1.Container{
		Name: s.ID, Image: r.image(s), ImagePullPolicy: corev1.PullIfNotPresent,
		Args: s.Args, Env: env, Resources: res, VolumeMounts: m.mounts, SecurityContext: confined(),
	}
	for _, p := range s.Ports {
		main.Ports = append(main.Ports, corev1.ContainerPort{Name: p.Name, ContainerPort: int32(p.Port), Protocol: corev1.ProtocolTCP})
	}
	probes(s, &main)

	spec := corev1.PodSpec{
		ServiceAccountName:            s.ServiceAccount,
		AutomountServiceAccountToken:  new(r.tokens[s.ServiceAccount]),
		EnableServiceLinks:            new(false),
		TerminationGracePeriodSeconds: new(int64(30)),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: new(true), RunAsUser: new(int64(nobody)), RunAsGroup: new(int64(nobody)), FSGroup: new(int64(nobody)),
			FSGroupChangePolicy: new(corev1.FSGroupChangeOnRootMismatch),
			SeccompProfile:      &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}
	if s.Home != nil {
		init, err := fillHome(s.Home, &main, m)
		if err != nil {
			return none, err
		}
		spec.InitContainers = []corev1.Container{init}
	}
	spec.Containers, spec.Volumes = []corev1.Container{main}, m.volumes
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: r.labels(s.ID, component)}, Spec: spec}, nil
}

// image is the service's image by its digest, the only way to name one.
func (r *renderer) image(s intent.Service) string {
	cs, _ := r.c.Service(s.ID) // match has seen to it
	return r.in.Registry.Address + "/" + cs.Image.Repository + "@" + cs.Image.Digest
}

func confined() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		ReadOnlyRootFilesystem:   new(true),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}

// probes asks the declared paths on the first port. A service has a minute to
// answer its liveness path for the first time; from then on it is restarted when
// it does not answer for half a minute.
func probes(s intent.Service, c *corev1.Container) {
	if s.Health == nil || len(s.Ports) == 0 {
		return
	}
	probe := func(path string, period, failures int32) *corev1.Probe {
		if path == "" {
			return nil
		}
		return &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString(s.Ports[0].Name)}},
			PeriodSeconds: period, FailureThreshold: failures, TimeoutSeconds: 3,
		}
	}
	c.StartupProbe = probe(s.Health.Live, 1, 60)
	c.LivenessProbe = probe(s.Health.Live, 10, 3)
	c.ReadinessProbe = probe(s.Health.Ready, 5, 3)
}

func resources(declared *intent.Resources) (corev1.ResourceRequirements, error) {
	if declared == nil {
		declared = &intent.Resources{
			Requests: intent.Quantities{CPU: "50m", Memory: "64Mi"},
			Limits:   intent.Quantities{CPU: "1", Memory: "256Mi"},
		}
	}
	requests, err := resourceList("requests", declared.Requests)
	if err != nil {
		return corev1.ResourceRequirements{}, err
	}
	limits, err := resourceList("limits", declared.Limits)
	return corev1.ResourceRequirements{Requests: requests, Limits: limits}, err
}

func resourceList(what string, q intent.Quantities) (corev1.ResourceList, error) {
	list := corev1.ResourceList{}
	for _, r := range []struct {
		name  corev1.ResourceName
		value string
	}{{corev1.ResourceCPU, q.CPU}, {corev1.ResourceMemory, q.Memory}, {corev1.ResourceEphemeralStorage, q.EphemeralStorage}} {
		if r.value == "" {
			continue
		}
		parsed, err := quantity("resources."+what+"."+string(r.name), r.value)
		if err != nil {
			return nil, err
		}
		list[r.name] = parsed
	}
	return list, nil
}

func (r *renderer) env(s intent.Service) ([]corev1.EnvVar, error) {
	var vars []corev1.EnvVar
	for _, e := range s.Env {
		v := corev1.EnvVar{Name: e.Name}
		switch {
		case e.SecretRef != nil:
			v.ValueFrom = &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: e.SecretRef.Name}, Key: e.SecretRef.Key,
			}}
		case e.ConfigMapRef != nil:
			v.ValueFrom = &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: e.ConfigMapRef.Name}, Key: e.ConfigMapRef.Key,
			}}
		case e.ReleaseRef != "":
			fact, ok := r.fact(s, e.ReleaseRef)
			if !ok {
				return nil, fail.Refuse("D1", intent.Path, "write lane, sourceCommit or imageDigest", "the variable %s asks for %q, which no release has", e.Name, e.ReleaseRef)
			}
			v.Value = fact
		case e.Value != nil:
			v.Value = *e.Value
		}
		vars = append(vars, v)
	}
	return vars, nil
}

// fact is what a release says of a service: that service's own, never the
// release's, so that a reused service does not change.
func (r *renderer) fact(s intent.Service, name string) (string, bool) {
	cs, _ := r.c.Service(s.ID)
	switch name {
	case intent.ReleaseLane:
		return r.n.Lane, true
	case intent.ReleaseSourceCommit:
		return cs.SourceCommitID, true
	case intent.ReleaseImageDigest:
		return cs.Image.Digest, true
	}
	return "", false
}

// configDigest is the hash of the ConfigMaps that a service reads, or "".
func (r *renderer) configDigest(s intent.Service) string {
	var inputs []canon.Input
	read := func(name string) {
		in := canon.Input{Name: name, Value: r.configs[name]}
		if name != "" && !slices.Contains(inputs, in) {
			inputs = append(inputs, in)
		}
	}
	for _, e := range s.Env {
		if e.ConfigMapRef != nil {
			read(e.ConfigMapRef.Name)
		}
	}
	for _, v := range s.Volumes {
		read(v.ConfigMap)
	}
	if len(inputs) == 0 {
		return ""
	}
	return canon.Identity(inputs)
}
