package intent

import (
	"path"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// mountPath looks at a folder in the container.
func (v *serviceValidator) mountPath(at jsontext.Pointer, dir string) {
	reserved := slices.ContainsFunc([]string{"/proc", "/sys", "/dev", "/etc", "/var/run/secrets"}, func(top string) bool {
		return dir == top || strings.HasPrefix(dir, top+"/") && top != "/etc"
	})
	if !path.IsAbs(dir) || path.Clean(dir) != dir || dir == "/" || reserved || strings.ContainsAny(dir, ":\\$,\x00") || len(dir) > 200 {
		v.add(at, "D1", "write an absolute folder such as /var/lib/app", "%s cannot be mounted on", v.quote(dir))
	}
}

func (v *serviceValidator) volumes() {
	list := member(v.at, "volumes")
	v.distinct("mount path", len(v.s.Volumes),
		func(i int) string { return v.s.Volumes[i].MountPath }, func(i int) jsontext.Pointer { return member(element(list, i), "mountPath") })
	for i, vol := range v.s.Volumes {
		at := element(list, i)
		v.mountPath(member(at, "mountPath"), vol.MountPath)
		v.oneOf(at, "the volume", source{"configMap", vol.ConfigMap != ""}, source{"persistentVolumeClaim", vol.PersistentVolumeClaim != ""}, source{"jobTemplate", vol.JobTemplate != ""}, source{"emptyDir", vol.EmptyDir != nil})
		if vol.ConfigMap != "" {
			v.d.configMaps.resolve(v.validator, member(at, "configMap"), named{name: vol.ConfigMap}, "`configMaps`")
		}
		if c := vol.PersistentVolumeClaim; c != "" && v.d.claims.resolve(v.validator, member(at, "persistentVolumeClaim"), named{name: c}, "`persistentVolumeClaims`") {
			if v.d.accessModes[c] == "ReadWriteOncePod" && v.s.Replicas != nil && *v.s.Replicas > 1 {
				v.add(member(at, "persistentVolumeClaim"), "D1", "use ReadWriteMany, or one replica", "the claim %s can be mounted by one pod, the service has %d", v.quote(c), *v.s.Replicas)
			}
		}
		if vol.JobTemplate != "" {
			v.serviceRef(member(at, "jobTemplate"), vol.JobTemplate, JobTemplate)
		}
		if vol.EmptyDir != nil {
			v.quantity(member(at, "emptyDir", "sizeLimit"), vol.EmptyDir.SizeLimit)
		}
	}
	if h := v.s.Home; h != nil {
		at := member(v.at, "home", "path")
		v.mountPath(at, h.Path)
		if slices.ContainsFunc(v.s.Volumes, func(vol Volume) bool { return vol.MountPath == h.Path }) {
			v.add(at, "G7", "mount the volume elsewhere", "a volume is mounted on the home")
		}
	}
}

// serviceRef resolves another service of the lane. kind is "" for any.
func (v *serviceValidator) serviceRef(at jsontext.Pointer, id, kind string) (*Service, bool) {
	s, ok := v.services[id]
	switch {
	case !ok:
		v.add(at, "D1", "name the id of a service of this lane", "the service %s is not declared", v.quote(id))
	case kind != "" && s.Kind != kind:
		v.add(at, "D1", "name a service of the kind "+kind, "the service %s is no %s", v.quote(id), kind)
	case v.s.Enabled && !s.Enabled:
		v.add(at, "D1", "enable it, or remove the reference", "the service %s does not take part in the lane", v.quote(id))
	default:
		return s, true
	}
	return s, false
}
