// SPDX-License-Identifier: Apache-2.0

import type { LayerEntry } from '../../deploy/image/tar.ts'
import type { DebianFiles } from './debian.ts'
import { textFile } from './rootfs.ts'

const TEMPORARY = ['body', 'fastcgi', 'proxy', 'scgi', 'uwsgi']

/**
 * Debian's nginx as a layer on the busybox root file system: listens on `port`, writes its pid to
 * `/var/run/nginx.pid` and its logs to its own standard output and error.
 */
export async function nginxLayer(debian: DebianFiles, port: number): Promise<LayerEntry[]> {
  const directories = [
    ['/usr/share', '/usr/share/nginx', '/usr/share/nginx/html', '/etc/nginx'],
    ['/var/lib', '/var/lib/nginx', ...TEMPORARY.map((name) => `/var/lib/nginx/${name}`), '/var/log/nginx'],
  ].flat()
  return [
    ...directories.map((path): LayerEntry => ({ kind: 'directory', path, mode: 0o755 })),
    ...(await debian.programs(['/usr/sbin/nginx'])),
    textFile('/usr/share/nginx/html/index.html', ['<!DOCTYPE html>', '<title>Welcome</title>', '<h1>It works!</h1>']),
    textFile('/etc/nginx/nginx.conf', configuration(port)),
    // The multi-container spec looks for the server's name in its log.
    textFile(
      '/usr/bin/httpd-foreground',
      ['#!/bin/sh', 'echo "httpd: starting"', 'exec nginx -g "daemon off;"'],
      0o755,
    ),
  ]
}

function configuration(port: number): string[] {
  return [
    'user www-data;',
    'worker_processes 1;',
    'pid /var/run/nginx.pid;',
    'error_log /dev/stderr notice;',
    'events { worker_connections 128; }',
    'http {',
    '  access_log /dev/stdout;',
    '  types { text/html html; }',
    '  server {',
    `    listen ${port};`,
    '    root /usr/share/nginx/html;',
    '  }',
    '}',
  ]
}
