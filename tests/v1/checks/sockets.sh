# Unix sockets: rights over their names, who is at the other end; queues and shared memory.
cd "$(mktemp -d)" && chmod 1777 . && umask 022
id -u ann >/dev/null 2>&1 || useradd -m -s /bin/sh -u 1000 ann
cat >peer <<'P'
use Socket; $| = 1;
my ($what, $path) = @ARGV;
socket(S, AF_UNIX, SOCK_STREAM, 0) or die;
if ($what eq "serve") {
  bind(S, sockaddr_un($path)) or die "bind: $!\n"; listen S, 5; print "listening\n";
  accept(C, S) or die; my ($pid, $uid, $gid) = unpack "lLL", getsockopt(C, SOL_SOCKET, 17);
  print "peer $uid:$gid ", ($pid > 0 ? "pid" : "none"), "\n"; syswrite C, "hello\n"; <C>;
} elsif ($what eq "connect") {
  connect(S, sockaddr_un($path)) or die "connect: $!\n"; my ($pid, $uid, $gid) = unpack "lLL", getsockopt(S, SOL_SOCKET, 17);
  print "server $uid:$gid\n"; print scalar <S>;
} elsif ($what eq "pair") {
  socketpair(A, B, AF_UNIX, SOCK_STREAM, 0); my ($pid, $uid, $gid) = unpack "lLL", getsockopt(A, SOL_SOCKET, 17); print "pair $uid:$gid\n";
}
P
wait_for() { for _ in 1 2 3 4 5 6 7 8 9 10; do [ -S "$1" ] && return; sleep 0.2; done; }
perl peer serve a >a.out & wait_for a; chmod 777 a; su ann -c 'perl peer connect a'; wait; cat a.out
su ann -c 'perl peer serve b' >b.out & wait_for b; stat -c '%A %U:%G' b; perl peer connect b; wait; cat b.out
perl peer serve c >c.out & wait_for c; su ann -c 'perl peer connect c' 2>&1; perl peer connect c >/dev/null; wait; rm a b c
mkdir -m 755 closed; su ann -c 'perl peer serve closed/s' 2>&1; su ann -c 'perl peer pair'; perl peer pair
su ann -c 'perl peer serve a' >a.out & wait_for a; perl peer serve a 2>&1; perl peer connect a >/dev/null; wait
perl -e 'use Socket; socket(S,AF_INET,SOCK_STREAM,0); bind(S,sockaddr_in(0,INADDR_LOOPBACK)) or die; listen S,1; my($p)=sockaddr_in(getsockname S); if(!fork){socket(C,AF_INET,SOCK_STREAM,0); connect(C,sockaddr_in($p,INADDR_LOOPBACK)) or die; print C "tcp\n"; exit} accept(A,S); print <A>;'
ls -ld /dev/shm /dev/null /dev/ptmx /dev/pts /dev/tty | sed 's/ [A-Z][a-z][a-z] .* / /; s/  */ /g'
su ann -c 'echo x >/dev/shm/ann && stat -c "%a %U" /dev/shm/ann; echo y >/dev/null; head -c 3 /dev/zero | wc -c; rm /dev/shm/ann'
touch /dev/shm/root; su ann -c 'rm -f /dev/shm/root' 2>&1; rm /dev/shm/root
