// Package volumes stands in for a provisioner of storage: a fixed number of
// volumes that are folders on the node, ready to be claimed, under the name of the
// real host's default class. A volume that was given back is emptied and offered
// again. It is a test aid and no part of a release.
package volumes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Class is the default storage class.
const Class = "local-path"

// label marks the volumes that belong here.
const label = "lab.agentrun.dev/volume"

// Make makes the folders in dir; everybody may write to them, as with the real
// provisioner, because a claim's user is not known yet.
func Make(dir string, count int) error {
	for i := range count {
		if err := fresh(filepath.Join(dir, name(i))); err != nil {
			return fmt.Errorf("making volumes: %w", err)
		}
	}
	return nil
}

func name(i int) string { return fmt.Sprintf("local-%02d", i) }

func fresh(path string) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	return os.Chmod(path, 0o777) // the umask would take some away
}

// Volume is the object of the i-th folder in dir on a node.
func Volume(dir, node string, i int) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolume"},
		ObjectMeta: metav1.ObjectMeta{Name: name(i), Labels: map[string]string{label: "local"}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("20Gi")},
			AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			StorageClassName:              Class,
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				Local: &corev1.LocalVolumeSource{Path: filepath.Join(dir, name(i))},
			},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{
					Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node},
				}}}},
			}},
		},
	}
}

// Recycle empties volumes that were released and offers them again, until ctx
// ends. Only folders in dir are ever touched.
func Recycle(ctx context.Context, client kubernetes.Interface, dir string) error {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0,
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = label }))
	defer factory.Shutdown()
	released := make(chan *corev1.PersistentVolume, 64)
	note := func(object any) {
		if pv, ok := object.(*corev1.PersistentVolume); ok && pv.Status.Phase == corev1.VolumeReleased {
			released <- pv
		}
	}
	_, err := factory.Core().V1().PersistentVolumes().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: note, UpdateFunc: func(_, now any) { note(now) },
	})
	if err != nil {
		return fmt.Errorf("following volumes: %w", err)
	}
	factory.Start(ctx.Done())
	for {
		select {
		case <-ctx.Done():
			return nil
		case pv := <-released:
			if err := recycle(ctx, client, dir, pv.Name); err != nil {
				slog.Error("recycling a volume", "volume", pv.Name, "error", err)
				time.AfterFunc(time.Second, func() { note(pv) })
			}
		}
	}
}

func recycle(ctx context.Context, client kubernetes.Interface, dir, name string) error {
	// Asked anew: what was seen may be old, and the volume in use again.
	pv, err := client.CoreV1().PersistentVolumes().Get(ctx, name, metav1.GetOptions{})
	if err != nil || pv.Status.Phase != corev1.VolumeReleased {
		return err
	}
	if pv.Spec.Local == nil || pv.Spec.Local.Path != filepath.Join(dir, pv.Name) {
		return errors.New("its folder is not where it should be")
	}
	if err := fresh(pv.Spec.Local.Path); err != nil {
		return err
	}
	// The version makes it a refusal when somebody else was faster.
	patch := fmt.Appendf(nil, `{"metadata":{"resourceVersion":%q},"spec":{"claimRef":null}}`, pv.ResourceVersion)
	if _, err = client.CoreV1().PersistentVolumes().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return err
	}
	slog.Info("volume recycled", "volume", name)
	return nil
}
