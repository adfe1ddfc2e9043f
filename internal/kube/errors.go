package kube

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pikasTech/agentrun/internal/fail"
)

// kind is what sort of no an answer is.
type kind int

const (
	other kind = iota
	notFound
	noResource // the server does not serve the resource
	unauthorized
	forbidden
	conflict
	exists
	denied  // by admission
	passing // denied, but for now
	unreachable
)

// refusal is why a question has no answer. Its text is cleaned; the cause is kept
// for errors.As and never printed.
type refusal struct {
	kind  kind
	text  string
	cause error
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.cause }

func is(err error, kinds ...kind) bool {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		return false
	}
	return slices.Contains(kinds, r.kind)
}

// IsNotFound: there is no such object, or no such namespace. A resource that the
// server does not serve is something else, IsNoResource.
func IsNotFound(err error) bool { return is(err, notFound) }

// IsNoResource: the server does not serve the resource, or not in this version.
func IsNoResource(err error) bool { return is(err, noResource) }

// IsForbidden: the account is known and may not.
func IsForbidden(err error) bool { return is(err, forbidden) }

// IsUnauthorized: the server does not know the account.
func IsUnauthorized(err error) bool { return is(err, unauthorized) }

// IsConflict: somebody else changed the object meanwhile, or owns a field.
func IsConflict(err error) bool { return is(err, conflict) }

// IsAlreadyExists: an object of that name is there already.
func IsAlreadyExists(err error) bool { return is(err, exists) }

// IsDenied: admission refuses it: a webhook, a policy, or a schema.
func IsDenied(err error) bool { return is(err, denied, passing) }

// IsPassing: it is denied for now, and the same request may be admitted later: a webhook
// that must agree does not answer, or a quota is used up.
func IsPassing(err error) bool { return is(err, passing) }

// IsUnreachable: nobody answered, or the answer broke off or came too late.
func IsUnreachable(err error) bool { return is(err, unreachable) }

// question is one thing asked of the server, for messages.
type question struct {
	verb      string // as RBAC has it
	gvr       schema.GroupVersionResource
	sub       string // subresource, such as log
	namespace string
	name      string
	where     string // instead, for what is no resource
}

// resource is the resource as RBAC and kubectl name it.
func (q question) resource() string {
	s := q.gvr.Resource
	if q.sub != "" {
		s += "/" + q.sub
	}
	return s
}

// Resource is a resource with its group, such as pipelineruns.tekton.dev.
func Resource(gvr schema.GroupVersionResource) string { return gvr.GroupResource().String() }

func (q question) String() string {
	if q.where != "" {
		return q.where
	}
	s := q.resource()
	if q.gvr.Group != "" {
		s += "." + q.gvr.Group
	}
	switch {
	case q.namespace != "" && q.name != "":
		s += " " + q.namespace + "/" + q.name
	case q.name != "":
		s += " " + q.name
	case q.namespace != "":
		s += " in " + q.namespace
	}
	return s
}

// errSlow ends a request that takes too long.
var errSlow = errors.New("the server did not answer in time")

func clean(s string) string { return fail.Clean(s, 600) }

// explain turns what went wrong with q into an error for people.
func (c *Client) explain(ctx context.Context, q question, err error) error {
	if err == nil {
		return nil
	}
	doing := fmt.Sprintf("asking %s to %s %s", c.Server, q.verb, q)
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	r, hint := c.judge(ctx, q, err)
	return &fail.Error{Code: fail.Failed, Where: c.Server, Hint: hint, Err: fmt.Errorf("cannot %s %s: %w", q.verb, q, r)}
}

// judge finds out why, and what can be done.
func (c *Client) judge(ctx context.Context, q question, err error) (*refusal, string) {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok {
		return transport(err)
	}
	s := status.ErrStatus
	said := clean(s.Message)
	no := func(k kind, hint, format string, args ...any) (*refusal, string) {
		return &refusal{k, fmt.Sprintf(format, args...), err}, hint
	}
	// One that answers no gives an answer of its own, and no 500.
	webhook := s.Code >= 500 && (strings.Contains(s.Message, "failed calling webhook") || strings.Contains(s.Message, "conversion webhook for"))
	switch {
	case webhook:
		return no(passing, "see why the webhook's pods do not answer (kubectl get pods -A), then run it again", "a webhook that must agree does not answer: %s", said)
	case s.Reason == metav1.StatusReasonNotFound && (q.gvr.Resource != "" && hasCause(s, metav1.CauseTypeUnexpectedServerResponse)):
		return c.noResource(ctx, q, err)
	case s.Reason == metav1.StatusReasonNotFound && s.Details != nil && s.Details.Kind == "namespaces" && q.gvr.Resource != "namespaces":
		return no(notFound, "make the namespace first", "there is no namespace %s", clean(s.Details.Name))
	case s.Reason == metav1.StatusReasonNotFound:
		return no(notFound, "see whether its name and the kubeconfig's cluster are the right ones", "there is no such object")
	case s.Reason == metav1.StatusReasonUnauthorized:
		return no(unauthorized, "renew the credentials of the kubeconfig's user", "the server does not know this account (401): %s", said)
	case s.Reason == metav1.StatusReasonForbidden && byRBAC.MatchString(s.Message):
		q.verb = byRBAC.FindStringSubmatch(s.Message)[1] // an apply may lack create
		return no(forbidden, q.grant(), "this account may not %s: %s", q.permission(), said)
	case s.Reason == metav1.StatusReasonForbidden && q.where != "":
		return no(forbidden, "let the account read "+q.where, "this account may not: %s", said)
	case s.Reason == metav1.StatusReasonForbidden && hasCause(s, "NamespaceTerminating"):
		return no(denied, "wait until the namespace is gone, then make it again", "the namespace is being deleted: %s", said)
	case s.Reason == metav1.StatusReasonForbidden && byQuota.MatchString(s.Message):
		return no(passing, "raise the quota, or wait until something that it counts is gone, then run it again", "the cluster refuses it: %s", said)
	case s.Reason == metav1.StatusReasonForbidden:
		return no(denied, "mend what the message names, then run it again", "the cluster refuses it: %s", said)
	case s.Reason == metav1.StatusReasonAlreadyExists:
		return no(exists, "use another name, or delete the one that is there", "an object of this name exists already")
	case s.Reason == metav1.StatusReasonConflict && hasCause(s, metav1.CauseTypeFieldManagerConflict):
		return no(conflict, "find out who else writes the object: "+c.manager+" does not share its fields", "another field manager owns what %s would write: %s", c.manager, said)
	case s.Reason == metav1.StatusReasonConflict:
		return no(conflict, "run it again", "somebody else changed the object meanwhile: %s", said)
	case s.Reason == metav1.StatusReasonInvalid, s.Code == http.StatusBadRequest, s.Code == http.StatusUnprocessableEntity:
		return no(denied, "mend what the message names, then run it again", "the server refuses it: %s", said)
	case s.Code == http.StatusTooManyRequests, s.Code >= 500:
		return no(unreachable, "see the API server's log, then run it again", "the server answers %d: %s", s.Code, said)
	}
	return no(other, "see what the server's address leads to", "the server answers %d: %s", s.Code, said)
}

// byRBAC is how an authorizer words a no, byQuota how a quota does that has no room, or
// has not been counted yet.
var (
	byRBAC  = regexp.MustCompile(` cannot ([a-z]+) resource `)
	byQuota = regexp.MustCompile(` is forbidden: (exceeded quota|status unknown for quota): `)
)

func hasCause(s metav1.Status, t metav1.CauseType) bool {
	if s.Details == nil {
		return false
	}
	for _, c := range s.Details.Causes {
		if c.Type == t {
			return true
		}
	}
	return false
}

// permission is what RBAC would have to allow.
func (q question) permission() string {
	s := q.verb + " " + q.resource()
	if q.gvr.Group != "" {
		s += " of group " + q.gvr.Group
	}
	if q.namespace != "" {
		return s + " in namespace " + q.namespace
	}
	return s + " in the cluster"
}

// grant is a command that would allow it.
func (q question) grant() string {
	resource := q.gvr.Resource
	if q.gvr.Group != "" {
		resource += "." + q.gvr.Group
	}
	if q.sub != "" {
		resource += "/" + q.sub
	}
	kind, scope := "clusterrole", ""
	if q.namespace != "" {
		kind, scope = "role", " -n "+q.namespace
	}
	return fmt.Sprintf("let an administrator grant it: kubectl%s create %s NAME --verb=%s --resource=%s, and bind it to the account with create %sbinding",
		scope, kind, q.verb, resource, kind)
}

// transport says what stood in the way of an answer.
func transport(err error) (*refusal, string) {
	text := err.Error()
	if e, ok := errors.AsType[*url.Error](err); ok {
		text = e.Err.Error()
	}
	// A context of one's own that ended is not the caller's interruption.
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		err = errSlow
	}
	no := func(hint, text string) (*refusal, string) { return &refusal{unreachable, clean(text), err}, hint }
	switch {
	case errors.Is(err, errSlow):
		return no("see whether the server is overloaded, or something else listens at its address", errSlow.Error())
	case errors.Is(err, errTooLarge):
		return no("find out what answers at this address", errTooLarge.Error())
	case strings.Contains(text, "getting credentials"):
		return no("mend or install the kubeconfig's credential program", text)
	case strings.Contains(text, "x509: "), strings.Contains(text, "tls: "):
		return no("see whether the kubeconfig's certificate authority is that of this server", text)
	case strings.Contains(text, "HTTP response to HTTPS client"):
		return no("see whether the kubeconfig's server is the API server's address", text)
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return no("see whether the kubeconfig's server has a name that this machine can resolve", text)
	}
	return no("start the cluster, or mend the server's address in the kubeconfig", text)
}
