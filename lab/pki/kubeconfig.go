package pki

import (
	"fmt"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	api "k8s.io/client-go/tools/clientcmd/api"
)

// Kubeconfig writes NAME.kubeconfig for the client NAME of the authority.
func (a *Authority) Kubeconfig(name, server string) error {
	cert, err := os.ReadFile(a.Path(name + ".crt"))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(a.Path(name + ".key"))
	if err != nil {
		return err
	}
	return kubeconfig(a.Dir, name, server, &api.AuthInfo{ClientCertificateData: cert, ClientKeyData: key})
}

// TokenKubeconfig writes NAME.kubeconfig in the folder of an authority for a
// client that has a token.
func TokenKubeconfig(dir, name, server, token string) error {
	return kubeconfig(dir, name, server, &api.AuthInfo{Token: token})
}

func kubeconfig(dir, name, server string, who *api.AuthInfo) error {
	a := Authority{Dir: dir}
	ca, err := os.ReadFile(a.Path("ca.crt"))
	if err != nil {
		return err
	}
	config := api.NewConfig()
	config.Clusters["lab"] = &api.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos[name] = who
	config.Contexts["lab"] = &api.Context{Cluster: "lab", AuthInfo: name}
	config.CurrentContext = "lab"
	// WriteToFile gives mode 0600.
	if err := clientcmd.WriteToFile(*config, a.Path(name+".kubeconfig")); err != nil {
		return fmt.Errorf("writing the kubeconfig of %s: %w", name, err)
	}
	return nil
}
