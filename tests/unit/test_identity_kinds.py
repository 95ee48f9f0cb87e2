"""Kinds of what tells two problems apart, and of what does not: each sentence with each value.

A number beside the word that makes it a code, a port, a version that is required and a name say *what* failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from notifier.policy.fingerprint import compute, relevant_exception
from notifier.policy.fingerprint.locations import of_library, stable_file, stable_function

Kind = tuple[Sequence[str], Sequence[str]]
"""Sentences with `@`, and what stands there."""

NAMES: list[Kind] = [
    # Ports that a service listens on.
    (
        (
            "connection to port @ refused", "Port @ was already in use.", "localhost port @ failed",
            "ssh: connect to host 10.0.0.1 port @: Connection refused", "on TCP port @", "port: @ refused",
            'connection to server at "10.0.0.5", port @ failed: Connection refused',
            "db.internal:@ is unreachable",
            "Can't connect to MySQL server on 'db:@' (111)", "listen EADDRINUSE: address already in use :::@",
            "Bind for 0.0.0.0:@ failed: port is already allocated", "tcp/@ is blocked", "(host: 'db', port: @)",
            "api.example.com:@ timed out", "redis://10.0.0.4:@ refused", '{"x": 1, "port": @} refused by db',
        ),
        ("5432", "6379"),
    ),
    # Alerts, errors of systems, exit codes, signals: in words of several languages.
    (
        (
            "TLS alert @", "SSL alert number @", "received fatal alert @", "error number @", "errno @", "err=@",
            "error #@", "os error @", "[WinError @] x", "exit code @", "exited (@)", "died with -@",
            "subprocess died (@)",
            "with return value @", "returned -@", "ret = -@", "(err=-@)", "failed with -@", "signal @",
            "sig=@", "signo @",
            "signal number @", "kill -@ sent", "trap @", "disconnect reason @", "reason: @", "Fehler @",
            "erreur @",
            "código @", "ошибка @", "错误代码 @", "エラー @", "curl: (@) x", "make: *** [all] Error @",
            "LDAP: error code @ - x",
        ),
        ("2", "9", "11"),
    ),
    (("TLS alert @", "error: alert(@)"), ("40", "48")),
    # Statuses.
    (
        (
            "@ Client Error", "@ from https://api.example.com/x", "(@) from gateway", "[@] from gateway",
            "upstream @",
            "returned a @", "a @ error", "a @ response", "expected 200 but was @", "POST /v1/x @",
            "GET https://a.example/v1 @",
            "gateway: @", "the API says @", "rejected: @", "HttpStatus.@", "webhook failed @",
            "HTTPException: @", "SMTP @",
            "AMQP @", "SIP/2.0 @", "origin @ for cdn", "Got an @",
        ),
        ("404", "503"),
    ),
    (("WebSocket closed: @", "websocket closed with @", "closed (@)"), ("1006", "1011")),
    # Codes.
    (("SQL State: @", "pgcode='@'", "code: '@'", "SQLSTATE[@]: x"), ("23505", "40001")),
    (("Msg @, Level 16, State 1", "Error number: @", "[MY-0@] x", "(@, 'x')"), ("1062", "1146")),
    (
        ("hr = @", "failed with @", "COMException (@): x", "returned @", "[@] x", "Exception from HRESULT: @"),
        ("0x80070005", "0x80004005", "0xC0000005"),
    ),
    (("rpc: StatusCode.@", "grpc-status: @"), ("14", "4")),
    (("@: declined", "error @"), ("PAY-4001", "PAY-4002")),
    (("@: x",), ("P2002", "P2025")),
    (("vulnerable to @",), ("CVE-2024-6923", "CVE-2023-44487")),
    (('{"code": @, "message": "x"}', "JSON-RPC error @"), ("-32601", "-32700")),
    (("@ not found", "version `@' not found"), ("GLIBC_2.28", "GLIBC_2.34")),
    # Versions that are required, and standards.
    (
        ("requires @", "requirement @ not met", "depends on @", "needs @ to run", "@ is not supported"),
        ("numpy>=1", "numpy>=2", "Python 3.9", "Python 3.12", "node >=18", "node >=20", "openssl 1.1.1", "openssl 3"),
    ),
    (
        ("protocol @ refused", "unknown algorithm @", "'@' codec can't decode byte 0xff in position 0"),
        ("TLSv1.0", "TLSv1.2", "SHA-256", "SHA-512", "AES-128-GCM", "AES-256-GCM", "utf-8", "utf-16"),
    ),
    (("region @ is down",), ("us-east-1", "us-east-2", "eu-west-1")),
    # Names.
    (
        (
            "@ not found", "table @ does not exist", "queue '@' is full", 'topic "@" has no leader',
            "bucket: @",
            "index [@] missing", "flag `@` unknown", "KeyError: '@'", "Environment variable @ is not set",
            "host=@ refused",
            'could not translate host name "@" to address',
        ),
        (
            "orders", "payments", "order_items", "order_events", "orders_v1", "orders_v2", "redis-cache",
            "postgres-main",
            "ORDERS_URL", "S3_BUCKET", "parseXMLToJSON", "HTTPSConnectionPool", "FileSaveLoadTest",
            "mssql-proxy", "db-mssql",
        ),
    ),
]  # fmt: skip

STATES: list[Kind] = [
    # What a program numbers: states, types, modes, phases, and what a call returned.
    (
        (
            "state @", "state=@", "eth0 changed to state @", "job state: @", "type @ code 0", "ICMP type @ received",
            "error type @", "packet type @ unexpected", "mode @ not supported", "phase @ failed", "stage=@ failed",
            "LDAP result @", "result: @", "qtype @", "syscall @ failed", '{"mode": @} bad',
            "finished with result @",
        ),
        ("3", "5", "11"),
    ),
    (("event id @: audit", "Event ID @ of System", "EventID @", "EventID=@", "EventId: @"), ("4625", "4740")),
    # Statuses in brackets, in fragments of JSON; errors of databases.
    (
        (
            "Service Unavailable (@)", "Not Found (@)", "upstream prematurely closed (@)", "Bad status line: @",
            'body: "status":@,x', 'said {"id":17,"status":@}', "said {'code':@}", "smtp reply @ from mx",
        ),
        ("404", "503"),
    ),
    (("HTTP@", "Http@ raised", "HTTP_@ raised", "http-@ raised", "order_error_@"), ("404", "503")),
    (("connack @", "RST_STREAM @", "curl @ x", "KRB5KDC_ERR @"), ("4", "5", "18")),
    (("kerberos error @", "error code @"), ("-1765328353", "-2147467259")),
    (("ERR @", "err=@", '"errcode":@', "reply code @"), ("1062", "1451")),
    (("FATAL: @", "PANIC: @"), ("28P01", "3D000", "57P03")),
    # Names: a method of gRPC, a protocol's version, a curve, fields of a record.
    (("@: unavailable", "calling @ failed"), ("/shop.v1.Orders/Get", "/shop.v1.Users/Get", "/shop.v1.Users/List")),
    (("@ is not supported",), ("HTTP/2", "HTTP/3")),
    (("curve @ unknown",), ("P-256", "P-384")),
    (('{"msg": "declined", "reason": "@"}', "{'event': 'declined', 'type': '@'}"), ("funds", "fraud")),
    # Words of scripts without spaces, whatever number stands between them.
    (("@1842不存在", "❌ @99号失败", "@17が見つかりません"), ("订单", "用户", "注文番号")),
    (("错误@", "エラー@"), ("404", "503")),
    # What a record within a sentence says.
    (
        ('api said {"error":"@","id":17}', 'said {"detail": "@"}', "said {'error_description':'@'}", 'stderr="@"'),
        ("no such order", "no such user", "it is gone"),
    ),
    # What a machine has several of: one of them fails.
    (("I/O error on device /dev/@", "@: I/O error", "@ is read-only"), ("nvme0n1", "nvme1n1", "sda", "mmcblk0p1")),
    (("link @ is down", "@: carrier lost"), ("enp0s3", "enp0s8", "eth0", "ens5f1np1")),
    (("interface @ down", "@: err-disabled"), ("GigabitEthernet0/1", "Gi1/0/24", "Gi1/0/2", "ge-0/0/7")),
    (("GPU @ fell off the bus", "PSU @ failed", "fan @: no speed", "bay @ is empty"), ("0", "1", "12")),
    (("GPU @ fell off the bus", "port @: link down", "disk @ removed"), ("0/1", "1/1", "0/3")),
    # Units of systemd that are made of a template.
    (("@.service: Failed with result 'timeout'",), ("getty@tty1", "getty@tty2", "openvpn@office", "openvpn@home")),
    # The signal that a supervisor quotes.
    (("Process 'Worker-3' exited with '@'",), ("signal 9 (SIGKILL)", "signal 11 (SIGSEGV)", "signal 15")),
    # Bytes that are all that is said.
    (("b'@'",), ("charge failed", "refund failed")),
]  # fmt: skip

INSTANCES: list[Kind] = [
    # How far something is, which terminal, and whose session.
    (("step @ failed", "attempt @: refused", "page @ is empty", "epoch @: loss is nan"), ("2/5", "3/5", "4/17")),
    (("opened /dev/pts/@", "disk @ times slower", "@ GPU in use"), ("3", "17")),
    (("@.service: Failed",), ("user@1000", "user@1001")),
    # Between words of scripts without spaces, in XML, in a record's own version.
    (
        ("订单@不存在", "注文@が見つかりません", "주문@을 찾을 수 없습니다", "处理耗时@毫秒", "第@批失败"),
        ("7", "17", "1842", "18420011"),
    ),
    (("<order><id>@</id></order> refused", "<time>@</time> is late"), ("17", "10:00", "2026-11-22")),
    (("version conflict, current version [@] is another",), ("7", "17", "1842")),
    (("url=@ failed", "endpoint=@ failed"), ("/a", "/a/b", "/orders/17?x=1")),
    # A code of a thing of which there are many; how far something is.
    (
        (
            "zip code @ unknown", "postcode @", "postal_code=@", "promo code @ expired", "barcode: @",
            "product code @ missing", "verification code @ is wrong",
        ),
        ("10115", "80331", "493"),
    ),
    (("phase @ of 7 failed", "step @ of 9 failed", "battery level @"), ("3", "5")),
    # Fields of a record without spaces.
    (
        ('upstream said {"id":@}', 'said {"status":404,"id":@,"ok":true}', "[{'order':@}] refused", 'x {"a":{"b":@}}'),
        ("17", "1842", "184200", "0"),
    ),
    # Values that were to be read.
    (
        ("time data @ does not match", "For input string: @", "strconv.Atoi: parsing @: invalid syntax", "base 10: @"),
        ("'abc'", "'17 x'", "'x y z'"),
    ),

    # What chance made.
    (
        ("order @ failed", "lost '@'", "id=@ missing", "trace @, giving up"),
        (
            "550e8400-e29b-41d4-a716-446655440000", "01HQ8Z6Y4T3V2X1W0RQPNMKJHG", "XlMaXZjljENUhJduRHHJEYXg4Jd",
            "Y4OjE2jBMptUsGr7CmY_u", "iiRTFQEpTpaGSCi7PwSti4", "FcglpZL/Jn2xcuz0OGAqb8sRBH0BTJcw",
            "pxusyHvBBoveVmJSrxYgAg7K+ltzEGjr", "W46PCpbScxtuWx6RCkuDzddx0qBRvMvrTxva0eqb-P-0",
            "1184029384756203520",
            "eyJhbGciOiJIUzI1NiJ9.yQccOjlW1I12pEl1-Xf_OWDU.yQ-ccOjlW1_I12pEl1",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "507f1f77bcf86cd799439011",
        ),
    ),
    (("customer @ failed",), ("cus_KOOUcSAaYatTSJ", "cus_jkHWGgbgek8HF0", "cus_NffrFeUfNV2Hib")),
    (
        ("pod @ crashed", "from @ refused", "http://@:8080/x failed", "@.example.com is gone"),
        ("shop-api-gnnjvbhwlv-ldnql", "shop-api-7d9f8b6c5d-x2x4z", "shop-api-66b5f5c8d9-hpmtv"),
    ),
    (("pod @ crashed",), ("worker-m2fls", "worker-x2x4z")),
    (("node @ lost",), ("gke-prod-pool-5dc93287-kjxs", "gke-prod-pool-8f3a2b1c-x2x4")),
    # Addresses.
    (
        ("no route to @", "ip=@ banned", "client @: reset"),
        ("10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "2001:db8::1", "::1"),
    ),
    (("conn from @ reset", "client=@ lost"), ("10.0.0.1:51592", "[2001:db8::1]:51592", "[fe80::1%eth0]:41234")),
    (("accepted from @ ssh2",), ("1.2.3.4 port 4242", "5.6.7.8 port 51592")),
    (("mail to @ bounced",), ("bob@example.com", "bob@localhost")),
    (("GET @ failed",), ("https://api.example.com/a", "https://api.example.com/d;v=1", "https://api.example.com/e?x=1")),
    (("request to @ aborted",), ("/api/v1/orders?x=1", "/api/v2/users/17?y=2&z=3")),
    (("denied on @",), ("arn:aws:s3:::bucket/a/17", "arn:aws:s3:::bucket/b/c")),
    # Moments, quantities, values.
    (
        ("took @", "duration=@", "retry in @."),
        ("312ms", "2 s", "1m32.5s", "PT0.5S", "PT1M30S", "17 µs", "3 months", "250 milliseconds"),
    ),
    (("at @ it broke",), ("2026-11-22T05:00:00Z", "2026-W47-7", "2026-W48", "22-NOV-26", "Nov 22 05:00:00")),
    (("paid @ too much", "total=@ bad"), ("$12.50", "€12", "-$5.00", "£3", "12,50 €", "$1.2M")),
    (("used @ of memory", "limit=@"), ("10MB", "917 bytes", "3 megabytes", "1.5 GiB")),
    (("release @ broke",), ("1.4.2", "v1.4.2", "2.0.0-rc.1", "1.4.2-SNAPSHOT")),
    (("got @", "payload=@"), ("b'abc'", 'b"xyz"', "b''", "b'\\x00 and more'")),
    (("ids @ missing",), ("['8f3a2b1c9e4d', '9a3b2c1d0e4f']", "['7f3a2b1c9e4d']")),
    (("price '@' refused",), ("1,200.00", "17")),
    (
        ("query failed: @",),
        ("SELECT * FROM orders WHERE name = 'bob'", "SELECT * FROM orders WHERE name = 'anna'"),
    ),
    (("query failed: @",), ("INSERT INTO o VALUES (1, 'bob')", "INSERT INTO o VALUES (17, 'anna', 'x')")),
    (("[parameters: @]",), ("(17, 'bob')", "(18, 'anna')")),
    (("lost '@'",), ("/tmp/tmpab12cd34", "/tmp/tmp_q8x1k2_")),
    (("error: @",), ("17 rows were skipped", "404 rows were skipped")),
]  # fmt: skip

HOME = "home"
FILES = (
    (
        "/var/www/shop/current/shop/tasks.py", "/var/www/shop/releases/20261123101500/shop/tasks.py",
        "/app/shop/tasks.py",
        f"/{HOME}/site/wwwroot/shop/tasks.py", "/function/shop/tasks.py", "shop-1.2.3.pyz/shop/tasks.py",
        "/opt/.pex/unzipped_pexes/8f3a2b1c9e4d7f60718293a4b5c6d7e8f9012345/shop/tasks.py",
        f"/{HOME}/ci/.cache/bazel/_bazel_ci/0f3a2b1c9e4d7f60718293a4b5c6d7e8/execroot/x/bin/app.runfiles/main/shop/tasks.py",
        "file:///app/shop/tasks.py",
        "/nix/store/5r1s6gnvgqm0a1m2b3c4d5e6f7g8h9i0-shop-1.4.2/lib/python3.13t/site-packages/shop/tasks.py",
        "/tmp/Bazel.runfiles_x8f7a2/runfiles/main/shop/tasks.py", "C:\\Windows\\Temp\\_MEI12342\\shop\\tasks.py",
        f"/{HOME}/ci/.cache/uv/archive-v0/Ab3dEf9hIj/shop/tasks.py", f"/{HOME}/vcap/app/shop/tasks.py",
        "/builds/team/project/shop/tasks.py", f"/{HOME}/runner/work/project/project/shop/tasks.py",
        "/github/workspace/shop/tasks.py", "D:\\a\\1\\s\\shop\\tasks.py", "C:\\inetpub\\wwwroot\\shop\\tasks.py",
        "/opt/render/project/src/shop/tasks.py", "/vercel/path0/shop/tasks.py",
    ),
    ("main.js", "main.8f3a2b1c.js", "main-BxYz12Ab.js"), ("main.8f3a2b1c.chunk.js", "main.0f3a2b1c.chunk.js"),
    (
        "/go/pkg/mod/github.com/acme/shop@v1.2.3/a.go", "/opt/go/pkg/mod/github.com/acme/shop@v1.3.0/a.go",
        "github.com/acme/shop/a.go",
    ),
    ("/opt/go1.22.3/src/net/http/server.go", "/usr/lib/go-1.21/src/net/http/server.go", "net/http/server.go"),
    (
        "/opt/.cargo/registry/src/index.crates.io-6f17d22bba15001f/tokio-1.35.0/src/x.rs",
        f"/{HOME}/u/.cargo/registry/src/github.com-1ecc6299db9ec823/tokio-1.36.1/src/x.rs",
    ),
    ("/var/app/current/shop/tasks.py", "/var/app/staging/shop/tasks.py"),
)  # fmt: skip
FUNCTIONS = (
    ("main.(*Server).handle.func1.2", "main.(*Server).handle.func2"),
    ("shop::run::h8f3a2b1c9e4d7f60", "shop::run::h0f3a2b1c9e4d7f60"),
    ("block in run", "block (2 levels) in run"),
    ("{closure:Shop::run():12}", "{closure:Shop::run():14}"),
    ("com.sun.proxy.$Proxy123.run", "jdk.proxy2.$Proxy77.run"),
    ("sun.reflect.GeneratedMethodAccessor9.invoke", "jdk.internal.reflect.GeneratedMethodAccessor45.invoke"),
    ("Shop.Cart.<Run>d__3.MoveNext", "Shop.Cart.<Run>d__17.MoveNext"),
    ("main.Do.gowrap1", "main.Do.gowrap2"),
    ("Shop$$Lambda$14/0x0000000800066840.run", "Shop$$Lambda/0x0000000800099840.run"),
    ("__lambda_123", "__lambda_124"),
)
MODULES = (
    ("shop/step_1.py", "shop/step_2.py"),
    ("/opt/billing/main.py", "/opt/shipping/main.py"),
    ("/go/pkg/mod/github.com/acme/shop@v1.2.3/a.go", "/go/pkg/mod/github.com/acme/billing@v1.2.3/a.go"),
    ("/srv/billing/current/app/main.py", "/srv/billing/current/jobs/main.py"),
    ("alembic/versions/8f3a2b1c9e4d_add_users.py", "alembic/versions/0f3a2b1c9e4d_add_orders.py"),
)


def _pairs(kinds: Iterable[Kind]) -> list[tuple[str, str]]:
    return [
        (sentence.replace("@", one), sentence.replace("@", other))
        for sentences, values in kinds
        for sentence in sentences
        for one, other in combinations(values, 2)
    ]


def _is_one(one: str, other: str) -> bool:
    prints = [compute(service="shop", message=text, exception=None) for text in (one, other)]
    return prints[0] == prints[1]


def test_what_names_the_thing_tells_problems_apart() -> None:
    """A merge hides an outage."""
    assert [pair for pair in _pairs([*NAMES, *STATES]) if _is_one(*pair)] == []


def test_what_is_an_instance_does_not() -> None:
    """Thousands of splits bury an alert."""
    assert [pair for pair in _pairs(INSTANCES) if not _is_one(*pair)] == []


def test_a_place_is_named_without_machine_and_build() -> None:
    """Files below where they were put, functions without what a compiler numbered; two modules stay two."""
    assert [files for files in FILES if len(set(map(stable_file, files))) > 1] == []
    assert [names for names in FUNCTIONS if len(set(map(stable_function, names))) > 1] == []
    assert [files for files in MODULES if len(set(map(stable_file, files))) == 1] == []


def test_libraries_and_interpreters_are_known_wherever_they_are_installed() -> None:
    libraries = (
        "/usr/local/lib/python3.13t/json/x.py", "/usr/lib/pypy3.10/json/x.py", "/usr/lib/python311.zip/json/x.py",
        "C:\\Python311\\Lib\\json\\x.py", "/opt/go1.22.3/src/net/http/server.go", "/app/vendor/symfony/x.php",
        "/rustc/8f3a2b1c/library/core/src/x.rs", "/opt/.cargo/registry/src/x/tokio-1.36.1/src/x.rs",
        "/usr/share/ruby/net/http.rb", "/var/runtime/bootstrap.py",
    )  # fmt: skip
    own = ("D:\\shop\\Lib\\x.py", "/app/lib/shop/x.py", "shop/vendor/models.py", "/app/lib/tasks.rb")
    assert [file for file in libraries if not of_library(file)] == []
    assert [file for file in own if of_library(file)] == []


@dataclass(frozen=True)
class Chained:
    type: str | None
    message: str | None
    cause: Chained | None = None
    frames: tuple[()] = ()


def test_what_only_carries_another_exception_gives_way() -> None:
    """Queues, futures, workflows and reflection wrap what failed; an exception with words of its own does not."""
    cause = Chained("java.io.IOException", "disk full")
    carriers = [
        ("celery.exceptions.Retry", "Retry in 3s: IOException('disk full')"),
        ("tenacity.RetryError", "RetryError[<Future at 0x7f>]"),
        ("ExceptionGroup", "unhandled errors in a TaskGroup (1 sub-exception)"),
        ("twisted.internet.defer.FirstError", "FirstError[#0, [Failure instance]]"),
        ("temporalio.exceptions.ActivityError", "Activity task failed"),
        ("jakarta.servlet.ServletException", "Request processing failed: java.io.IOException: disk full"),
        ("java.lang.RuntimeException", "java.io.IOException: disk full"),
        ("System.TypeInitializationException", "The type initializer for 'X' threw an exception."),
    ]
    assert [
        kind for kind, text in carriers if relevant_exception(Chained(kind, text, cause)) is not cause
    ] == []
    own = Chained("java.lang.RuntimeException", "cannot save order", cause)
    assert relevant_exception(own) is own
