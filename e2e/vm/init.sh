#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
#
# The guest's first process. Over the host's files, read-only by 9p, it lays an ext4 disk that takes every write, and
# hands over to guest.sh.

b=/bin/busybox
$b mkdir -p /proc /sys /dev /host /disk /new
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev

while read -r module; do $b insmod "/modules/$module" || echo "init: no module $module"; done </gantry/load

die() {
  echo "init: $1"
  $b poweroff -f
}

$b mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose host /host || die 'no host file system'
$b mount -t ext4 -o noatime,nobarrier /dev/vda /disk || die 'no disk'
$b mkdir -p /disk/upper /disk/work /disk/tmp /disk/lib /disk/cache
$b chmod 1777 /disk/tmp
$b mount -t overlay -o lowerdir=/host,upperdir=/disk/upper,workdir=/disk/work root /new || die 'no root'

cd /new || die 'no root'
$b mkdir -p proc sys dev run tmp sbin var/lib/gantry "lib/modules/$($b uname -r)"
# An overlay cannot carry an upper directory of another; the disk itself can.
$b mount --bind /disk/tmp tmp
$b mount --bind /disk/lib var/lib/gantry
$b mount -t tmpfs -o mode=755 run run
$b mount --bind "/host$($b cat /gantry/modules)" "lib/modules/$($b uname -r)"
# The kernel asks for modules through /sbin/modprobe, which the host may lack.
$b cp /bin/busybox run/busybox
$b ln -sf /run/busybox sbin/modprobe
$b mount --move /proc proc
$b mount --move /sys sys
$b mount --move /dev dev
$b cp /gantry/command run/gantry-command
$b cp /gantry/guest.sh run/gantry-guest
exec $b switch_root /new /run/busybox sh /run/gantry-guest
