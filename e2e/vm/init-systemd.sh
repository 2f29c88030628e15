#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
#
# The guest's first process where systemd shall be the next. Over a Debian of its own, a disk that is only read, it lays
# one that takes every write; of the host's files it shows the repository alone, at its own place. The command is a
# service of the default target.
#
#   ttyS0, hvc0, hvc1   as in guest.sh

b=/bin/busybox
$b mkdir -p /proc /sys /dev /host /disk /debian /new
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev

while read -r module; do $b insmod "/modules/$module" || echo "init: no module $module"; done </gantry/load

die() {
  echo "init: $1"
  $b poweroff -f
}

repository=$($b cat /gantry/repository)
modules=lib/modules/$($b uname -r)
$b mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose host /host || die 'no host file system'
$b mount -t ext4 -o noatime,nobarrier /dev/vda /disk || die 'no disk'
$b mount -t ext4 -o ro,noatime /dev/vdb /debian || die 'no Debian'
$b mkdir -p /disk/upper /disk/work /disk/tmp /disk/lib /disk/repository /disk/repository-work
$b chmod 1777 /disk/tmp
$b mount -t overlay -o lowerdir=/debian,upperdir=/disk/upper,workdir=/disk/work root /new || die 'no root'
# An overlay cannot carry an upper directory of another; the disk itself can. The repository may be below either.
$b mkdir -p /new/var/lib/gantry "/new/$modules"
$b mount --bind /disk/tmp /new/tmp
$b mount --bind /disk/lib /new/var/lib/gantry
$b mkdir -p "/new$repository"
$b mount -t overlay -o "lowerdir=/host$repository,upperdir=/disk/repository,workdir=/disk/repository-work" repository \
  "/new$repository" || die 'no repository'
$b mount --bind "/host$($b cat /gantry/modules)" "/new/$modules"
$b mount -t tmpfs -o mode=755 run /new/run
echo gantry-vm >/new/etc/hostname
# The disk has a tmp already; systemd shall not lay a tmpfs over it.
$b ln -sf /dev/null /new/etc/systemd/system/tmp.mount

units=/new/run/systemd/system
$b mkdir -p "$units/multi-user.target.wants"
$b cp /gantry/command /new/run/gantry-command
$b cp /bin/busybox /new/run/busybox
$b cat >"$units/gantry-command.service" <<'UNIT'
[Unit]
Description=The command that the machine was started for
After=multi-user.target dbus.service

[Service]
Delegate=yes
OOMPolicy=continue
ExecStartPre=/run/busybox stty -F /dev/hvc0 raw -echo
ExecStartPre=/run/busybox stty -F /dev/hvc1 raw -echo
ExecStart=/bin/sh -c 'setsid sh /run/gantry-command </dev/null >/dev/hvc0 2>&1; echo $? >/dev/hvc1; systemctl poweroff -ff'
UNIT
$b ln -s ../gantry-command.service "$units/multi-user.target.wants/gantry-command.service"
for file in /proc /sys /dev; do $b mount --move "$file" "/new$file"; done
exec $b switch_root /new /lib/systemd/systemd
