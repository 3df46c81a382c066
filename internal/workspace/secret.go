package workspace

import (
	"os"
	"path/filepath"
	"slices"
)

// secretVariables name files that hold credentials of the job, or that the runner reads
// commands from.
var secretVariables = []string{
	"GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY", "GITHUB_EVENT_PATH",
	"ACTIONS_ID_TOKEN_REQUEST_TOKEN_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
	"AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_CERTIFICATE_PATH", "GOOGLE_APPLICATION_CREDENTIALS", "NETRC", "KUBECONFIG",
	"REGISTRY_AUTH_FILE", "SIGSTORE_ID_TOKEN_FILE", "SSH_AUTH_SOCK", "GIT_ASKPASS",
}

// secretFiles are credentials in the home folder, in the places that their programs use.
var secretFiles = []string{
	".netrc", ".git-credentials", ".vault-token", ".config/gh/hosts.yml", ".config/git/credentials", ".docker/config.json",
	".aws/credentials", ".aws/config", ".config/gcloud/application_default_credentials.json", ".config/gcloud/credentials.db",
	".azure/msal_token_cache.json", ".kube/config",
}

// CheckSecret rejects an opened file that is one of the job's files with credentials, by
// whatever name it was opened, or one of inUse, such as a signing key.
func CheckSecret(f *os.File, inUse ...string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	for _, secret := range slices.Concat(secretPaths(), inUse) {
		if other, err := os.Stat(secret); err == nil && os.SameFile(info, other) {
			return pathError(f.Name(), ErrProtected, "files with credentials of this job are not read as a source")
		}
	}
	return nil
}

func secretPaths() []string {
	var paths []string
	for _, name := range secretVariables {
		if value := os.Getenv(name); value != "" {
			paths = append(paths, value)
		}
	}
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		paths = append(paths, filepath.Join(dir, "config.json"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		for _, name := range secretFiles {
			paths = append(paths, filepath.Join(home, name))
		}
	}
	return paths
}
