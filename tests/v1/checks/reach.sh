# What a user is told of paths: which folder keeps it out before what is missing behind it; and what it may remove and
# touch, by names and below open folders.
cd "$(mktemp -d)" && chmod 755 . && umask 022
id -u ann >/dev/null 2>&1 || useradd -m -s /bin/sh -u 1000 ann
ann() { setpriv --reuid=1000 --regid=1000 --clear-groups env LC_ALL=C bash -c "$1" 2>&1; echo "rc $?"; }
mkdir -m 700 closed && mkdir -m 755 open && mkdir -m 1777 sticky && touch closed/f open/f sticky/f
mkdir closed/sub && ln -s closed link && ln -s open olink && ln -s nowhere dangling && mkdir own && chown 1000:1000 own
ann 'stat -c "%n %F" closed/f closed/missing closed/ closed/. closed/sub/ closed/sub/.. link/f link/missing link/ link/. missing/ missing/x'
ann 'stat -c "%n %F" open/f open/missing open/ olink/ olink/f olink/missing open/f/ open/f/x open/../open/f dangling dangling/ ./ .// ../ /'
ann 'cat closed/missing; cat open/missing; cat dangling; cat open/f/; ls -d open/ olink/ closed/ open//; ls open/ olink/; ls closed/; ls link/'
ann 'test -e closed/f; echo $?; test -e open/f; echo $?; test -e open/missing; echo $?; test -d olink/; echo $?; readlink link open/f closed/x; echo $?'
ann 'cd open && stat -c %n f missing ../closed/f ../closed ../open/f; cd ../own && stat -c "%n %a %U" . ./'
ann 'rm -f open/f sticky/f closed/f open/missing own/missing; rm -r open/f sticky/f; rmdir open sticky; rm -d open; unlink olink; ls open sticky'
ann 'touch -c -d @5 open/f; touch -h -d @5 link; touch -c -d @5 sticky/f; touch -c open/f'
ann 'cd own; umask 077; touch f; mkdir d; echo text >d/g; ln -s f l; ln -s /etc/shadow away; mkfifo p; stat -c "%n %a %u:%g" f d d/g l away p
touch -d @5 f; touch -h -d @6 l; touch -d @7 d; stat -c "%n %Y" f l d; touch -h -d @8 away; stat -c %Y away; cat d/g; chmod 0 f; cat f; stat -c %a f; touch -d @9 f; stat -c %Y f; chmod 600 f'
chown 77:88 own/f && chmod 640 own/f && ann 'cd own; stat -c "%n %a %u:%g" f; cat f; touch -d @5 f; touch -c f'
chmod 4711 own/d/g && ann 'stat -c "%n %a %u:%g" own/d/g'
mkdir -m 1770 own/s && chown 1000:88 own/s && touch own/s/roots && ann 'cd own; stat -c "%n %a %u:%g" s; rm -f s/roots; ls s'
mkdir -m 755 own/deep && touch own/deep/roots && ann 'rm -rf own/deep; ls own/deep; cd own; rm -f f; rm -rf d l away p; ls -A'
ann 'mkdir -m 700 own/t && cd own/t && mkdir -p a/b/c && touch a/b/c/f && chmod 500 a/b && rm -rf a; ls a/b; chmod 700 a/b; rm -rf a; ls -A; find . -delete; ls -A'
ann 'mkdir -m 711 own/u && touch own/u/f && chmod 100 own/u && cat own/u/f && ls own/u; stat -c "%n %a" own/u own/u/f; chmod 600 own/u; stat own/u/f; chmod 700 own/u; ls own/u'
setfacl -m u:1000:x closed 2>/dev/null; ann 'stat -c "%n %F" closed/f closed/missing'
