// SPDX-License-Identifier: Apache-2.0
import type { IoDeviceStats } from '../../runtime-core/cgroup/stats.ts'
import type { Family, Figures } from './family.ts'
import type { InterfaceTraffic } from './net-dev.ts'

/** The network of a pod, one series an interface. */
export const networkFamilies: readonly Family[] = [
  network('receive_bytes', 'bytes received', (one) => one.rxBytes),
  network('receive_packets', 'packets received', (one) => one.rxPackets),
  network('receive_packets_dropped', 'packets dropped while receiving', (one) => one.rxDropped),
  network('receive_errors', 'errors encountered while receiving', (one) => one.rxErrors),
  network('transmit_bytes', 'bytes transmitted', (one) => one.txBytes),
  network('transmit_packets', 'packets transmitted', (one) => one.txPackets),
  network('transmit_packets_dropped', 'packets dropped while transmitting', (one) => one.txDropped),
  network('transmit_errors', 'errors encountered while transmitting', (one) => one.txErrors),
]

/** Block devices, and the file system of the writable layer. */
export const diskFamilies: readonly Family[] = [
  device('container_fs_reads_bytes_total', 'Cumulative count of bytes read.', (one) => one.readBytes),
  device('container_fs_reads_total', 'Cumulative count of reads completed.', (one) => one.readOperations),
  device('container_fs_writes_bytes_total', 'Cumulative count of bytes written.', (one) => one.writeBytes),
  device('container_fs_writes_total', 'Cumulative count of writes completed.', (one) => one.writeOperations),
  {
    name: 'container_blkio_device_usage_total',
    help: 'Blkio Device bytes usage.',
    type: 'counter',
    labels: ['device', 'major', 'minor', 'operation'],
    read: ({ stats, deviceName }) =>
      (stats?.io?.devices ?? []).flatMap(({ major, minor, readBytes, writeBytes }) => {
        const labels = [deviceName(major, minor), String(major), String(minor)] as const
        return [
          [readBytes, ...labels, 'Read'],
          [writeBytes, ...labels, 'Write'],
        ] as const
      }),
  },
  layer('container_fs_usage_bytes', 'Bytes that the container has written to this file system.', ({ layer: own }) => {
    return own?.bytes
  }),
  layer('container_fs_limit_bytes', 'Size of the file system of the container in bytes.', ({ fileSystem }) => {
    return fileSystem?.sizeBytes
  }),
  layer('container_fs_inodes_total', 'Number of inodes.', ({ fileSystem }) => fileSystem?.inodes),
  layer('container_fs_inodes_free', 'Number of free inodes.', ({ fileSystem }) => fileSystem?.freeInodes),
]

function network(name: string, what: string, value: (one: InterfaceTraffic) => bigint): Family {
  return {
    name: `container_network_${name}_total`,
    help: `Cumulative count of ${what}.`,
    type: 'counter',
    labels: ['interface'],
    read: ({ interfaces }) => (interfaces ?? []).map((one) => [value(one), one.name]),
  }
}

function device(name: string, help: string, value: (one: IoDeviceStats) => number): Family {
  return {
    name,
    help,
    type: 'counter',
    labels: ['device'],
    read: ({ stats, deviceName }) =>
      (stats?.io?.devices ?? []).map((one) => [value(one), deviceName(one.major, one.minor)]),
  }
}

function layer(name: string, help: string, value: (figures: Figures) => bigint | undefined): Family {
  return {
    name,
    help,
    type: 'gauge',
    labels: ['device'],
    // Containers have a layer, pods have not.
    read: (figures) => (figures.layer === undefined ? [] : [[value(figures), figures.fileSystem?.device ?? '']]),
  }
}
