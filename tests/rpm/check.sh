# rpm's work on packages with all kinds of owners and bits; sourced by bash on the bare kernel and in v1, which have to say
# the same. PARTS: how many packages (of 24).
parts=${PARTS:-24}
cd /srv/rpms || exit
first=$(seq -f 'part%02g-1.rpm' "$parts")

state() {
  find /usr/share/parts /usr/bin/part* /etc/parts* /var/lib/parts \( -type d -printf 'd %m %U:%G %n %p\n' \) -o \
    -printf '%y %m %U:%G %n %s %p %l\n' 2>/dev/null | sort
  getcap -r /usr/bin | sort
}
verify() { rpm -Va 2>&1; echo "verify: $?"; }

echo "== install"
# shellcheck disable=SC2086
rpm -i base-1.rpm $first
echo $?
rpm -qa | sort
rpm -qlvp part01-1.rpm | awk '{print $1, $3, $4, $NF}'
rpm -qf /usr/bin/part01-setuid /usr/share/parts/common /etc/passwd
rpm -q --qf '[%{FILENAMES} %{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILECAPS}\n]' part02
rpm -q --whatrequires part01
rpm -V part01
state
verify
cat /var/log/parts

echo "== what is changed is found"
chown daemon:daemon /usr/bin/part01
chmod 755 /usr/bin/part01-setuid
setcap -r /usr/bin/part02-capable
echo more >>/usr/share/parts/part02/file3
ln -sf elsewhere /usr/share/parts/part03/dangling
rm /usr/share/parts/part03/file4
echo changed >>/etc/parts/part04.conf
verify

echo "== and mended"
rpm --setugids part01
rpm --setperms part01
rpm --restore part02
verify
rpm -U --force part03-1.rpm
verify

echo "== update"
rpm -U part0[1-6]-2.rpm
echo $?
rpm -qa | sort
state
verify

echo "== back"
rpm -U --oldpackage part0[1-6]-1.rpm
echo $?
verify

echo "== refused"
rpm -e part01 2>&1
rpm -i part02-2.rpm 2>&1
setpriv --reuid=1000 --regid=1000 --clear-groups bash -c 'rpm -qa | wc -l; rpm -e part02; echo $?; rpm -V part01; echo $?' 2>&1

echo "== another root"
mkdir -p /srv/other
rpm --root /srv/other --noscripts --nodeps -i part0[1-4]-1.rpm
(cd /srv/other && find etc usr var -path var/lib/rpm -prune -o -printf '%y %m %U:%G %s %p\n' | sort)
rpm --root /srv/other -qa | sort
rm -rf /srv/other

echo "== erase"
rpm -e $(seq -f 'part%02g' "$parts")
echo $?
rpm -qa
state
sort /var/log/parts | uniq -c
rpmdb --verifydb
echo $?
