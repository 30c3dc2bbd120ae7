# Extended attributes, set-id bits on write, links of others, temporary files.
cd "$(mktemp -d)" && chmod 1777 . && umask 022
id -u ann >/dev/null 2>&1 || useradd -m -s /bin/sh -u 1000 ann
x() { perl -e 'require "syscall.ph" if 0; my ($o,$f,$n,$v)=@ARGV; my $b="\0"x4096; my $r; if($o eq "set"){$r=syscall(188,$f,$n,$v,length $v,0)} elsif($o eq "get"){$r=syscall(191,$f,$n,$b,4096)} elsif($o eq "list"){$r=syscall(194,$f,$b,4096)} else {$r=syscall(197,$f,$n)} if($r<0){print "$o $n: $!\n"} elsif($o eq "get"||$o eq "list"){my $s=substr($b,0,$r);$s=~s/\0/,/g;print "$o ".join(",",sort split /,/,$s)."\n"} else {print "$o ok\n"}' "$@"; }
touch f && chmod 4600 f && chown 5:5 f
x list f; x set f user.a 1; x list f; x get f user.a; x remove f user.a; x list f; x get f user.none
x set f trusted.t 2; x get f trusted.t; x list f; x remove f trusted.t; x list f
x set f security.capability "$(printf '\1')" | sed 's/:.*/: refused/'
setuid() { cp /usr/bin/id p; chmod 6777 p; }
setuid; echo x >>p; stat -c %a p
setuid; su ann -c 'echo x >>p'; stat -c %a p
setuid; su ann -c 'truncate -s 0 p'; stat -c %a p
setuid; chown 0:0 p; stat -c %a p
touch other && su ann -c 'ln other hard; ln -s other soft; stat -c %U soft' 2>&1
perl -e 'use Fcntl; sysopen(F,".",020200000|O_RDWR,0640) or die "$!"; my @s=stat F; printf "%o %d\n",$s[2],$s[4];'
su ann -c "perl -e 'use Fcntl; sysopen(F,\".\",020200000|O_RDWR,04640) or die \"\$!\"; my @s=stat F; printf \"%o %d\n\",\$s[2],\$s[4];'"
su ann -c "perl -e 'use Fcntl; sysopen(F,\"ro\",O_RDWR|O_CREAT|O_EXCL,0444) or die \"\$!\"; syswrite F,\"w\"; my @s=stat F; printf \"%o %d %d\n\",\$s[2],\$s[4],\$s[7]; sysopen(G,\"ro\",O_RDWR) or print \"\$!\n\"; sysopen(G,\"ro\",O_RDWR|O_CREAT|O_EXCL) or print \"\$!\n\"'"
