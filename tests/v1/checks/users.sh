# Another user really is that user: ids, rights, set-id programs.
cd "$(mktemp -d)" && chmod 755 . && umask 022
id -u ann >/dev/null 2>&1 || useradd -m -s /bin/sh -u 1000 ann
id -u bob >/dev/null 2>&1 || useradd -m -s /bin/sh -u 1001 bob
ann() { su ann -c "$1" 2>&1; echo "rc $?"; }
bob() { su - bob -c "cd $PWD; $1" 2>&1; echo "rc $?"; }
ann 'id; id -ru; grep -E "^(Uid|Gid|Groups|Cap(Inh|Prm|Eff|Amb)|NoNewPrivs):" /proc/self/status'
bob 'id; pwd; echo $HOME $USER'
echo secret >s && chmod 600 s && mkdir -m 700 closed && touch closed/in && mkdir -m 711 through && echo t >through/in
ann 'cat s; ls closed; cat closed/in; ls through; cat through/in; echo x >s; touch new; chown ann s; chmod 777 s'
ann 'rm s; mv s t; ln s h; ln -s s sl; mkdir n; rmdir closed; cat /etc/shadow; : >/etc/passwd'
mkdir -m 1777 tmp
ann 'echo a >tmp/a; umask 077; echo p >tmp/p; mkdir tmp/d; ln -s a tmp/l; mkfifo tmp/f; stat -c "%n %A %U:%G" tmp/*'
bob 'cat tmp/a; cat tmp/p; rm -f tmp/a; mv tmp/a tmp/b; ls tmp/d; echo b >>tmp/a; rmdir tmp/d; rm tmp/l; touch tmp/b'
ann 'chown bob tmp/a; chgrp bob tmp/a; chgrp ann tmp/a; chmod 4755 tmp/a; stat -c %a tmp/a; chmod 2755 tmp/a; stat -c %a tmp/a'
ann 'rm -rf tmp/a tmp/p tmp/d tmp/l tmp/f; ls tmp'
ls -ln tmp | sed 's/ [A-Z][a-z][a-z] .* / /'
chmod 666 s && ann 'echo more >>s; cat s; touch s; touch -d 2001-01-01 s; chmod 600 s; truncate -s 3 s; cat s; [ -w s ]; [ -x s ]; [ -r s ]'
ann 'kill -0 1; kill -0 $$; kill -9 1; kill -TERM -1' | grep -v Terminated
ann 'mknod c c 1 3; mkfifo tmp/q; stat -c %U tmp/q; chroot / true; hostname other; mount -t tmpfs x /mnt; nice -n -5 true; renice -n -1 $$ 2>&1 | sed s/[0-9]//g'
cp /usr/bin/id sid && chmod 4755 sid && ann './sid; ./sid -u' && chmod 2755 sid && chgrp 42 sid && chmod 2755 sid && ann './sid -g'
cp /usr/bin/id nox && chmod 644 nox && ann './nox' && ./nox; echo "root rc $?"
chmod 700 nox && ann ./nox
setpriv --reuid=1000 --regid=1000 --clear-groups id; setpriv --reuid=1000 --regid=1000 --groups=5,4 id -G
setpriv --reuid=1000 --regid=1000 --init-groups --inh-caps=-all --no-new-privs sh -c 'id -u; grep NoNew /proc/self/status; ./sid'
setpriv --bounding-set=-all grep Cap /proc/self/status
setpriv --groups=4,20 sh -c 'id -G; grep -hE "^(Uid|Gid|Groups|NoNewPrivs|Seccomp):" /proc/self/status /proc/$$/status /proc/thread-self/status'
echo 'ann:pw' | chpasswd && awk -F: '$1=="ann" {print substr($2,1,3)}' /etc/shadow
ann 'echo pw | su -c id ann 2>/dev/null' | tail -2
echo root:toor | chpasswd
ann 'echo toor | su -c id 2>/dev/null; echo wrong | su -c id 2>/dev/null'
printf 'pw\nn3wPass.w0rd\nn3wPass.w0rd\n' >in && chmod 644 in && ann 'passwd <in >/dev/null 2>&1'
ann 'cd /root; ls /root; cd /; ls -d /root'
ann 'ls /proc/1/fd; cat /proc/1/environ; readlink /proc/1/exe; stat -c %U /proc/1 /proc/self/'
