"""What is one problem and what is two, by example: messages and traces as programs write them.

A short quoted identifier, a status beside the word that makes it one and a file's last name say *what* failed; ids,
values, addresses and moments say *which instance* of it did. Where in doubt, apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from notifier.policy.fingerprint import compute


@dataclass(frozen=True)
class At:
    file: str | None = None
    function: str | None = None
    in_app: bool | None = True


@dataclass(frozen=True)
class Failed:
    type: str | None
    message: str | None = None
    frames: tuple[At, ...] = ()
    cause: Failed | None = None


Problem = str | Failed


def of(problem: Problem) -> str:
    if isinstance(problem, str):
        return compute(service="shop", message=problem, exception=None)
    return compute(service="shop", message=None, exception=problem)


def at(*places: str, in_app: bool | None = True, kind: str = "KeyError", message: str = "x") -> Failed:
    """`file:function` for each frame."""
    frames = (place.rpartition(":") for place in places)
    return Failed(kind, message, tuple(At(file, function, in_app) for file, _, function in frames))


def error(kind: str, message: str) -> Failed:
    return Failed(kind, message)


HOME = "home"
LIBRARY = (At("sqlalchemy/engine/base.py", "_execute_context", in_app=False),)

APART: list[tuple[Problem, Problem]] = [
    # What a database names.
    ('relation "users" does not exist', 'relation "orders" does not exist'),
    (
        'ERROR: relation "public.users" does not exist at character 15',
        'ERROR: relation "public.orders" does not exist at character 15',
    ),
    ('column "email" of relation "users" does not exist', 'column "name" of relation "users" does not exist'),
    (
        'duplicate key value violates unique constraint "users_email_key"',
        'duplicate key value violates unique constraint "users_pkey"',
    ),
    (
        'duplicate key value violates unique constraint "users_v2_email_key"',
        'duplicate key value violates unique constraint "users_v3_email_key"',
    ),
    ("permission denied for table users", "permission denied for table orders"),
    (
        'null value in column "price" violates not-null constraint',
        'null value in column "total" violates not-null constraint',
    ),
    ('database "shop" does not exist', 'database "billing" does not exist'),
    ('password authentication failed for user "shop"', 'password authentication failed for user "reports"'),
    ('type "citext" does not exist', 'type "hstore" does not exist'),
    ("database error 40001", "database error 53300"),
    ("database error 40P01", "database error 42P01"),
    ("SQLSTATE[23000]: integrity constraint violation", "SQLSTATE[40001]: integrity constraint violation"),
    ("query failed (SQLSTATE 42P01)", "query failed (SQLSTATE 42703)"),
    ("ERROR 1045 (28000): refused", "ERROR 1049 (28000): refused"),
    ("Table 'shop.users' doesn't exist", "Table 'shop.orders' doesn't exist"),
    ("Unknown column 'price' in 'field list'", "Unknown column 'total' in 'field list'"),
    (
        "Duplicate entry 'a@example.com' for key 'users.email'",
        "Duplicate entry 'a@example.com' for key 'users.login'",
    ),
    ("Unknown collation: 'utf8mb4_bin'", "Unknown collation: 'utf8mb4_general_ci'"),
    ('(1062, "the server said no")', '(1205, "the server said no")'),
    (
        '(2003, "Can\'t connect to MySQL server on db")',
        '(2003, "Lost connection to MySQL server during query")',
    ),
    ("ORA-00942: the statement failed", "ORA-01017: the statement failed"),
    (
        Failed("IntegrityError", 'duplicate key value violates unique constraint "users_email_key"', LIBRARY),
        Failed("IntegrityError", 'duplicate key value violates unique constraint "users_login_key"', LIBRARY),
    ),
    (
        Failed(
            "UniqueViolation",
            'duplicate key value violates unique constraint "orders_pkey"\nDETAIL:  Key (id)=(17) already exists.',
            LIBRARY,
        ),
        Failed(
            "UniqueViolation",
            'duplicate key value violates unique constraint "items_pkey"\nDETAIL:  Key (id)=(17) already exists.',
            LIBRARY,
        ),
    ),
    # Python.
    ("KeyError: 'price'", "KeyError: 'user'"),
    (error("KeyError", "'price'"), error("KeyError", "'user'")),
    ("No module named 'redis'", "No module named 'yaml'"),
    (
        error("ModuleNotFoundError", "No module named 'redis.asyncio'"),
        error("ModuleNotFoundError", "No module named 'redis.client'"),
    ),
    ("cannot import name 'Order' from 'shop.models'", "cannot import name 'Item' from 'shop.models'"),
    ("'NoneType' object has no attribute 'id'", "'NoneType' object has no attribute 'total'"),
    ("name 'total' is not defined", "name 'price' is not defined"),
    (
        "charge() got an unexpected keyword argument 'currency'",
        "charge() got an unexpected keyword argument 'amount'",
    ),
    (
        "charge() missing 1 required positional argument: 'order'",
        "charge() missing 1 required positional argument: 'user'",
    ),
    (
        "[Errno 2] No such file or directory: '/etc/shop/prices.csv'",
        "[Errno 2] No such file or directory: '/etc/shop/users.csv'",
    ),
    ("[Errno 13] failed: 'x'", "[Errno 28] failed: 'x'"),
    ("Environment variable DATABASE_URL is not set", "Environment variable REDIS_URL is not set"),
    (
        "Command '['convert']' returned non-zero exit status 1.",
        "Command '['convert']' returned non-zero exit status 137.",
    ),
    (error("OAuth2Error", "invalid"), error("OAuth1Error", "invalid")),
    ("OAuth2Error while signing in", "SAML2Error while signing in"),
    # Statuses of HTTP and what it is spoken by.
    ("payment gateway answered 401", "payment gateway answered 503"),
    ("status 503 from the gateway", "status 429 from the gateway"),
    ("unexpected status code: 404", "unexpected status code: 500"),
    (
        "Client error '404 Not Found' for url 'https://api.example.com/v1/orders/17'",
        "Client error '403 Forbidden' for url 'https://api.example.com/v1/orders/17'",
    ),
    (
        "404 Client Error: Not Found for url: https://api.example.com/a",
        "401 Client Error: Unauthorized for url: https://api.example.com/a",
    ),
    ("Request failed with status code 401", "Request failed with status code 502"),
    ("upstream said HTTP/1.1 404", "upstream said HTTP/1.1 502"),
    ("HTTP 500 while fetching prices", "HTTP 429 while fetching prices"),
    ("HttpError 403 when requesting a sheet", "HttpError 404 when requesting a sheet"),
    ("fetch failed code=404 id=17", "fetch failed code=500 id=17"),
    ("the shop returned 502", "the shop returned 404"),
    ("GET https://api.stripe.com/v1/charges failed", "GET https://api.mailgun.net/v3/messages failed"),
    ("getaddrinfo ENOTFOUND api.stripe.com", "getaddrinfo ENOTFOUND api.mailgun.net"),
    (
        "HTTPSConnectionPool(host='api.stripe.com', port=443): Read timed out. (read timeout=30)",
        "HTTPSConnectionPool(host='api.github.com', port=443): Read timed out. (read timeout=30)",
    ),
    ("connect ECONNREFUSED 127.0.0.1:5432", "connect ECONNREFUSED 127.0.0.1:6379"),
    (
        "dial tcp 10.0.3.17:5432: connect: connection refused",
        "dial tcp 10.0.3.17:6379: connect: connection refused",
    ),
    ("connect ECONNREFUSED 10.0.0.1", "connect ETIMEDOUT 10.0.0.1"),
    ("could not connect to redis:6379", "could not connect to postgres:5432"),
    ("listen tcp :8080: bind: address already in use", "listen tcp :9090: bind: address already in use"),
    # Signals, exit codes, systems.
    ("worker exited with code 137", "worker exited with code 1"),
    ("process terminated by signal 9", "process terminated by signal 11"),
    ("Worker was sent SIGKILL! Perhaps out of memory?", "Worker was sent SIGTERM! Perhaps out of memory?"),
    ("errno 111", "errno 104"),
    ("write failed: errno=28", "write failed: errno=5"),
    ("HRESULT = 0x800f080d in the installer", "HRESULT = 0x80070005 in the installer"),
    ("exit status 2", "exit status 1"),
    # Java, Go, Node.
    (
        'java.lang.NullPointerException: Cannot invoke "Order.total()"',
        'java.lang.NullPointerException: Cannot invoke "Order.user()"',
    ),
    ("java.lang.ClassNotFoundException: com.shop.Order", "java.lang.ClassNotFoundException: com.shop.Item"),
    ("Could not find artifact com.shop:orders", "Could not find artifact com.shop:items"),
    (
        "Cannot read properties of undefined (reading 'price')",
        "Cannot read properties of undefined (reading 'user')",
    ),
    ("Cannot find module 'express'", "Cannot find module 'lodash'"),
    ("TypeError: cart.total is not a function", "TypeError: cart.items is not a function"),
    ("panic: assignment to entry in nil map", "panic: close of closed channel"),
    (
        "json: cannot unmarshal string into Go struct field Order.total of type int",
        "json: cannot unmarshal string into Go struct field Order.count of type int",
    ),
    ('level=error msg="cannot reach redis"', 'level=error msg="cannot reach postgres"'),
    (
        'rpc error: code = Unavailable desc = "connection refused"',
        'rpc error: code = Unavailable desc = "name resolver failed"',
    ),
    # nginx, Kubernetes, mail.
    (
        'open() "/usr/share/nginx/html/favicon.ico" failed (2: No such file or directory)',
        'open() "/usr/share/nginx/html/robots.txt" failed (2: No such file or directory)',
    ),
    (
        "connect() failed (111: Connection refused) while connecting to upstream",
        "connect() failed (113: No route to host) while connecting to upstream",
    ),
    (
        'container "api" in pod "api-7d9f8b6c5d-x2x4z" is waiting',
        'container "worker" in pod "worker-7d9f8b6c5d-x2x4z" is waiting',
    ),
    (
        "Back-off restarting failed container api in pod api-7d9f8b6c5d-x2x4z",
        "Back-off restarting failed container db in pod db-7d9f8b6c5d-x2x4z",
    ),
    ('configmap "settings" not found', 'configmap "features" not found'),
    ('MountVolume.SetUp failed for volume "config"', 'MountVolume.SetUp failed for volume "secrets"'),
    (
        "550 5.1.1 <bob@example.com>: Recipient address rejected",
        "550 5.7.1 <bob@example.com>: Recipient address rejected",
    ),
    (
        "(550, b'5.1.1 The account does not exist', 'bob@example.com')",
        "(535, b'5.7.8 Username and password not accepted', 'bob@example.com')",
    ),
    # Records, names with numbers, places.
    ('{"event": "payment failed", "level": "error"}', '{"event": "refund failed", "level": "error"}'),
    (
        "{'event': 'payment failed', 'level': 'error', 'order': 17}",
        "{'event': 'refund failed', 'level': 'error', 'order': 17}",
    ),
    (
        '{"level": "error", "error": {"message": "card declined", "id": 5}}',
        '{"level": "error", "error": {"message": "card expired", "id": 5}}',
    ),
    ('"card was declined"', '"card has expired"'),
    ("queue eth0 is down", "queue wlan0 is down"),
    ("state=failed order=17", "state=lost order=17"),
    ('the "orders" queue is full', 'the "mails" queue is full'),
    ("feature flag 'new_checkout' is unknown", "feature flag 'old_checkout' is unknown"),
    (at("shop/billing/tasks.py:run"), at("shop/shipping/tasks.py:run")),
    (at("shop/v1/orders.py:run"), at("shop/v2/orders.py:run")),
    (at("shop/tasks.py:charge"), at("shop/tasks.py:refund")),
    (at("app/src/cart.js:total"), at("app/src/user.js:total")),
    (at("Charge.java:com.shop.Charge.run"), at("Charge.java:com.shop.Refund.run")),
    ('missing key "price"', 'missing key "user"'),
    ("Unknown key: price", "Unknown key: user"),
    ("FileNotFoundError: /data/in/prices.csv", "FileNotFoundError: /data/in/users.csv"),
    ("cannot open config.yaml", "cannot open secrets.yaml"),
    ("exit code 1", "exit code 2"),
    ("exited with status 1", "exited with status 127"),
    ("exit code: 137", "exit code: 139"),
    ("killed by signal: 9", "killed by signal: 15"),
    ("return code 5", "return code 6"),
    ("rc=5", "rc=6"),
    ("returncode=1", "returncode=2"),
    ("HTTP error 404", "HTTP error 500"),
    ("responded with 404", "responded with 500"),
    ("responded with status 404", "responded with status 500"),
    ("got 401 from gateway", "got 503 from gateway"),
    ("received 401 from gateway", "received 503 from gateway"),
    ("server replied 401", "server replied 503"),
    ("response code 404", "response code 500"),
    ("response status: 404", "response status: 500"),
    ("HTTP status 404 Not Found", "HTTP status 410 Gone"),
    ("upstream responded: 502", "upstream responded: 504"),
    ("webhook answered with 410", "webhook answered with 500"),
    ("returned error 1205", "returned error 1213"),
    ("MySQL error 1205", "MySQL error 1213"),
    ("error code 1205", "error code 1213"),
    ("Error: 1205", "Error: 1213"),
    ("SQLSTATE 23505", "SQLSTATE 23503"),
    ("sqlstate=23505", "sqlstate=23503"),
    ("SQL state 23505", "SQL state 23503"),
    (
        '(psycopg2.errors.UniqueViolation) duplicate key value violates unique constraint "users_email_key"',
        '(psycopg2.errors.UniqueViolation) duplicate key value violates unique constraint "orders_pkey"',
    ),
    ("grpc status 14", "grpc status 4"),
    ("Lambda returned 500", "Lambda returned 429"),
    ("NXDOMAIN for api.stripe.com", "NXDOMAIN for api.mailgun.com"),
    ("Name or service not known: redis", "Name or service not known: postgres"),
    ("http2: stream closed", "http: stream closed"),
    ("Connection to redis timed out", "Connection to postgres timed out"),
    ("Unsupported codec: h264", "Unsupported codec: h265"),
    ("module 'jwt' has no attribute 'encode'", "module 'jwt' has no attribute 'decode'"),
    ("undefined method `price' for nil:NilClass", "undefined method `user' for nil:NilClass"),
    ("Undefined variable $price", "Undefined variable $user"),
    ('Undefined array key "price"', 'Undefined array key "user"'),
    ("Class 'App\\Models\\User' not found", "Class 'App\\Models\\Order' not found"),
    ("Class App\\Models\\User not found", "Class App\\Models\\Order not found"),
    ("S3 bucket my-bucket not found", "S3 bucket other-bucket not found"),
    ("topic orders.created has no leader", "topic orders.paid has no leader"),
    ("queue 'mails-high' full", "queue 'mails-low' full"),
    ("index [orders] missing", "index [users] missing"),
    ("index_not_found_exception: no such index [orders]", "index_not_found_exception: no such index [users]"),
    ("circuit breaker 'stripe' opened", "circuit breaker 'paypal' opened"),
    ("GET /api/v1/users 500", "POST /api/v1/users 500"),
    ("DELETE failed with 409", "DELETE failed with 423"),
    ('template "mail.html" not found', 'template "page.html" not found'),
    ("ImportError: cannot import name 'x' from 'a.b'", "ImportError: cannot import name 'x' from 'a.c'"),
    ("ERROR 1045", "ERROR 1049"),
    ("ER_DUP_ENTRY: dup", "ER_LOCK_DEADLOCK: dup"),
    (
        "E11000 duplicate key error collection: shop.users index: email_1",
        "E11000 duplicate key error collection: shop.orders index: email_1",
    ),
    ("CLUSTERDOWN Hash slot not served", "MOVED 1234 10.0.0.1:6379"),
    ("disk /dev/sda1 is full", "disk /dev/sdb1 is full"),
    ("/ is full", "/var is full"),
    ("mount /var is full", "mount /home is full"),
    ("signal SIGSEGV", "signal SIGABRT"),
    ("WORKER TIMEOUT (pid:17)", "WORKER LOST (pid:17)"),
    ("worker exited with signal 9", "worker exited with signal 11"),
    ('{"error": "card_declined"}', '{"error": "expired_card"}'),
    ('{"error": {"code": "card_declined"}}', '{"error": {"code": "expired_card"}}'),
    ('{"detail": "a problem"}', '{"detail": "another thing"}'),
    ("{'detail': 'a problem'}", "{'detail': 'another thing'}"),
    ('{"status": 401, "error": "failed"}', '{"status": 503, "error": "failed"}'),
    ("%s", "%s: %s"),
    ("'a b c'", "'d e f'"),
    ('"Payment declined by the bank"', '"Refund declined by the bank"'),
    ("ssl error: certificate has expired", "ssl error: self signed certificate"),
    ("permission denied: '/etc/shop/key.pem'", "permission denied: '/etc/shop/cert.pem'"),
    ("bind: address already in use 0.0.0.0:8080", "bind: address already in use 0.0.0.0:9090"),
    (
        "[Errno 111] Connect call failed ('127.0.0.1', 5432)",
        "[Errno 111] Connect call failed ('127.0.0.1', 6379)",
    ),
    (
        "Error 111 connecting to localhost:6379. Connection refused.",
        "Error 113 connecting to localhost:6379. No route.",
    ),
    (
        "Cannot connect to host api.stripe.com:443 ssl:default",
        "Cannot connect to host api.mailgun.com:443 ssl:default",
    ),
    ('could not translate host name "db" to address', 'could not translate host name "cache" to address'),
    ("Timeout of 30s in charge", "Timeout of 30s in refund"),
    ("Table 'users_2' doesn't exist", "Table 'orders_2' doesn't exist"),
    (
        "AttributeError: 'Order' object has no attribute 'total'",
        "AttributeError: 'Item' object has no attribute 'total'",
    ),
    ("Invalid user input", "Invalid user agent"),
    ("no such column: users.email", "no such column: users.name"),
    ("UNIQUE constraint failed: users.email", "UNIQUE constraint failed: users.name"),
    ("NOT NULL constraint failed: users.email", "UNIQUE constraint failed: users.email"),
    ("ERR_HTTP2_PROTOCOL_ERROR", "ERR_SSL_PROTOCOL_ERROR"),
    ("X509v3 failure", "PKCS12 failure"),
    ("oauth2 token endpoint failed", "oauth1 token endpoint failed"),
    ("sha256 mismatch", "sha512 mismatch"),
    ("ipv4 disabled", "ipv6 disabled"),
    ("python3.11 not supported here", "ruby3.2 not supported here"),
    ("task shop.tasks.charge failed", "task shop.tasks.refund failed"),
    ("task shop.tasks.charge_v1 failed", "task shop.tasks.charge_v2 failed"),
    ("Failed to load chunk main.js", "Failed to load chunk vendor.js"),
    ("error TS2304: x", "error TS2345: x"),
    ("npm ERR! code E404", "npm ERR! code E401"),
    (
        "ImagePullBackOff: image registry.example.com/shop/api:1.4.2",
        "ImagePullBackOff: image registry.example.com/shop/worker:1.4.2",
    ),
    ("code 4001", "code 4002"),
    ("failed (13: Permission denied)", "failed (2: No such file)"),
    ("fetch failed: 503", "fetch failed: 404"),
    ("fetch failed (503)", "fetch failed (404)"),
    ("GET /orders -> 503", "GET /orders -> 404"),
    ('10.0.0.1 "GET /a HTTP/1.1" 502 157', '10.0.0.1 "GET /a HTTP/1.1" 404 157'),
    ("too many 5xx", "too many 4xx"),
    ("Undefined index: price", "Undefined index: user"),
    (
        "(pymysql.err.OperationalError) (1054, \"Unknown column 'price' in 'field list'\")",
        "(pymysql.err.OperationalError) (1054, \"Unknown column 'total' in 'field list'\")",
    ),
    (
        "aborted, RemoteDisconnected('Remote end closed connection')",
        "aborted, RemoteDisconnected('Read timed out')",
    ),
    ("An error occurred (404) when calling HeadObject", "An error occurred (403) when calling HeadObject"),
    ("connect ECONNREFUSED ::1:5432", "connect ECONNREFUSED ::1:6379"),
    (
        "HTTPConnectionPool(host='localhost', port=9200): x",
        "HTTPConnectionPool(host='localhost', port=8500): x",
    ),
    ("bounced, dsn=5.1.1", "bounced, dsn=4.7.0"),
]

ONE: list[tuple[Problem, Problem]] = [
    # Ids.
    ("order 1842 failed", "order 7 failed"),
    ("Receiving block blk_-[scrubbed] src: 1.2.3.4", "Receiving block blk_-1608999687919862906 src: 1.2.3.4"),
    ("paid with [scrubbed], order 17", "paid with [scrubbed], order 18"),
    ("job 0192f0c1-1111-7000-8000-00000000abcd lost", "job 7d444840-9dc0-11d1-b245-5ffdce74fad2 lost"),
    ("job=01ARZ3NDEKTSV4RRFFQ69G5FAV lost", "job=01BX5ZZKBKACTAV9WEVGEMMVRZ lost"),
    (
        "trace 4bf92f3577b34da6a3ce929d0e0e4736 was dropped",
        "trace 00f067aa0ba902b7a3ce929d0e0e4736 was dropped",
    ),
    (
        "An error occurred (SlowDown), RequestId: 7FZ3QK5W1N8YB2XC",
        "An error occurred (SlowDown), RequestId: 1N8YB2XC7FZ3QK5W",
    ),
    ("bad code (4g8hXn02sfzZywjG)", "bad code (Zq81mXn02sgzAywj)"),
    ("cannot check out 8f3a2b1", "cannot check out 1c9e4d7"),
    (
        "cannot check out 8f3a2b1c9e4d7f60718293a4b5c6d7e8f9012345",
        "cannot check out 0123456789abcdef0123456789abcdef01234567",
    ),
    ("Receiving block blk_-1608999687919862906", "Receiving block blk_7888946331804732825"),
    ("object at 0x7f1c2d3e4f50 is gone", "object at 0x55d0c0ffee00 is gone"),
    ("com.shop.Order@1a2b3c4d is stale", "com.shop.Order@6d06d69c is stale"),
    ("instance i-0abcd1234ef567890 is impaired", "instance i-0f1e2d3c4b5a69788 is impaired"),
    (
        "throttled: arn:aws:lambda:eu-west-1:123456789012:function:charge",
        "throttled: arn:aws:lambda:eu-west-1:210987654321:function:charge",
    ),
    ("vol-049df61146c4d7901 is full", "vol-0a1b2c3d4e5f60718 is full"),
    ("session req_8Kx2mPq91LwZ4vTn expired", "session req_1QwErTy2UiOp3AsD expired"),
    (
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP is stale",
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIyIn0.Qm9iSk1nZ1ZX is stale",
    ),
    ("payload dGhpcyBpcyBhIHRlc3QgMTI= refused", "payload YW5vdGhlciB0ZXN0IDM0NTY= refused"),
    ("worker-3 is down", "worker-17 is down"),
    ("partition orders_2026_11 is missing", "partition orders_2026_12 is missing"),
    ("lease of thread-pool-7-worker-12 lost", "lease of thread-pool-3-worker-1 lost"),
    # Addresses.
    ("cannot write to bob@example.com", "cannot write to anna.schmidt+x@mail.example.org"),
    (
        "GET https://api.example.com/v1/orders/17 failed",
        "GET https://api.example.com/v1/orders/18/items failed",
    ),
    ("GET https://api.example.com/v1?page=2&q=a%20b failed", "GET https://api.example.com/v1?page=3 failed"),
    (
        "Server error '503 Service Unavailable' for url 'https://api.example.com/a'",
        "Server error '503 Service Unavailable' for url 'https://api.example.com/b?c=1'",
    ),
    ("no route to 2001:db8::8a2e:370:7334", "no route to fe80::1%eth0"),
    ("no route to 2001:db8:0:1::1", "no route to 10.0.0.7"),
    ("connection from 10.0.0.1:41234 reset", "connection from 192.168.7.2:53122 reset"),
    ("connection from [2001:db8::1]:41234 reset", "connection from [2001:db8::2]:53122 reset"),
    ("DHCPDISCOVER from 00:11:43:e3:ba:c3", "DHCPDISCOVER from 5c-50-15-4c-18-13"),
    ("node ip-10-0-3-17.ec2.internal is not ready", "node ip-10-0-12-200.ec2.internal is not ready"),
    ("pod api-7d9f8b6c5d-x2x4z was evicted", "pod api-66b5f5c8d9-hpmtv was evicted"),
    ("deleting pod kube-proxy-hpmtv", "deleting pod kube-proxy-x2x4z"),
    ('pod "api-7d9f8b6c5d-x2x4z" was evicted', 'pod "api-5f6d7c8b9f-kq7wn" was evicted'),
    ("host web-7f9c2ab1.example.com is silent", "host web-1b2c3d4e.example.com is silent"),
    ("redis-0.redis.svc.cluster.local is silent", "redis-2.redis.svc.cluster.local is silent"),
    # Moments and quantities.
    ("took 1m32.5s", "took 312ms"),
    ("took 312 ms", "took 2.5 s"),
    ("no heartbeat for 1 second", "no heartbeat for 30 seconds"),
    ("used 917.0 B of memory", "used 4.67 KB of memory"),
    ("used 10MB of memory", "used 512KiB of memory"),
    ("disk at 91% is nearly full", "disk at 95.5% is nearly full"),
    ("last seen Nov 22 10:00:01 here", "last seen Dec  1 09:59:59 here"),
    ("valid until Mon, 23 Nov 2026 10:00:00 GMT only", "valid until Fri, 4 Dec 2026 23:59:59 GMT only"),
    ("at 2026-11-22T05:00:00Z it broke", "at 2026-11-23T06:10:20.123+02:00 it broke"),
    ("at 2026-11-22 05:00:00,123 it broke", "at 2026-12-01 23:00:00,999 it broke"),
    ("[22/Nov/2026:10:00:00 +0000] it broke", "[01/Dec/2026:11:22:33 +0000] it broke"),
    ("at 22/11/2026 it broke", "at 23/12/2026 it broke"),
    ("expired on November 22, 2026 for good", "expired on December 1, 2026 for good"),
    ("token from Sun Jul 17 08:06:12 2005 is stale", "token from Wed Jun 29 03:22:22 2005 is stale"),
    ("retry at 10:00:01", "retry at 23:59:59.123"),
    ("moved 3 of 17 rows", "moved 40 of 1700 rows"),
    ("returned 200 rows", "returned 404 rows"),
    ("retry in 503 ms", "retry in 17 ms"),
    ("offset -452.0 is out of range", "offset 17 is out of range"),
    ("values [1, 2, 3] were refused", "values [4, 5] were refused"),
    # Values.
    ("expected b'abc' first", "expected b'\\x00xyz' first"),
    (
        'refused "the quick brown fox jumps over the lazy dog"',
        'refused "she sells sea shells by the sea shore today"',
    ),
    ("user_id=17 attempt=3 state=failed", "user_id=4711 attempt=1 state=failed"),
    ("user=bob@example.com ip=10.0.0.1 failed", "user=anna@example.com ip=10.0.0.2 failed"),
    ("code=404 took=31ms", "code=404 took=1.2s"),
    ("Duplicate entry 'bob' for key 'users.login'", "Duplicate entry 'anna' for key 'users.login'"),
    ("Duplicate entry '17-4' for key 'PRIMARY'", "Duplicate entry '18-9' for key 'PRIMARY'"),
    (
        'violates unique constraint "users_email_key"\nDETAIL:  Key (email)=(bob@example.com) already exists.',
        'violates unique constraint "users_email_key"\nDETAIL:  Key (email)=(anna@example.com) already exists.',
    ),
    (
        'violates unique constraint "users_login_key"\nDETAIL:  Key (login)=(bob) already exists.',
        'violates unique constraint "users_login_key"\nDETAIL:  Key (login)=(Anna Schmidt) already exists.',
    ),
    (
        "Failed password for invalid user oracle from 1.2.3.4 port 51592 ssh2",
        "Failed password for invalid user admin from 5.6.7.8 port 4242 ssh2",
    ),
    (
        "HTTPSConnectionPool(host='api.stripe.com', port=443): Max retries exceeded with url: /v1/charges",
        "HTTPSConnectionPool(host='api.stripe.com', port=443): Max retries exceeded with url: /v1/refunds/7",
    ),
    (
        '127.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET /a/17 HTTP/1.1" 502 157',
        '10.0.0.9 - - [23/Nov/2026:10:00:07 +0000] "GET /b?c=1 HTTP/1.1" 502 2048',
    ),
    (
        'upstream timed out, client: 1.2.3.4, server: shop, request: "GET /a HTTP/1.1"',
        'upstream timed out, client: 5.6.7.8, server: shop, request: "GET /b/7 HTTP/1.1"',
    ),
    ("*17 upstream prematurely closed connection", "*4711 upstream prematurely closed connection"),
    (
        "550 5.1.1 <bob@example.com>: Recipient address rejected",
        "550 5.1.1 <anna@example.com>: Recipient address rejected",
    ),
    (
        "(550, b'5.1.1 The account does not exist', 'bob@example.com')",
        "(550, b'5.1.1 The account does not exist', 'anna@example.com')",
    ),
    ("cannot open /var/lib/shop/17/orders.db", "cannot open /srv/data/orders.db"),
    ("cannot open /tmp/tmp8f3a2b1c/orders.db", "cannot open /tmp/tmpq91lwz4v/orders.db"),
    ("cannot open C:\\Users\\bob\\orders.db", "cannot open C:\\Users\\anna\\AppData\\orders.db"),
    (
        "[Errno 2] No such file or directory: '/tmp/a1/prices.csv'",
        "[Errno 2] No such file or directory: '/tmp/b2/prices.csv'",
    ),
    (
        '{"event": "payment failed", "order": 17, "at": "2026-11-22T05:00:00Z"}',
        '{"event": "payment failed", "order": 18, "at": "2026-11-23T05:00:00Z"}',
    ),
    (
        "{'event': 'payment 17 failed', 'level': 'error'}",
        "{'event': 'payment 18 failed', 'level': 'error', 'user': 'bob'}",
    ),
    ('{"msg": "slow", "ms": 17}', '{"ms": 18, "msg": "slow"}'),
    (error("KeyError", "17"), error("KeyError", "4711")),
    ("goroutine 17 [running]: main.charge(0xc000012345)", "goroutine 4 [running]: main.charge(0xc000054321)"),
    # Places.
    (
        at("/var/www/shop/releases/20261122101500/shop/tasks.py:charge"),
        at("/var/www/shop/releases/20261123110000/shop/tasks.py:charge"),
    ),
    (at("/srv/shop-1.4.2/shop/tasks.py:charge"), at("/srv/shop-1.5.0/shop/tasks.py:charge")),
    (
        at("https://cdn.example.com/static/main.8f3a2b1c.js:total"),
        at("https://cdn.example.com/static/main.1c9e4d70.js:total"),
    ),
    (at("assets/index-BkH3xYz9.js:total"), at("assets/index-DkQpWvXy.js:total")),
    (
        at("/opt/.pex/unzipped_pexes/8f3a2b1c9e4d7f60718293a4b5c6d7e8f9012345/shop/tasks.py:charge"),
        at("/opt/.pex/unzipped_pexes/0123456789abcdef0123456789abcdef01234567/shop/tasks.py:charge"),
    ),
    (at("/tmp/ipykernel_2213/1718293.py:charge"), at("/tmp/ipykernel_98/55443.py:charge")),
    (
        at("/usr/lib/python3.11/json/decoder.py:decode"),
        at("/usr/local/lib/python3.12/json/decoder.py:decode"),
    ),
    (at(f"/{HOME}/anna/shop/tasks.py:charge"), at(f"/{HOME}/deploy/shop/tasks.py:charge")),
    (at("shop/tasks.py:charge", "shop/tasks.py:charge.<locals>.<listcomp>"), at("shop/tasks.py:charge")),
    (at("shop/tasks.py:charge", "shop/tasks.py:<listcomp>"), at("shop/tasks.py:charge")),
    (
        at("shop/tasks.py:charge", "<decorator-gen-7>:charge"),
        at("shop/tasks.py:charge", "<decorator-gen-12>:charge"),
    ),
    (at("C:\\shop\\tasks.py:charge"), at("/shop/tasks.py:charge")),
    (
        at("shop/tasks.py:charge", "/usr/lib/python3.11/asyncio/tasks.py:wait_for", in_app=None),
        at("shop/tasks.py:charge", "/usr/lib/python3.12/asyncio/timeouts.py:timeout", in_app=None),
    ),
    (
        at("app.js:total", "node:internal/process/task_queues:processTicks", in_app=None),
        at("app.js:total", in_app=None),
    ),
    (
        at("Charge.java:com.shop.Charge$$EnhancerBySpringCGLIB$$8f3a2b1c.run"),
        at("Charge.java:com.shop.Charge$$EnhancerBySpringCGLIB$$1c9e4d70.run"),
    ),
    (
        at("/go/pkg/mod/github.com/gin-gonic/gin@v1.9.1/context.go:Next"),
        at("/go/pkg/mod/github.com/gin-gonic/gin@v1.10.0/context.go:Next"),
    ),
    ("customer c_17ab99xk deleted", "customer c_88zz12pq deleted"),
    ("id 01HQ8Z6Y4T3V2X1W0RQPNMKJHG gone", "id 01HQ8Z6Y4T3V2X1W0RQPNMKJHH gone"),
    ("cus_NffrFeUfNV2Hib not found", "cus_9s6XKzkNRiz8i3 not found"),
    ("No such customer: 'cus_NffrFeUfNV2Hib'", "No such customer: 'cus_9s6XKzkNRiz8i3'"),
    ("sent 3.4MB/s", "sent 17KB/s"),
    ("waited 5 min", "waited 3 minutes"),
    ("timeout after 30 seconds", "timeout after 1 second"),
    ("after 1h5m3s", "after 312ms"),
    ("after 1:32.5", "after 0:12.1"),
    ("after 00:01:32", "after 00:10:11"),
    ("lag is 1,234 messages", "lag is 17 messages"),
    ("paid $12.50 too much", "paid $1,200.00 too much"),
    ("paid 12,50 € too much", "paid 3 € too much"),
    ("temperature 41C too high", "temperature 95C too high"),
    ("port 51592 closed", "port 41234 closed"),
    ("pid 17 died", "pid 4711 died"),
    ("(pid:17) died", "(pid:4711) died"),
    ("thread-17 died", "thread-4 died"),
    ("Thread[pool-3-thread-17] died", "Thread[pool-1-thread-2] died"),
    ("line 17, column 4: x", "line 1700, column 42: x"),
    ("app.py:17 failed", "app.py:99 failed"),
    ('File "app.py", line 17, in x', 'File "app.py", line 99, in x'),
    ("at Order.java:17 oops", "at Order.java:170 oops"),
    ("user 'bob@example.com' not found", "user 'anna@example.com' not found"),
    ("user <bob@example.com> not found", "user <anna@example.com> not found"),
    ("Bob <bob@example.com> bounced", "Bob <anna@example.com> bounced"),
    ("mailto:bob@example.com bounced", "mailto:anna@example.com bounced"),
    ("postgresql://u:p@db/shop?x=1 down", "postgresql://u:q@db/shop?x=2 down"),
    ("redis://10.0.0.1:6379/0 down", "redis://10.0.0.2:6379/1 down"),
    ("s3://bucket/a/b.csv missing", "s3://bucket/c/d.csv missing"),
    ("https://example.com/a, retrying", "https://example.com/b/c, retrying"),
    ("(https://example.com/a)", "(https://example.com/b)"),
    ("url=https://example.com/a?x=1", "url=https://example.com/b?y=[2]"),
    ("fetching https://example.com/?ids=1,2,3 failed", "fetching https://example.com/?ids=4 failed"),
    ("GET /orders/17 failed", "GET /orders/abc/items?x=1 failed"),
    ("GET /orders/17?a=b,c failed", "GET /orders/18?a=d failed"),
    ("path /a/b not allowed", "path /c/d not allowed"),
    ("2026-11-22T05:00:00.123456+00:00 oops", "2026-11-22T05:00:00Z oops"),
    ("2026/11/22 05:00:00 oops", "2026/12/01 06:07:08 oops"),
    ("22.11.2026 05:00 oops", "01.12.2026 06:07 oops"),
    ("Sun, 22 Nov 2026 05:00:00 +0000 oops", "Mon, 23 Nov 2026 05:00:00 +0000 oops"),
    ("Nov 22, 2026 5:00:00 PM oops", "Dec 1, 2026 11:00:00 AM oops"),
    ("22 November 2026 oops", "1 December 2026 oops"),
    ("Sunday, November 22, 2026 oops", "Tuesday, December 1, 2026 oops"),
    ("20261122 oops", "20261201 oops"),
    ("1763787600 oops", "1763787601 oops"),
    ("1763787600.123 oops", "1763787601.9 oops"),
    ("20261122T050000Z oops", "20261201T060708Z oops"),
    ("node ip-10-0-3-17 lost", "node ip-10-0-12-200 lost"),
    ("host gke-prod-pool-1-8f3a2b1c-x2x4 lost", "host gke-prod-pool-1-1c9e4d70-b7kq lost"),
    ("pod default/api-7d9f8b6c5d-x2x4z lost", "pod default/api-66b5f5c8d9-hpmtv lost"),
    (
        "pod api-7d9f8b6c5d-x2x4z_prod(8f3a2b1c-1111-7000-8000-00000000abcd) x",
        "pod api-66b5f5c8d9-hpmtv_prod(0192f0c1-1111-7000-8000-00000000abcd) x",
    ),
    ("job charge-28374650-x7k2p failed", "job charge-28374651-bd9wz failed"),
    ("container 3f4e5d6c7b8a died", "container 0a1b2c3d4e5f died"),
    ("sha256:8f3a2b1c9e4d7f60 missing", "sha256:0123456789abcdef missing"),
    ("eni-0a1b2c3d and sg-9f8e7d6c", "eni-1a2b3c4d and sg-0f1e2d3c"),
    ("arn:aws:sqs:eu-west-1:123456789012:orders x", "arn:aws:sqs:eu-west-1:999999999999:orders x"),
    (
        "x-amzn-RequestId: 1b2c3d4e-5f60-7182-93a4-b5c6d7e8f901",
        "x-amzn-RequestId: 9b2c3d4e-5f60-7182-93a4-b5c6d7e8f902",
    ),
    ("Request ID: 7FZ3QK5W1N8YB2XC; Proxy: null", "Request ID: N8YB2XC7FZ3QK5W1; Proxy: null"),
    ("request_id=req_8Kx2mPq91L x", "request_id=req_1QwErTy2Ui x"),
    (
        "trace=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 x",
        "trace=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 x",
    ),
    ("X-Request-Id abc123def456 x", "X-Request-Id 99ff00ee11dd x"),
    ("value 'x y z long text here for you' bad", "value 'other text that is long enough' bad"),
    ('invalid input value: "the quick brown fox"', 'invalid input value: "lazy dogs and others"'),
    ("b'\\x00\\x01' unexpected", "b'\\xff\\xfe' unexpected"),
    ('b"abc" unexpected', 'b"xyz" unexpected'),
    ("bytearray(b'abc') x", "bytearray(b'xyz') x"),
    ("<Order 17> bad", "<Order 18> bad"),
    ("<Order: 17> bad", "<Order: 18> bad"),
    ("Order(id=17, total=3.5) bad", "Order(id=18, total=99) bad"),
    ("<shop.models.Order object at 0x7f1c2d3e4f50> bad", "<shop.models.Order object at 0x7f00dead0000> bad"),
    ("retry 3/5", "retry 4/5"),
    ("attempt #3 of 5", "attempt #4 of 5"),
    ("[3/5] step", "[4/5] step"),
    ("50.3% done", "7% done"),
    ("x=-1 y=+3", "x=17 y=0"),
    ("Deadlock found; trx id 421938475629384 waiting", "Deadlock found; trx id 99 waiting"),
    (
        "Process 12345 waits for ShareLock on transaction 987654; blocked by process 54321.",
        "Process 1 waits for ShareLock on transaction 2; blocked by process 3.",
    ),
    ("at character 15", "at character 155"),
    ("LINE 1: x", "LINE 12: x"),
    (
        "Incorrect string value: '\\xF0\\x9F\\x98\\x80' for column 'name' at row 1",
        "Incorrect string value: '\\xF0\\x9F\\x91\\x8D' for column 'name' at row 17",
    ),
    ("Data too long for column 'name' at row 1", "Data too long for column 'name' at row 22"),
    ("Lock wait timeout exceeded; thread 17", "Lock wait timeout exceeded; thread 18"),
    (
        "4bXy9z1K2szQ: to=<bob@example.com>, relay=mx.example.com[1.2.3.4]:25, delay=0.5 bounced",
        "9aXy2z7K1szR: to=<anna@example.com>, relay=mx.example.com[5.6.7.8]:25, delay=10 bounced",
    ),
    ("queued as 4F2A11C0D3", "queued as 9B77E01A22"),
    ("goroutine 17 [chan receive, 5 minutes]:", "goroutine 4 [chan receive, 12 minutes]:"),
    (
        "context deadline exceeded (Client.Timeout exceeded while awaiting headers) after 1m0s",
        "context deadline exceeded (Client.Timeout exceeded while awaiting headers) after 30s",
    ),
    (
        'Get "https://api.example.com/a/1": context deadline exceeded',
        'Get "https://api.example.com/b/2": context deadline exceeded',
    ),
    (
        "read tcp 10.0.3.17:51592->10.0.0.9:5432: connection reset",
        "read tcp 10.0.3.18:41111->10.0.0.9:5432: connection reset",
    ),
    ("read udp [::1]:51592->[::1]:53: i/o timeout", "read udp [::1]:41111->[::1]:53: i/o timeout"),
    (
        "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3 bad",
        "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI5OTk5OTk5OTkifQ.q1w2e3r4t5y6u7i8o9p0a1s2d3f4 bad",
    ),
    ("host=db-1.internal x", "host=db-2.internal x"),
    (
        'level=error ts=2026-11-22T05:00:00Z caller=main.go:17 msg="lost lease" id=17',
        'level=error ts=2026-11-23T05:00:00Z caller=main.go:17 msg="lost lease" id=18',
    ),
    ("email bob@example.com, phone +49 30 1234567", "email a@b.org, phone +1 555 0100"),
    ("from 192.168.0.0/16 denied", "from 10.0.0.0/8 denied"),
    ("MAC 001a2b3c4d5e x", "MAC 5c50154c1813 x"),
    (at("/app/releases/v123/shop/x.py:f"), at("/app/releases/v124/shop/x.py:f")),
    (at("/opt/shop/current-1.2.3/shop/x.py:f"), at("/opt/shop/current-1.2.4/shop/x.py:f")),
    (at("shop/x.py:<lambda>"), at("shop/x.py:<lambda>")),
    (
        at("/opt/venv/lib/python3.11/site-packages/shop/x.py:f"),
        at("/usr/local/lib/python3.12/site-packages/shop/x.py:f"),
    ),
    (
        at(
            "/opt/homebrew/Cellar/python@3.11/3.11.4/Frameworks/Python.framework/Versions/3.11/lib/python3.11/json/x.py:f"
        ),
        at("/usr/lib/python3.12/json/x.py:f"),
    ),
    (at(f"/{HOME}/runner/work/shop/shop/x.py:f"), at(f"/{HOME}/runner/work/shop/shop/x.py:f")),
    (at("webpack:///./src/x.js:f"), at("webpack:///./src/x.js:f")),
    (
        at("https://a.example.com/static/js/2.3fa4b5c6.chunk.js:f"),
        at("https://b.example.com/static/js/2.9e8d7c6b.chunk.js:f"),
    ),
    (
        at("/opt/.pex/installed_wheels/8f3a/shop-1.2.3-py3-none-any.whl/shop/x.py:f"),
        at("/opt/.pex/installed_wheels/9b77/shop-1.2.4-py3-none-any.whl/shop/x.py:f"),
    ),
    (at("<ipython-input-5-8f3a2b1c9e4d>:f"), at("<ipython-input-17-1c9e4d7f6071>:f")),
    (
        at("/databricks/python_shell/Notebook_1234567.py:f"),
        at("/databricks/python_shell/Notebook_7654321.py:f"),
    ),
    (at("shop-1.2.3.jar!/com/shop/X.java:f"), at("shop-1.2.4.jar!/com/shop/X.java:f")),
    (at("X.java:com.shop.X.lambda$f$0"), at("X.java:com.shop.X.lambda$f$12")),
    (
        at("NA:jdk.internal.reflect.GeneratedMethodAccessor45.invoke"),
        at("NA:jdk.internal.reflect.GeneratedMethodAccessor1450.invoke"),
    ),
    (at("main.go:main.main.func1"), at("main.go:main.main.func1")),
    (
        at("/nix/store/8f3a2b1c9e4d7f60abcdefghijklmnop-shop-1.2.3/lib/shop/x.py:f"),
        at("/nix/store/1c9e4d7f6071abcdefghijklmnop8f3a-shop-1.2.4/lib/shop/x.py:f"),
    ),
    (at("/layers/8f3a2b1c/app/shop/x.py:f"), at("/layers/1c9e4d70/app/shop/x.py:f")),
    (at("/snapshot/shop/x.js:f"), at("/snapshot/shop/x.js:f")),
    (
        at("node_modules/.pnpm/express@4.18.2/node_modules/express/lib/router.js:f"),
        at("node_modules/.pnpm/express@4.19.0/node_modules/express/lib/router.js:f"),
    ),
    (at("/usr/src/app/shop/x.py:f"), at("/app/shop/x.py:f")),
    (at("/app/shop/x.py:f"), at("shop/x.py:f")),
    (at("/tmp/_MEI12345/shop/x.py:f"), at("/tmp/_MEI99/shop/x.py:f")),
    (at("/var/task/shop/x.py:f"), at("/app/shop/x.py:f")),
    ("fetch failed 503 times", "fetch failed 17 times"),
    ("card R23-M0-N8 is down", "card R30-M1-N12 is down"),
    ("jAFLHhLE024571: bounced", "kBGMIiMF998812: bounced"),
    ("cannot load www.example.com/a/b", "cannot load www.example.com/c?d=e"),
    (
        "Input should be valid [input_value='abc', input_type=str]",
        "Input should be valid [input_value='x y', input_type=str]",
    ),
    ("invalid literal for int() with base 10: 'abc'", "invalid literal for int() with base 10: 'xyz'"),
    ('invalid input syntax for type integer: "abc"', 'invalid input syntax for type integer: "xyz"'),
    (
        "NewConnectionError('<urllib3.HTTPConnection object at 0x7f1c2d3e4f50>: Failed to establish')",
        "NewConnectionError('<urllib3.HTTPConnection object at 0x7f00dead0000>: Failed to establish')",
    ),
    ("peer closed, port=51592", "peer closed, port=41234"),
]


@pytest.mark.parametrize(("one", "other"), APART)
def test_two_problems_stay_two(one: Problem, other: Problem) -> None:
    """A merge hides an outage."""
    assert of(one) != of(other)


@pytest.mark.parametrize(("one", "other"), ONE)
def test_two_instances_of_a_problem_are_one(one: Problem, other: Problem) -> None:
    """A split costs a line in a group's message, thousands of them bury it."""
    assert of(one) == of(other)
