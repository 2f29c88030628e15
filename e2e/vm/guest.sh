#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
#
# The guest once its root file system stands: what systemd would mount, a pure cgroup v2, and then the command, as a
# service would run: in a cgroup below the root, with no controller given to it yet.
#
#   ttyS0     what the kernel and these scripts say
#   hvc0      what the command says
#   hvc1      the command's exit code, the last word

b=/run/busybox
$b mkdir -p /dev/pts /dev/shm /dev/mqueue
$b mount -t devpts -o gid=5,mode=620,ptmxmode=666 pts /dev/pts
$b mount -t tmpfs shm /dev/shm
$b mount -t mqueue mqueue /dev/mqueue
$b mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
$b mount -t bpf bpf /sys/fs/bpf
$b mount -t securityfs security /sys/kernel/security
$b hostname gantry-vm
$b ip link set lo up
echo /sbin/modprobe >/proc/sys/kernel/modprobe
# Else the first pod with a limited bandwidth brings two links that nobody asked for, and that would count as left behind.
$b mkdir -p /etc/modprobe.d
echo 'options ifb numifbs=0' >/etc/modprobe.d/gantry-vm.conf
# What `shared` propagation promises holds on every host that systemd started.
$b mount --make-rshared /
$b mkdir /sys/fs/cgroup/system.slice
$b stty -F /dev/hvc0 raw -echo
$b stty -F /dev/hvc1 raw -echo
(
  echo 0 >/sys/fs/cgroup/system.slice/cgroup.procs
  exec $b setsid $b sh /run/gantry-command </dev/null >/dev/hvc0 2>&1
)
echo $? >/dev/hvc1
$b poweroff -f
