package render

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
)

// mounts are a pod's volumes and where its main container mounts them.
type mounts struct {
	volumes []corev1.Volume
	mounts  []corev1.VolumeMount
}

// add mounts source at path and returns the volume's name.
func (m *mounts) add(path string, readOnly bool, source corev1.VolumeSource) string {
	name := m.declare(path, source)
	m.mounts = append(m.mounts, corev1.VolumeMount{Name: name, MountPath: path, ReadOnly: readOnly})
	return name
}

// declare adds a volume that the main container does not mount. Its name comes
// from the path, so that it stays when volumes before it come and go.
func (m *mounts) declare(path string, source corev1.VolumeSource) string {
	base := strings.Trim(strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(path)), "-")
	base = strings.Trim(base[:min(len(base), 55)], "-") // a name has at most 63 characters
	if base == "" {
		base = "volume"
	}
	name := base
	for i := 2; slices.ContainsFunc(m.volumes, func(v corev1.Volume) bool { return v.Name == name }); i++ {
		name = base + "-" + strconv.Itoa(i)
	}
	m.volumes = append(m.volumes, corev1.Volume{Name: name, VolumeSource: source})
	return name
}

// volume is where a declared volume's content comes from and whether it can only
// be read.
func (r *renderer) volume(v intent.Volume) (source corev1.VolumeSource, readOnly bool, err error) {
	switch {
	case v.ConfigMap != "":
		return configMapVolume(v.ConfigMap), true, nil
	case v.JobTemplate != "":
		if t := r.services[v.JobTemplate]; !t.Enabled || t.Kind != intent.JobTemplate {
			return source, true, fail.Refuse("D1", intent.Path, "name an enabled service of kind "+intent.JobTemplate,
				"the volume at %s mounts the job template %q, which the lane does not have", v.MountPath, v.JobTemplate)
		}
		return configMapVolume(jobConfigMap(v.JobTemplate)), true, nil
	case v.PersistentVolumeClaim != "":
		source.PersistentVolumeClaim = &corev1.PersistentVolumeClaimVolumeSource{ClaimName: v.PersistentVolumeClaim}
		return source, false, nil
	case v.EmptyDir != nil:
		source, err = emptyDir("the size limit of the volume at "+v.MountPath, v.EmptyDir.SizeLimit, v.EmptyDir.Memory)
		return source, false, err
	}
	return source, false, fail.Refuse("D1", intent.Path, "give it a configMap, a persistentVolumeClaim, a jobTemplate or an emptyDir",
		"the volume at %s has no source", v.MountPath)
}

func configMapVolume(name string) corev1.VolumeSource {
	return corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}}
}

func emptyDir(what, sizeLimit string, memory bool) (corev1.VolumeSource, error) {
	size, err := quantity(what, sizeLimit)
	if err != nil {
		return corev1.VolumeSource{}, err
	}
	dir := &corev1.EmptyDirVolumeSource{SizeLimit: &size}
	if memory {
		dir.Medium = corev1.StorageMediumMemory
	}
	return corev1.VolumeSource{EmptyDir: dir}, nil
}

// homeSource is where the init container finds what it copies.
const homeSource = "/var/run/secrets/home"

// fillHome gives main its writable home and returns the init container that
// fills it, the only one that mounts the Secret (rule G7).
func fillHome(h *intent.Home, main *corev1.Container, m *mounts) (corev1.Container, error) {
	writable, err := emptyDir("the size limit of the home", h.SizeLimit, true)
	if err != nil {
		return corev1.Container{}, err
	}
	secret := &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: h.SecretRef.Name}}
	for _, key := range h.SecretRef.Keys {
		secret.Items = append(secret.Items, corev1.KeyToPath{Key: key, Path: key})
	}
	source := m.declare(homeSource, corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: new(int32(0o440)),
		Sources:     []corev1.VolumeProjection{{Secret: secret}},
	}})
	home := m.add(h.Path, false, writable)
	env := corev1.EnvVar{Name: h.Env, Value: h.Path}
	main.VolumeMounts = m.mounts
	main.Env = append(main.Env, env)
	return corev1.Container{
		Name: main.Name + "-home", Image: main.Image, ImagePullPolicy: main.ImagePullPolicy,
		Args:      append(slices.Clone(h.Command), "--from", homeSource, "--to", h.Path),
		Env:       []corev1.EnvVar{env},
		Resources: main.Resources, SecurityContext: confined(),
		VolumeMounts: []corev1.VolumeMount{
			{Name: source, MountPath: homeSource, ReadOnly: true},
			{Name: home, MountPath: h.Path},
		},
	}, nil
}
