# A signal ends a call that waits, with EINTR or, where SA_RESTART says so, only to begin it again.
cd "$(mktemp -d)"
mkfifo fifo
cat > waits.pl <<'END'
use Fcntl qw(:DEFAULT :flock);
use POSIX qw(:signal_h);
use Socket;
my ($what, $flags) = @ARGV;
my $count = 0;
sigaction(SIGALRM, POSIX::SigAction->new(sub { ++$count }, POSIX::SigSet->new, $flags eq "restart" ? SA_RESTART : 0));
$SIG{ALRM} = "IGNORE" if $flags eq "ignore";
# Somebody lets it go on after a while.
my ($read, $write);
pipe($read, $write);
my $helper = fork;
if ($helper == 0) {
  select(undef, undef, undef, 1.2);
  if ($what =~ /fifo/) { sysopen(my $end, "fifo", $what =~ /read/ ? O_WRONLY : O_RDONLY); select(undef, undef, undef, 0.3) }
  if ($what eq "read") { syswrite($write, "x") }
  POSIX::_exit(0);
}
my $file;
if ($what eq "flock") {
  open(my $locked, ">", "lock");
  flock($locked, LOCK_EX);
  pipe(my $held, my $holds);
  if (fork == 0) { close $holds; select(undef, undef, undef, 1.2); flock($locked, LOCK_UN); POSIX::_exit(0) }
  open($file, ">", "lock");
}
my ($listener, $first);
if ($what eq "connect") {
  unlink "socket";
  socket($listener, PF_UNIX, SOCK_STREAM, 0); bind($listener, pack_sockaddr_un("socket")); listen($listener, 0);
  socket($first, PF_UNIX, SOCK_STREAM, 0); connect($first, pack_sockaddr_un("socket"));
  socket($file, PF_UNIX, SOCK_STREAM, 0);
  if (fork == 0) { select(undef, undef, undef, 1.2); accept(my $c, $listener); select(undef, undef, undef, 0.5); POSIX::_exit(0) }
}
use Time::HiRes;
Time::HiRes::ualarm(300_000);
my $result = $what eq "fifo-read" ? sysopen($file, "fifo", O_RDONLY)
           : $what eq "fifo-write" ? sysopen($file, "fifo", O_WRONLY)
           : $what eq "flock" ? flock($file, LOCK_EX)
           : $what eq "connect" ? connect($file, pack_sockaddr_un("socket"))
           : sysread($read, my $byte, 1);
print "$what $flags: ", ($result ? "done" : $!), ", $count signals\n";
kill "KILL", $helper unless $result;
wait;
END
for what in fifo-read fifo-write flock connect read; do
  for flags in plain restart ignore; do
    perl waits.pl $what $flags
  done
done
