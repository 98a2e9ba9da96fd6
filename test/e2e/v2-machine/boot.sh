#!/bin/busybox sh
# The first program of the machine, from the initial RAM disk: it makes the host's files, read-only, the root of this machine, with
# memory above them for what is written, and goes on there.
set -e
bb=/bin/busybox
$bb mkdir -p /proc /sys /dev /host /above /machine
$bb mount -t proc proc /proc
$bb mount -t sysfs sys /sys
$bb mount -t devtmpfs dev /dev
while read -r module; do $bb insmod "/modules/$module.ko"; done < /modules/order
$bb mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,ro,cache=loose host /host
$bb mount -t tmpfs -o mode=755 above /above
$bb mkdir /above/upper /above/work
$bb mount -t overlay -o lowerdir=/host,upperdir=/above/upper,workdir=/above/work,volatile machine /machine
for folder in proc sys dev; do $bb mount --move "/$folder" "/machine/$folder"; done
# What may not lie on an overlay, because it is to become a layer of one, lies here.
$bb mount -t tmpfs -o mode=755 run /machine/run
$bb mkdir /machine/run/machine /machine/run/modules /machine/run/tmp
$bb mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=none share /machine/run/machine
$bb mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,ro,cache=loose modules /machine/run/modules
$bb cp "$bb" /machine/run/busybox
echo "::once:/run/busybox sh /run/machine/serve.sh" > /machine/etc/inittab
exec $bb switch_root /machine /run/busybox init
