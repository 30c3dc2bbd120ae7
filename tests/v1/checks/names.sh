# Paths: links, dots, slashes, descriptors, chroot; as root and as another.
cd "$(mktemp -d)" && chmod 755 . && umask 022
id -u ann >/dev/null 2>&1 || useradd -m -s /bin/sh -u 1000 ann
mkdir -p a/b/c && echo deep >a/b/c/f && chown -R 1000:1000 a && chmod 4755 a/b/c/f
ln -s a/b up && ln -s "$PWD/a/b/c/f" abs && ln -s ../b/c/f a/b/rel && ln -s loop loop && ln -s dangling dl && ln -s a/b/c/ sl
try() { printf '%s: ' "$1"; sh -c "$1" 2>&1; }
for u in root ann; do
  run() { if [ $u = root ]; then try "$1"; else printf '%s: ' "$1"; su ann -c "$1" 2>&1; fi; }
  for p in a/b/c/f up/c/f abs a/b/rel a/b/../b/./c//f ./up/../b/c/f loop dl sl/f a/b/c/f/ up/ up/. a/b/c/f/.. nothing ''; do
    run "stat -L -c '%a %u %F' '$p'"; run "stat -c '%a %u %F' '$p'"; run "cat '$p' </dev/null"; run "test -x '$p'; echo \$?"
  done
  run "cd up/c && stat -c '%a %u' f ../../../abs && cat < f"
  run "exec 3<a/b/c/f; stat -L -c '%a %u' /proc/self/fd/3 /dev/fd/3; cat /dev/fd/3; cat <&3"
  run "echo in | cat /dev/stdin; echo out >/dev/stdout | cat; echo out >/proc/self/fd/1 | cat"
  run "cd /proc/self && stat -c %F status cwd/ && cat comm"
  run "mkdir up/x; rmdir up/x; touch a/b/c/f/x; mkdir a/b; mkdir nothing/x; touch up/.; rmdir a/b/c/.; touch sl/"
  run "readlink up abs a/b/rel; realpath abs up/c/../c"
done
chroot . /bin/true 2>&1 | tail -1
mkdir -p jail/bin jail/lib64 jail/lib && cp /bin/sh /bin/cat /usr/bin/stat jail/bin/ && ldd /bin/sh /bin/cat /usr/bin/stat | grep -o '/[^ ]*' | sort -u | while read -r l; do [ -f "$l" ] && mkdir -p "jail$(dirname "$l")" && cp "$l" "jail$l"; done
echo here >jail/which && chown 1000:1000 jail/which && chmod 4600 jail/which && ln -s /which jail/l
chroot jail /bin/sh -c 'stat -L -c "%a %u:%g" /which /l ../../which; cat /l; cd /; echo x >/new; stat -c "%a %u" /new' 2>&1
chroot --userspec=1000:1000 jail /bin/sh -c 'cat /which; echo x >/new; stat -c "%a %u:%g" /which' 2>&1
mkdir mnt
unshare -m sh -c 'mount -t tmpfs x mnt && touch mnt/f && chown 5:6 mnt/f && chmod 4711 mnt/f && stat -c "%a %u:%g" mnt mnt/f' 2>&1; ls mnt
