"""The Helm chart, generated from the sources of the kustomize overlays."""
