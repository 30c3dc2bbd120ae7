# chown, chmod and mknod as root, and what stat says of it.
cd "$(mktemp -d)" && umask 022
show() { stat -c '%n %A %a %u:%g %t:%T %F' "$@"; }
touch f && chown 5:6 f && show f
chmod 4755 f && show f
chown 7 f && show f
chmod 2711 f && chgrp 8 f && show f
chmod 2644 f && chgrp 9 f && show f
chmod 0 f && show f && chmod 7777 f && show f
mkdir d && chmod 1777 d && show d && chown 1000:1000 d && show d
chmod 2775 d && touch d/f && mkdir d/d && ln -s x d/l && mkfifo d/p && show d/*
mknod c c 1 3 && mknod b b 7 200 && mkfifo p && show c b p && chown 1:2 c p && chmod 600 c p && show c p
echo lost >c && cat c && echo read
ln -s nowhere l && chown -h 3:4 l && show l
chown 1000:1000 f && chmod 640 f && show f
chmod 600 f && show f && chmod 700 f && show f
(umask 077; mkdir u; touch u/f; show u u/f)
(umask 0; mkdir v; touch v/f; show v v/f)
mkdir -m 1755 m && show m && install -m 4711 -o 12 -g 13 /bin/true t && show t
cp -a t t2 && show t2 && mv t2 d/ && show d/t2 && ln d/t2 t3 && show t3
rm -rf d && ls
python3 -c 1 2>/dev/null; : >"name with  space" && chown 1:1 name*space && show name*space
