# Nobody becomes another by what carries identities: the timer slack, an exec that fails.
cd "$(mktemp -d)" && chmod 1777 . && umask 022
id -u ann >/dev/null 2>&1 || useradd -m -s /bin/sh -u 1000 ann
ann() { su ann -c "$1" 2>&1; echo "rc $?"; }
for slack in 0 1 50000 50001 50002 4000000000; do ann "echo $slack >/proc/self/timerslack_ns; id -u; sh -c 'id -u'"; done
ann 'exec 3</proc/self/timerslack_ns; echo 50001 >/proc/self/fd/3; echo 50001 >/proc/$$/timerslack_ns; id -u'
ann 'cd /proc/self; echo 50001 >timerslack_ns; echo 50001 >>./timerslack_ns; ln -s /proc/self/timerslack_ns ~/l; echo 50001 >~/l; rm ~/l; id -u'
setpriv --reuid=1000 --regid=1000 --clear-groups sh -c 'echo 0 >/proc/self/timerslack_ns; id -u'
perl -e 'for my $v (0, 1, 50001) { $) = "1000 1000"; syscall(117, 1000, 1000, 1000); print syscall(157, 29, $v, 0, 0, 0), " $<\n" }'
ann 'cat /proc/self/timerslack_ns'; cat /proc/self/timerslack_ns
setpriv --bounding-set=-setuid sh -c 'echo 50002 >/proc/self/timerslack_ns; id -u; grep ^CapBnd /proc/self/status | tail -c 3'
sleep 60 & other=$!
ann "(echo 50001 >/proc/$other/timerslack_ns) 2>/dev/null || echo refused"; stat -c %U /proc/$other
setpriv --reuid=1000 --regid=1000 --clear-groups sleep 60 & anns=$!
touch slack && mount --bind /proc/$anns/timerslack_ns slack && { echo 50001 >slack; umount slack; }
mkdir mnt && mount --bind /proc/$anns mnt && { echo 50001 >mnt/timerslack_ns; umount mnt; }
stat -c %U /proc/$anns; kill $other $anns
ann 'chrt -f 1 id -u 2>/dev/null || echo refused'
cat >scoped <<'P'
use Fcntl; sysopen(D, $ARGV[0], O_RDONLY) or die; my $how = pack("QQQ", $ARGV[2], 0, 0x10);
my $fd = syscall(437, fileno(D), $ARGV[1], $how, 24); print $fd < 0 ? "refused\n" : "opened\n";
P
ann 'perl scoped /etc /shadow 0; perl scoped /root /.bashrc 0'
# An exec that the kernel refuses for its arguments.
cat >fails <<'P'
use POSIX ":sys_wait_h"; $| = 1;
sub ids { open(S, "/proc/self/status"); my ($u) = grep /^Uid/, <S>; close S; print "$_[0] $< $> $u" }
for (1 .. 2) { syscall(59, $ARGV[0], 1, 0); print "$!\n"; if (!fork) { ids("child"); exit } wait; ids("parent") }
syscall(59, $ARGV[0], 1, 0); my $p = fork; if (!$p) { sleep 1; exec "id", "-u" } system "stat", "-c", "%U", "/proc/$p"; wait;
P
ann 'perl fails /usr/bin/su; perl fails /usr/bin/passwd'
# One that it does, of the program that runs already.
cp /usr/bin/perl p && chmod 4755 p
cat >again <<'P'
$ENV{PATH} = "/bin:/usr/bin"; delete @ENV{qw(IFS CDPATH ENV BASH_ENV)}; print "$< $>\n"; exit if !@ARGV; $| = 1;
my $p = "./p"; syscall(117, 1000, 1000, 1000); print "$< $>\n"; syscall(59, $p, 1, 0); if (!fork) { print "child $< $>\n"; exit } wait;
syscall(59, $p, 1, 0); print "parent $< $>\n"; exec $p, "again";
P
ann './p again once'
# Saved ids go with any exec, of a script too.
printf '#!/bin/sh\ngrep ^Uid /proc/self/status\n' >script && chmod 755 script
perl -e 'syscall(117, 1000, 1000, 0); exec "./script"'
perl -e 'syscall(117, 0, 1000, 0); exec "./script"'
perl -e 'syscall(117, 1000, 0, 1000); exec "/bin/sh", "-c", "grep ^Uid /proc/self/status"'
