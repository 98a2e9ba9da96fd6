#!/bin/busybox sh
# Lays control groups out as systemd does and runs the commands that the second serial port asks for, one after the other, in what
# is a login session on a machine with systemd: N means the script N.sh; the answer is N and its exit code.
set -e
bb=/run/busybox
share=/run/machine
cgroups=/sys/fs/cgroup

$bb mkdir -p /dev/pts /dev/shm /dev/mqueue
$bb mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
$bb mount -t tmpfs -o mode=1777 shm /dev/shm
$bb mount -t mqueue mqueue /dev/mqueue
$bb ip link set lo up
$bb hostname v2-machine

# The kernel asks for modules by itself, as on a user's machine; it has no module loader of the host's to run.
$bb mkdir -p /lib/modules
$bb mount --bind /run/modules /lib/modules
printf '#!/run/busybox sh\nexec /run/busybox modprobe "$@"\n' > /run/modprobe
$bb chmod 755 /run/modprobe
echo /run/modprobe > /proc/sys/kernel/modprobe
for module in veth bridge br_netfilter nf_tables overlay; do $bb modprobe "$module"; done

$bb mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 "$cgroups"
session="$cgroups/user.slice/user-0.slice/session-1.scope"
$bb mkdir -p "$session" "$cgroups/init.scope"
echo 1 > "$cgroups/init.scope/cgroup.procs"
for group in "$cgroups" "$cgroups/user.slice" "$cgroups/user.slice/user-0.slice"; do
  echo "+cpu +memory +pids" > "$group/cgroup.subtree_control"
done

$bb stty -F /dev/ttyS1 raw -echo
exec < /dev/ttyS1 > /dev/ttyS1 2> /dev/ttyS0
echo "ready 0"
while read -r id; do
  code=0
  $bb sh -c "echo \$\$ > $session/cgroup.procs; exec /bin/sh $share/$id.sh" \
    < /dev/null > "$share/$id.out" 2> "$share/$id.err" || code=$?
  echo "$id $code"
done
