# What Linux asks the file's or the process' owner for: datagrams, watches, statfs, priorities.
cd "$(mktemp -d)" && chmod 1777 . && umask 022
id -u ann >/dev/null 2>&1 || useradd -m -s /bin/sh -u 1000 ann
id -u bob >/dev/null 2>&1 || useradd -m -s /bin/sh -u 1001 bob
ann() { su ann -c "$1" 2>&1; echo "rc $?"; }
mkdir -m 700 closed && touch closed/in shut open && chmod 600 shut closed/in
cat >dgram <<'P'
use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0) or die;
my $name = sockaddr_un($ARGV[0]); my $data = "x";
print send(S, $data, 0, $name) ? "sendto ok\n" : "sendto $!\n";
my $iov = pack("QQ", unpack("Q", pack("p", $data)), 1);
my $msg = pack("QLLQQQQQ", unpack("Q", pack("p", $name)), length $name, 0, unpack("Q", pack("p", $iov)), 1, 0, 0, 0);
print syscall(46, fileno(S), $msg, 0) < 0 ? "sendmsg $!\n" : "sendmsg ok\n";
my $two = ($msg . pack("LL", 0, 0)) x 2;
my $sent = syscall(307, fileno(S), $two, 2, 0); print $sent < 0 ? "sendmmsg $!\n" : "sendmmsg $sent\n";
P
cat >server <<'P'
use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0) or die; bind(S, sockaddr_un("s")) or die; setsockopt(S, SOL_SOCKET, SO_RCVTIMEO, pack("qq", 3, 0));
chmod oct($ARGV[0]), "s"; open(R, ">ready"); my $n = 0; $n++ while $n < $ARGV[1] && defined recv(S, my $b, 9, 0); print "received $n\n"; unlink "s", "ready";
P
wait_for() { for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e "$1" ] && return; sleep 0.2; done; }
perl server 600 4 >got & wait_for ready; ann 'perl dgram s'; perl dgram s; wait; cat got
perl server 622 8 >got & wait_for ready; ann 'perl dgram s'; perl dgram s; wait; cat got
ann 'perl dgram closed/in; perl dgram nothing'
perl -e 'use Socket; socket(S,AF_INET,SOCK_DGRAM,0); bind(S,sockaddr_in(0,INADDR_LOOPBACK)); send(S,"udp\n",0,getsockname S) or die; recv(S,$b,9,0); print $b'
cat >watch <<'P'
my $fd = syscall(253); for (@ARGV) { my $path = $_; print "watch $path: ", syscall(254, $fd, $path, 0x2) < 0 ? "$!" : "ok", "\n" }
P
cat >fs <<'P'
for (@ARGV) { my ($path, $b, $h) = ($_, "\0" x 200, pack("LL", 128, 0) . "\0" x 128);
print "statfs $path: ", syscall(137, $path, $b) < 0 ? "$!" : "ok", "\n"; my $m = pack("Q", 0);
print "handle $path: ", syscall(303, -100, $path, $h, $m, 0) < 0 ? ($!{EACCES} ? "$!" : "other") : "ok", "\n" }
P
sed -i 's/^for/use Errno; for/' fs
ann 'perl watch /root closed closed/in shut open nothing .; perl fs /root/.bashrc /root closed/in shut open'
perl watch /root closed closed/in shut open; perl fs /root/.bashrc closed/in | grep statfs
setsid sleep 60 & roots=$!; setpriv --reuid=1001 --regid=1001 --clear-groups setsid sleep 60 & bobs=$!; sleep 0.5
prio() { perl -e 'my ($call, $which, $who, $value) = @ARGV; print "$call $which: ", syscall($call, $which + 0, $who + 0, $value + 0) < 0 ? "$!" : "ok", "\n"' "$@"; }
export -f prio
annp() { setpriv --reuid=1000 --regid=1000 --clear-groups bash -c "$1" 2>&1; }
nices() { for p in $roots $bobs; do awk '{print $19}' /proc/$p/stat; done; }
annp "prio 141 0 $roots 5; prio 141 0 $bobs 5; prio 141 2 1001 5; prio 141 2 1002 5; prio 141 2 1000 5; prio 141 2 0 6; nice; prio 141 1 $roots 5; prio 141 1 0 7"
nices
annp "prio 251 1 $roots 16388; prio 251 1 $bobs 16388; prio 251 3 1001 16388; prio 251 3 1000 16388; prio 251 1 0 16388; prio 251 2 $roots 16388; ionice -p $bobs"
annp "bash -c 'exec 3</proc/$roots; perl -e \"print syscall(424, 3, 0, 0, 0) < 0 ? qq(\\\$!\\n) : qq(signalled\\n)\"'"
prio 141 2 1001 9; nices; prio 251 3 1001 16389; ionice -p $bobs; renice -n 11 -u bob | sed 's/^[0-9]*//'; nices; prio 140 2 1001 0; prio 140 2 4242 0
prio 141 0 $bobs 12; nices
kill $roots $bobs
