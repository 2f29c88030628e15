// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package tools names what critest is built from, so that `go mod tidy` keeps the sums of every module that build.sh
// needs: critest is a test binary, which a tool directive in go.mod (crictl has one) cannot name.
package tools

import (
	_ "sigs.k8s.io/cri-tools/pkg/benchmark"
	_ "sigs.k8s.io/cri-tools/pkg/framework"
	_ "sigs.k8s.io/cri-tools/pkg/validate"
)
