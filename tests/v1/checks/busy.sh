# Pipes, job control, signals, exit codes, terminals.
cd "$(mktemp -d)" && umask 022
true | false; echo $?; sh -c 'kill -TERM $$'; echo $?; sh -c 'exit 77'; echo $?; ./none 2>&1 | sed 's/^[^ ]*: //'; echo $?
seq 1 100000 | sort -rn | head -1
sleep 5 & kill $!; wait $!; echo "wait $?"
timeout 1 sleep 5; echo "timeout $?"
trap 'echo caught' USR1; kill -USR1 $$; trap - USR1
bash -c 'set -m; sleep 10 & jobs | sed "s/ *&//"; kill %1; wait %1; echo $?' 2>/dev/null
script -qec 'tty; stty size; id -u; test -t 0; echo $?' /dev/null </dev/null | tr -d '\r' | sed 's/pts.*/pts/'
mkfifo p; (echo through >p &) ; cat p
perl -e '$SIG{ALRM}=sub{print "alarm\n"}; alarm 1; select(undef,undef,undef,3);'
flock l -c 'echo locked'; (flock 9; echo again) 9>l
ps -o pid,user,comm | head -1; ps -e -o pid= | head -1 | tr -d ' '
perl -MPOSIX -e 'for (1..200) { my $p = fork; if (!$p) { exec "/bin/true" } waitpid $p, 0; die if $? } print "forked\n"'
perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0); bind(S,sockaddr_un("sock")) or die; listen S,1; if(!fork){socket(C,AF_UNIX,SOCK_STREAM,0); connect(C,sockaddr_un("sock")) or die; print C "unix\n"; exit} accept(A,S); print <A>; print -S "sock" ? "socket\n":"no\n"'
stat -c '%a %u:%g' sock
dd if=/dev/zero of=z bs=1M count=8 2>/dev/null; stat -c %s z; sync; : >z; stat -c %s z
touch -d '2001-02-03 04:05:06.789' f; stat -c %y f; cp -p f g; stat -c %y g
