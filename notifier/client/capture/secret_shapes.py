"""Patterns of secrets that are recognised by their form. Data for `shapes`.

The service and the client each have an identical copy of this module.
"""

from __future__ import annotations

from typing import Final

# Separates the words of a command, as one text or as a JSON list.
_GAP = r"[\s\",\\n]"
# Each entry: what RE2 searches for; the rule, whose first group is kept because it helps to find the cause;
# and texts of which one occurs, in any case, wherever the rule matches.
SHAPES: Final = (
    # PEM and PuTTY keys, up to their end or the end of the text.
    (
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY",
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY[^\x00]*?(?:-----END[A-Z -]*|\Z)",
        ("private key",),
    ),
    (
        r"private-lines",
        r"(Private-Lines: \d{1,4}\s)[^\x00]*?(?=Private-MAC|\Z)",
        ("private-lines",),
    ),
    # A key alone before the host, as in Sentry's DSN and in clones over HTTPS.
    (
        r"://[a-z0-9_-]+@",
        r"(?<=://)(?:[0-9a-f]{32}(?=[:@])|(?=(?:[^@/\s]{0,100}\d){4})[\w-]{20,200}(?=@))",
        ("://",),
    ),
    # user:password@host with any characters in the password; a port and a path are no password.
    (
        r"://[^/@:]*:[^ ]*@",
        r"""(?<=://)([^\s/:@\[\]"'<>]{0,200}:)(?!\d{1,5}(?:[/?#]|$))[^\s"'<>]{1,200}(?=@)""",
        ("://",),
    ),
    (
        r":thin:",
        r"(?i)(:thin:[^\s/@]{1,100}/)[^\s@]{1,200}(?=@)",
        (":thin:",),
    ),
    (
        r"hooks\.slack|hooks\.zapier",
        r"(?i)(hooks\.(?:slack(?:-gov)?|zapier)\.com/)[\w/-]+",
        ("hooks.",),
    ),
    (
        r"discord",
        r"(?i)(discord(?:app)?\.com/api/(?:v\d+/)?webhooks/)[\w/-]+",
        ("discord",),
    ),
    (
        r"webhook\.office|outlook\.office",
        r"(?i)((?:webhook\.office|outlook\.office(?:365)?)\.com/)webhook[\w/@-]+",
        (".office",),
    ),
    (
        r"/hooks/[a-z0-9]{17}",
        r"(/hooks/)(?:[a-z0-9]{26}\b|[A-Za-z0-9]{17,26}/[A-Za-z0-9]{24,})",
        ("/hooks/",),
    ),
    (
        r"pagerduty",
        r"(?i)(events\.(?:eu\.)?pagerduty\.com/[\w/]{0,40}?)[0-9a-z]{32}\b",
        ("pagerduty",),
    ),
    (
        r"ifttt",
        r"(?i)(maker\.ifttt\.com/trigger/[\w/]{1,100}/key/)[\w-]+",
        ("ifttt",),
    ),
    (
        r"[0-9]{6}:[a-z0-9_-]{30}",
        r"((?:^|[^\d])\d{6,12}:)[\w-]{30,}",
        (":",),
    ),
    (
        r"bearer",
        r"(?i)\b(bearer\s{1,8})(?=\S{0,200}[\d=+/._-]|\S{16})[\w.~+/=-]{6,}",
        ("bearer",),
    ),
    (
        r"basic",
        r"\b((?i:basic)\s{1,8})(?=\S{0,200}(?:[\d=]|[a-z][A-Z])|\S{20})[\w.~+/=-]{6,}",
        ("basic",),
    ),
    (
        r"akia[0-9a-z]{16}",
        r"((?:AKIA|ASIA)[0-9A-Z]{16}[:/, ]{1,3})[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",
        (
            "akia",
            "asia",
        ),
    ),
    (
        r""":[^ \"\\\\/:@]+@[a-z0-9.-]+:[0-9]""",
        r"""((?<![\w/:.@-])[\w.-]{1,40}:)(?=\S{0,100}\d)[^\s:@/\"']{4,100}(?=@[\w.-]{1,100}:\d{2,5}\b)""",
        ("@",),
    ),
    (
        r"""auth(?:entication)?[\"'\\\\ ]{0,8}[:=]""",
        (
            r"""((?<![A-Za-z0-9])(?i:auth(?:entication)?)(?:\\{0,8}["'])?\s?[:=]\s?(?:\\{0,8}["'])?)"""
            r"(?=\S{0,100}(?:[\d=]|[a-z][A-Z]))[\w+/=.~-]{8,}"
        ),
        ("auth",),
    ),
    (
        r"""sid[\"'\\\\ ]{0,8}[:=]""",
        r"""(?i)(\bsid[\"']?\s?[:=]\s?[\"']?)(?=[\w%.-]{0,100}\d)(?=[\w%.-]{0,100}[a-z])[\w%.-]{8,}""",
        ("sid",),
    ),
    (
        r"(?:reset|password|invite|verify|activate|confirm|magic)[a-z-]*(?:/|/?\?[a-z]{1,20}=)[a-z0-9_-]{8}",
        (
            r"(?i)(/(?:reset|password|invite|verify|activate|confirm|magic)[a-z-]{0,20}(?:/|/?\?[a-z]{1,20}=))"
            r"(?=[\w-]{0,100}\d)[\w-]{16,}"
        ),
        (
            "/reset",
            "/password",
            "/invite",
            "/verify",
            "/activate",
            "/confirm",
            "/magic",
        ),
    ),
    (
        r"[?&;](?:key|auth|appid)=",
        r"(?i)([?&;](?:key|auth|appid)=)(?=(?:\w{0,100}\d){2})\w{10,}",
        (
            "key=",
            "auth=",
            "appid=",
        ),
    ),
    (
        r"(?:^|[^a-z])ssn[^a-z]|social security",
        r"(?i)(\b(?:ssn|social security (?:number|no\.?))\W{1,12})\d{3}-?\d\d-?\d{4}\b",
        (
            "ssn",
            "social security",
        ),
    ),
    # Signed addresses: Azure, Amazon, Google.
    (
        r"sig(?:nature)?=",
        r"(?i)([?&;](?:x-[a-z]{3,4}-)?sig(?:nature)?=)[\w%+/=.~-]{8,}",
        ("sig",),
    ),
    # Values that directly follow a flag: `curl -u ann:x`, `mysql -px`, `sshpass -p x`.
    (
        rf"curl{_GAP}+(?s:.*)(?:-u|-user)",
        r"""(?i)(\bcurl (?:[^\n]{0,500}? )?(?:-u|--user|--proxy-user)[ =]?["']?[^\s:"']{0,100}:)[^\s"']+""",
        ("curl ",),
    ),
    (
        rf"(?:mysql|mariadb)[a-z0-9_-]*{_GAP}+(?s:.*)-p",
        (
            r"(?i)(\b(?:mysql|mariadb)[\w-]* (?:[^\n|;&]{0,300}? )?-p)"
            r"""(?:"(?![\s,:}\])])[^"\n]{1,200}"|'(?![\s,:}\])])[^'\n]{1,200}'|[^\s"']+)"""
        ),
        (
            "mysql",
            "mariadb",
        ),
    ),
    (
        rf"(?:zip|7z|ldap[a-z]*|htpasswd|smbclient){_GAP}+(?s:.*)-[pwbu]",
        (
            r"(?i)(\b(?:(?:un)?zip (?:[^\n|;&]{0,300}? )?-P ?|7z (?:[^\n|;&]{0,300}? )?-p"
            r"|ldap\w{1,10} (?:[^\n|;&]{0,300}? )?-w ?"
            r"|htpasswd -\w{0,4}b\w{0,4} \S{1,200} \S{1,100} "
            r"""|smbclient (?:[^\n|;&]{0,300}? )?-U ?[^\s%]{1,100}%))["']?[^\s"']+"""
        ),
        (
            "zip ",
            "7z ",
            "ldap",
            "htpasswd",
            "smbclient",
        ),
    ),
    (
        rf"sshpass{_GAP}+-p",
        r"""(?i)(\bsshpass -p ?)["']?[^\s"']+""",
        ("sshpass",),
    ),
    (
        rf"(?:docker|podman|helm){_GAP}+login",
        r"""(?i)(\b(?:docker|podman|helm) login (?:[^\n|;&]{0,300}? )?-p ?)["']?[^\s"']+""",
        (" login ",),
    ),
    (
        rf"mongo[a-z]*{_GAP}+(?s:.*)-p",
        r"""(?i)(\bmongo(?:sh|dump|restore|export|import)? (?:[^\n|;&]{0,300}? )?-p ?)["']?[^\s"']+""",
        ("mongo",),
    ),
    # SQL: `WITH PASSWORD 'x'`, `SET PASSWORD FOR u = PASSWORD('x')`.
    (
        r"identified by",
        r"""(?i)(\b(?:identified by|password) ["'])[^"'\n]{1,200}(?=["'])""",
        (
            "identified by",
            "password ",
        ),
    ),
    (
        r"set password",
        r"""(?i)(\bset password(?: for [^=\n]{1,100})? ?= ?(?:password ?\()?["'])[^"'\n]{1,200}(?=["'])""",
        ("set password",),
    ),
    (
        r"""password\([\"'\\\\]""",
        r"""(?i)(\bpassword\(["'])[^"'\n]{1,200}(?=["'])""",
        ("password(",),
    ),
    (
        rf"(?:sqlplus|expdp|impdp|sqlldr){_GAP}",
        r"(?i)(\b(?:sqlplus|expdp|impdp|sqlldr) (?:-\w{1,9} ){0,4}[^\s/@]{1,100}/)[^\s@]{1,200}",
        ("sqlplus ", "expdp ", "impdp ", "sqlldr "),
    ),
    (
        rf"(?:sqlcmd|osql|bcp|mosquitto_[a-z]*|ipmitool|cqlsh|rdesktop|(?:oc|az){_GAP}+login){_GAP}+(?s:.*)-p",
        (
            r"(\b(?:sqlcmd|osql|bcp|mosquitto_\w{3,6}|ipmitool) (?:[^\n|;&]{0,300}? )?-P ?"
            r"|\b(?:cqlsh|rdesktop|(?:oc|az) login) (?:[^\n|;&]{0,300}? )?-p ?)"
            r"""["']?[^\s"']+"""
        ),
        ("sqlcmd", "osql", "bcp", "mosquitto_", "ipmitool", "cqlsh", "rdesktop", " login "),
    ),
    (
        rf"net{_GAP}+use(?s:.*)/user:",
        r"(?i)(\bnet use [^\n]{0,300}?/user:[^\s]{1,100} )[^\s/]+",
        ("net use",),
    ),
    (
        rf"openssl{_GAP}+(?s:.*)-k",
        r"""(?i)(\bopenssl (?:[^\n|;&]{0,300}? )?-k )["']?[^\s"']+""",
        ("openssl",),
    ),
    # SASL: `AUTH PLAIN AGFubg==`.
    (
        r"auth (?:plain|login|xoauth2|cram-md5) ",
        r"((?i:\bAUTH (?:PLAIN|LOGIN|XOAUTH2|CRAM-MD5)) )(?=\S{0,200}(?:[\d=]|[a-z][A-Z]))[A-Za-z0-9+/]{8,}={0,2}",
        ("auth ",),
    ),
    # Arguments of Python's HTTP clients: `auth=('ann', 'x')`.
    (
        r"""auth[\"'\\\\ ]{0,8}[:=] ?[\[(]""",
        (
            r"""(\b(?i:auth)(?:\\{0,8}["'])?\s?[:=]\s?[\[(]b?\\{0,8}["'][^"'\n]{0,100}["'],\s?b?\\{0,8}["'])"""
            r"""[^"'\n\\]{1,200}(?=\\{0,8}["'])"""
        ),
        ("auth",),
    ),
    # Redis: `AUTH default x`, `requirepass x`.
    (
        r"auth [^ ]{12}|auth default |requirepass|masterauth",
        (
            r"(\b(?:AUTH (?:default )?(?=\S{0,200}\d)(?=\S{0,200}[a-z])(?=\S{0,200}[A-Z])(?=\S{12})"
            r"|(?:requirepass|masterauth) ))"
            r"""["']?[^\s"']{6,}"""
        ),
        ("auth ", "requirepass"),
    ),
    # Password hashes of `crypt`, Django and Werkzeug.
    (
        r"\$(?:2[abxy]?|argon2[a-z]{0,2}|scrypt|apr1|[156y])\$|pbkdf2[_:]|scrypt:",
        (
            r"((?:(?<![\w$])\$(?:2[abxy]?|argon2(?:id|i|d)?|scrypt|apr1|[156y])|\b(?:pbkdf2|scrypt)[_:][\w:]{1,40})\$)"
            r"[\w./=,+$-]{20,}"
        ),
        ("$",),
    ),
    # An OAuth code in a redirect.
    (
        r"[?&]code=",
        r"([?&]code=)[\w%.~-]{10,}(?=&(?:state|scope|iss|session_state)=)",
        ("code=",),
    ),
    # A line of `.pgpass` with the default port.
    (
        r":5432:[^: ]+:[^: ]+:",
        r"((?<![\w.-])[\w.*-]{1,200}:5432:[^\s:]{1,64}:[^\s:]{1,64}:)[^\s:]+",
        (":5432:",),
    ),
    (
        r"geniekey",
        r"(?i)(\bgeniekey\s{1,8})[0-9a-f-]{16,}",
        ("geniekey",),
    ),
    (
        r"lftp",
        r"(?i)(\blftp (?:[^\n|;&]{0,300}? )?-u ?[^\s,]{1,100},)\S+",
        ("lftp ",),
    ),
    # Values in a property list.
    (
        r"(?:password|passphrase|secret|token|key)</key>",
        r"(?i)(\b(?:\w{0,40}(?:password|passphrase|secret|token)|api_?key)</key>\s{0,40}<string>)[^<]{1,1000}",
        ("</key>",),
    ),
    # PostgreSQL's hashes of passwords.
    (
        r"scram-sha-256\$",
        r"(SCRAM-SHA-256\$\d{1,9}:)[\w+/=]{8,}\$[\w+/=:]{20,}",
        ("scram-sha-256$",),
    ),
    (
        r"ac[0-9a-f]{32}:",
        r"(\bAC[0-9a-f]{32}:)[0-9a-f]{32}\b",
        ("ac",),
    ),
    (
        r"redis-cli",
        r"""(?i)(\bredis-cli (?:[^\n|;&]{0,300}? )?-a ?)["']?[^\s"']+""",
        ("redis-cli",),
    ),
)
