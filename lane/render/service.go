package render

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/pikasTech/agentrun/lane/intent"
)

// jobKey is the key of a job template's ConfigMap, and the file's name where it
// is mounted.
const jobKey = "job.yaml"

// jobGrace is how long a Job's pod may take to end after it was asked to, in seconds. It
// has work under way, unlike a Deployment's pod: AgentRun's runner stops its agent, stores
// what there is and says how it ended, and gives up by itself ten seconds before.
const jobGrace = 120

// jobConfigMap is the name of the ConfigMap that holds a job template.
func jobConfigMap(id string) string { return id + "-job" }

// service is the file of one enabled service.
func (r *renderer) service(s intent.Service) (file, error) {
	f := file{path: "services/" + s.ID + ".yaml"}
	build := r.deployment
	if s.Kind == intent.JobTemplate {
		build = r.jobTemplate
	}
	main, err := build(s)
	if err != nil {
		return f, fmt.Errorf("service %s: %w", s.ID, err)
	}
	policy, err := r.policy(s)
	if err != nil {
		return f, fmt.Errorf("service %s: %w", s.ID, err)
	}
	f.objects = append(f.objects, main)
	if s.Kind == intent.Deployment && len(s.Ports) > 0 {
		f.objects = append(f.objects, r.clusterIP(s))
	}
	f.objects = append(f.objects, policy)
	return f, nil
}

func (r *renderer) deployment(s intent.Service) (object, error) {
	pod, err := r.pod(s, componentPod)
	if err != nil {
		return nil, err
	}
	pod.Annotations = map[string]string{}
	if digest := r.configDigest(s); digest != "" {
		pod.Annotations["lane.agentrun.dev/config"] = digest
	}
	if cs, _ := r.c.Service(s.ID); cs.Generation != "" {
		pod.Annotations["lane.agentrun.dev/generation"] = string(cs.Generation)
	}
	replicas := int32(1)
	if s.Replicas != nil {
		replicas = int32(*s.Replicas)
	}
	return &appsv1.Deployment{
		TypeMeta: kind("apps/v1", "Deployment"), ObjectMeta: r.meta(s.ID, componentPod),
		Spec: appsv1.DeploymentSpec{
			Replicas:             &replicas,
			RevisionHistoryLimit: new(int32(3)), // the way back is the GitOps branch
			Selector:             selector(s.ID),
			Strategy:             r.strategy(s, replicas),
			Template:             pod,
		},
	}, nil
}

// selector selects a service's pods. It cannot change in the life of a
// Deployment, so it is one label only.
func selector(id string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{nameLabel: id}}
}

// strategy replaces pods one by one without a gap, but where the next pod could
// not mount the claim that the last one holds. Several pods that share a claim of
// one node run on that node already, and so can the next.
func (r *renderer) strategy(s intent.Service, replicas int32) appsv1.DeploymentStrategy {
	for _, v := range s.Volumes {
		mode := corev1.PersistentVolumeAccessMode(r.claims[v.PersistentVolumeClaim])
		if mode == corev1.ReadWriteOncePod || mode == corev1.ReadWriteOnce && replicas < 2 {
			return appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
		}
	}
	return appsv1.DeploymentStrategy{
		Type:          appsv1.RollingUpdateDeploymentStrategyType,
		RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: new(intstr.FromInt32(1)), MaxUnavailable: new(intstr.FromInt32(0))},
	}
}

// clusterIP is the service's Service: nothing outside the cluster reaches it.
func (r *renderer) clusterIP(s intent.Service) object {
	svc := &corev1.Service{
		TypeMeta: kind("v1", "Service"), ObjectMeta: r.meta(s.ID, componentPod),
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Selector: selector(s.ID).MatchLabels},
	}
	for _, p := range s.Ports {
		svc.Spec.Ports = append(svc.Spec.Ports, corev1.ServicePort{
			Name: p.Name, Port: int32(p.Port), TargetPort: intstr.FromString(p.Name), Protocol: corev1.ProtocolTCP,
		})
	}
	return svc
}

// jobTemplate is a ConfigMap with a complete Job, for another service of the lane
// to create with a name of its own choice.
func (r *renderer) jobTemplate(s intent.Service) (object, error) {
	pod, err := r.pod(s, componentJob)
	if err != nil {
		return nil, err
	}
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	pod.Spec.TerminationGracePeriodSeconds = new(int64(jobGrace))
	bounds := intent.Job{ActiveDeadlineSeconds: 3600, TTLSecondsAfterFinished: 3600}
	if s.Job != nil {
		bounds = *s.Job
	}
	job := &batchv1.Job{
		TypeMeta: kind("batch/v1", "Job"), ObjectMeta: r.meta("", componentJob),
		Spec: batchv1.JobSpec{
			BackoffLimit:            new(int32(0)), // whoever creates it decides about another attempt
			ActiveDeadlineSeconds:   new(int64(bounds.ActiveDeadlineSeconds)),
			TTLSecondsAfterFinished: new(int32(bounds.TTLSecondsAfterFinished)),
			Template:                pod,
		},
	}
	job.GenerateName = s.ID + "-"
	job.Labels[nameLabel] = s.ID
	manifest, err := encode([]object{job})
	if err != nil {
		return nil, err
	}
	meta := r.meta(jobConfigMap(s.ID), componentJob)
	meta.Labels[nameLabel] = s.ID
	return &corev1.ConfigMap{TypeMeta: kind("v1", "ConfigMap"), ObjectMeta: meta, Data: map[string]string{jobKey: string(manifest)}}, nil
}
