// SPDX-License-Identifier: Apache-2.0

// Command grpc-health answers gRPC health checks on the address given, for the probes of a kubelet: serving, until a
// file named by the second argument exists.
package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

type checker struct {
	health.UnimplementedHealthServer
	sickFile string
}

func (c checker) Check(_ context.Context, request *health.HealthCheckRequest) (*health.HealthCheckResponse, error) {
	if service := request.GetService(); service != "" && service != "store" {
		return nil, status.Errorf(codes.NotFound, "unknown service %q", service)
	}
	if _, err := os.Stat(c.sickFile); err == nil {
		return &health.HealthCheckResponse{Status: health.HealthCheckResponse_NOT_SERVING}, nil
	}
	return &health.HealthCheckResponse{Status: health.HealthCheckResponse_SERVING}, nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: grpc-health ADDRESS FILE")
		os.Exit(2)
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := grpc.NewServer()
	health.RegisterHealthServer(server, checker{sickFile: os.Args[2]})
	if err := server.Serve(listener); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
