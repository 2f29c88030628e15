// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package helm pins the command that build.sh builds.
package kube

import _ "helm.sh/helm/v4/cmd/helm"
