package intent

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Limits of a service.
const (
	maxID       = 52 // a CronJob's, the strictest of the workloads
	maxReplicas = 100
	maxSeconds  = 7 * 24 * 60 * 60
)

func (v *validator) services(in *Intent, d *declarations) {
	if len(in.Services) == 0 {
		v.add("/services", "D1", "declare at least one service", "the lane has no service")
	}
	v.distinct("service id", len(in.Services),
		func(i int) string { return in.Services[i].ID }, func(i int) jsontext.Pointer { return member(element("/services", i), "id") })
	services := make(map[string]*Service, len(in.Services))
	for i := range in.Services {
		services[in.Services[i].ID] = &in.Services[i]
	}
	for i := range in.Services {
		sv := &serviceValidator{validator: v, at: element("/services", i), s: &in.Services[i], services: services, d: d}
		sv.identity()
		sv.build()
		sv.kind()
		sv.ports()
		sv.resources()
		sv.env()
		sv.volumes()
		sv.home()
		sv.flows()
		sv.ingress()
	}
}

// serviceValidator looks at one service.
type serviceValidator struct {
	*validator
	at       jsontext.Pointer
	s        *Service
	services map[string]*Service
	d        *declarations
}

func (v *serviceValidator) identity() {
	if len(validation.IsDNS1035Label(v.s.ID)) > 0 || len(v.s.ID) > maxID {
		v.add(member(v.at, "id"), "D1", "write lower-case letters, digits and hyphens, beginning with a letter, at most 52", "%s cannot be a service's id", v.quote(v.s.ID))
	}
	if a := v.s.ServiceAccount; a != "" {
		v.d.serviceAccounts.resolve(v.validator, member(v.at, "serviceAccount"), named{name: a}, "`serviceAccounts`")
	}
	for i, arg := range v.s.Args {
		v.literal(element(member(v.at, "args"), i), "", arg)
	}
}

// kind looks at what only one kind of service has.
func (v *serviceValidator) kind() {
	switch v.s.Kind {
	case Deployment:
		if v.s.Job != nil {
			v.add(member(v.at, "job"), "D1", "remove it, or make the service a jobTemplate", "a deployment has no job")
		}
		if r := v.s.Replicas; r != nil && (*r < 0 || *r > maxReplicas) {
			v.add(member(v.at, "replicas"), "D1", "write 0 to 100", "%d replicas", *r)
		}
	case JobTemplate:
		if v.s.Replicas != nil {
			v.add(member(v.at, "replicas"), "D1", "remove it: each Job that is made from the template has one pod", "a job template has no replicas")
		}
		if j := v.s.Job; j != nil {
			v.seconds(member(v.at, "job", "activeDeadlineSeconds"), j.ActiveDeadlineSeconds, 1)
			v.seconds(member(v.at, "job", "ttlSecondsAfterFinished"), j.TTLSecondsAfterFinished, 0)
		}
	default:
		v.add(member(v.at, "kind"), "D1", "write deployment or jobTemplate", "%s is no kind of service", v.quote(v.s.Kind))
	}
}

func (v *serviceValidator) seconds(at jsontext.Pointer, n, least int) {
	if n < least || n > maxSeconds {
		v.add(at, "D1", "write seconds, at most a week", "%d seconds is out of range", n)
	}
}

func (v *serviceValidator) ports() {
	list := member(v.at, "ports")
	v.distinct("port name", len(v.s.Ports),
		func(i int) string { return v.s.Ports[i].Name }, func(i int) jsontext.Pointer { return member(element(list, i), "name") })
	v.distinct("port", len(v.s.Ports),
		func(i int) string { return strconv.Itoa(v.s.Ports[i].Port) }, func(i int) jsontext.Pointer { return member(element(list, i), "port") })
	for i, p := range v.s.Ports {
		at := element(list, i)
		if len(validation.IsValidPortName(p.Name)) > 0 {
			v.add(member(at, "name"), "D1", "write at most 15 lower-case letters, digits and hyphens, with a letter", "%s is no port's name", v.quote(p.Name))
		}
		if p.Port < 1024 || p.Port > 65535 {
			v.add(member(at, "port"), "D1", "write 1024 to 65535: containers do not run as root", "port %d is out of range", p.Port)
		}
	}
	h := v.s.Health
	if h == nil {
		return
	}
	at := member(v.at, "health")
	if len(v.s.Ports) == 0 {
		v.add(at, "D1", "declare the port that answers", "the service has health paths and no port")
	}
	for _, p := range []struct{ name, path string }{{"live", h.Live}, {"ready", h.Ready}} {
		if p.path != "" && (!strings.HasPrefix(p.path, "/") || strings.ContainsAny(p.path, " \t\r\n?#\\%") || len(p.path) > 200) {
			v.add(member(at, p.name), "D1", "write an absolute path such as /healthz", "%s is no path", v.quote(p.path))
		}
	}
}

func (v *serviceValidator) resources() {
	r := v.s.Resources
	if r == nil {
		return
	}
	at := member(v.at, "resources")
	for _, q := range []struct{ name, request, limit string }{
		{"cpu", r.Requests.CPU, r.Limits.CPU},
		{"memory", r.Requests.Memory, r.Limits.Memory},
		{"ephemeralStorage", r.Requests.EphemeralStorage, r.Limits.EphemeralStorage},
	} {
		var request, limit resource.Quantity
		valid := q.request != "" && q.limit != ""
		if q.request != "" {
			var ok bool
			request, ok = v.quantity(member(at, "requests", q.name), q.request)
			valid = valid && ok
		}
		if q.limit != "" {
			var ok bool
			limit, ok = v.quantity(member(at, "limits", q.name), q.limit)
			valid = valid && ok
		}
		if valid && request.Cmp(limit) > 0 {
			v.add(member(at, "requests", q.name), "D1", "request at most what the limit allows", "the request %s is above the limit %s", v.quote(q.request), v.quote(q.limit))
		}
	}
}
