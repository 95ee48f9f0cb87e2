-- keys: ntf_6zsZXyRUmplB63qMDqRqQgclPG3S8rNXiBtUgb7DcA4 ntf_6ayMIrdKdUIn562DD2dxpc-tH1c-6Nv37QgM6kA89-o ntf_cJBkqfvD5Tq5oQizRb8FAWBORoAEyYnNefngI7Icig8
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE api_keys (
	id TEXT NOT NULL, 
	project TEXT NOT NULL, 
	name TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	scopes TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	revoked_at BIGINT, 
	PRIMARY KEY (id), 
	UNIQUE (hash)
);
INSERT INTO "api_keys" VALUES('01a21f58-a9f4-7d62-bd7a-b56c41d4becd','default','first','4ae5382da87ac1902e97e214672f35ffd24fbff7489cb971ad9c7f011b1c36a1','["admin", "ingest", "manage", "read"]',1795822234100,NULL);
INSERT INTO "api_keys" VALUES('01a21f58-b487-7c96-8e7e-8ee347e20b2c','default','sender','29fbfec2a4ce6a6913dc809cd2f813d63e41980ec588b7522fbe7bebf0233d3c','["ingest"]',1795822236807,NULL);
INSERT INTO "api_keys" VALUES('01a21f58-b495-72fb-a669-2ffa109b67d6','other','leaver','d59cbf810fb9eb45fcc923dd93dd7e3601c831849b6b73d1b16b1b8677791f24','["ingest"]',1795822236821,1795822236833);
CREATE TABLE attempts (
	delivery TEXT NOT NULL, 
	n BIGINT NOT NULL, 
	started_at BIGINT, 
	finished_at BIGINT NOT NULL, 
	outcome TEXT NOT NULL, 
	detail TEXT, 
	replica TEXT NOT NULL, 
	actor TEXT, 
	PRIMARY KEY (delivery, n), 
	FOREIGN KEY(delivery) REFERENCES deliveries (id) ON DELETE CASCADE
);
INSERT INTO "attempts" VALUES('01a21f58-aba0-7b3a-a73b-cfea90c0344e',1,1795822234539,1795822234580,'delivered','the receiver answered 200','main',NULL);
INSERT INTO "attempts" VALUES('01a21f58-abe8-7ee1-a25b-46073b4c8178',1,1795822234629,1795822234682,'delivered','the receiver answered 200','main',NULL);
INSERT INTO "attempts" VALUES('01a21f58-abe6-7647-a3e0-2decc2fcb543',1,1795822234629,1795822234687,'delivered','the receiver answered 200','main',NULL);
INSERT INTO "attempts" VALUES('01a21f58-abe5-79dd-87f7-4f1fe6abc7e8',1,1795822234629,1795822234711,'delivered','the receiver answered 200','main',NULL);
INSERT INTO "attempts" VALUES('01a21f58-abe9-78cc-8dce-08ceb150bf84',1,1795822234629,1795822234727,'delivered','the receiver answered 200','main',NULL);
INSERT INTO "attempts" VALUES('01a21f58-ac1e-7ceb-8424-96549270d192',1,1795822234703,1795822234760,'throttled','the receiver answered 429: the receiver asks to slow down','main',NULL);
INSERT INTO "attempts" VALUES('01a21f58-ac91-73e1-87e5-f623fe49ae2c',1,1795822234790,1795822234807,'gone','the receiver answered 410: the receiver says that this address is no longer in use','main',NULL);
INSERT INTO "attempts" VALUES('01a21f58-acbc-7069-abe1-00cb1e785436',1,1795822234826,1795822234851,'delivered','the receiver answered 200','main',NULL);
INSERT INTO "attempts" VALUES('01a21f58-acc4-7ac7-b39f-e14f4c159a7d',1,1795822234826,1795822234853,'delivered','the receiver answered 200','main',NULL);
CREATE TABLE audit (
	id TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	project TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	key_name TEXT NOT NULL, 
	action TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	detail TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES('01a21f58-b488-7e28-a830-4253c0b31e0e',1795822236807,'default','first','first','create_key','01a21f58-b487-7c96-8e7e-8ee347e20b2c','sender of default: ingest');
INSERT INTO "audit" VALUES('01a21f58-b495-772d-93db-862e5f5c888c',1795822236821,'default','first','first','create_key','01a21f58-b495-72fb-a669-2ffa109b67d6','leaver of other: ingest');
INSERT INTO "audit" VALUES('01a21f58-b4a2-7134-bb5f-e6239c9c2d41',1795822236833,'default','first','first','revoke_key','01a21f58-b495-72fb-a669-2ffa109b67d6',NULL);
CREATE TABLE deliveries (
	id TEXT NOT NULL, 
	project TEXT NOT NULL, 
	notification TEXT NOT NULL, 
	target BIGINT NOT NULL, 
	channel TEXT NOT NULL, 
	thread TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	state TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	due_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	fallback_at BIGINT, 
	attempts BIGINT DEFAULT '0' NOT NULL, 
	claims BIGINT DEFAULT '0' NOT NULL, 
	fence BIGINT DEFAULT '0' NOT NULL, 
	lease_until BIGINT, 
	message TEXT, 
	maybe_sent SMALLINT DEFAULT '0' NOT NULL, 
	carried_by TEXT, 
	finished_at BIGINT, 
	outcome TEXT, 
	detail TEXT, 
	ref TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(notification) REFERENCES notifications (id), 
	FOREIGN KEY(target) REFERENCES targets (id), 
	CONSTRAINT uq_deliveries_target UNIQUE (notification, target)
);
INSERT INTO "deliveries" VALUES('01a21f58-aba0-7b3a-a73b-cfea90c0344e','default','01a21f58-ab9b-72da-afb3-bd2aea90da4d',2,'fine','01a21f58-ab9d-7812-be0a-b25e0df3bc2c','opened','delivered',1795822234514,1795822234514,1795908634514,NULL,1,0,1,NULL,'{"id":"01a21f58-aba0-7b3a-a73b-cfea90c0344e","reason":"opened","at":1795822234514,"project":"default","group":"ab849df73553eda98862c70f3083de77","labels":{"incident":"01a21f58-ab72-7921-8b76-e6773d8f50c1"},"told":[{"incident":{"id":"01a21f58-ab72-7921-8b76-e6773d8f50c1","number":1,"project":"default","environment":"production","fingerprint":"a4825217a956dc873ac6e780a4e94dc0","title":"TimeoutError: upstream timed out after 30s","state":"open","severity":"error","labels":{"project":"default","service":"billing","environment":"production","severity":"error","exception":"TimeoutError"},"varying":[],"count":5,"first_seen":"2026-11-27T23:30:34.474Z","last_seen":"2026-11-27T23:30:34.474Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"order-4","timestamp":"2026-11-27T23:30:34.474Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":4},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":4,"origin":["default","notifier-60129.yaml:16"],"note":null,"thread_id":"01a21f58-ab9d-7812-be0a-b25e0df3bc2c","previous_thread_id":null}',0,NULL,1795822234580,'delivered','the receiver answered 200',NULL);
INSERT INTO "deliveries" VALUES('01a21f58-abe5-79dd-87f7-4f1fe6abc7e8','default','01a21f58-abe4-7edd-b0a8-c8bfff140bb0',2,'fine','01a21f58-abe5-753c-b1ab-2d156c9d4a46','opened','delivered',1795822234596,1795822234596,1795908634596,NULL,1,0,1,NULL,'{"id":"01a21f58-abe5-79dd-87f7-4f1fe6abc7e8","reason":"opened","at":1795822234596,"project":"default","group":"66467720383f337e35f7001a296df93a","labels":{"incident":"01a21f58-aba9-76ea-ab61-f954ffbc4cc1"},"told":[{"incident":{"id":"01a21f58-aba9-76ea-ab61-f954ffbc4cc1","number":2,"project":"default","environment":"production","fingerprint":"4b9f8de77a2c3b6028a54ba1e1992683","title":"it broke at place_c","state":"open","severity":"critical","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"critical"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.519Z","last_seen":"2026-11-27T23:30:34.519Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-2","timestamp":"2026-11-27T23:30:34.519Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"critical","message":"it broke at place_c","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-60129.yaml:16"],"note":null,"thread_id":"01a21f58-abe5-753c-b1ab-2d156c9d4a46","previous_thread_id":null}',0,NULL,1795822234711,'delivered','the receiver answered 200',NULL);
INSERT INTO "deliveries" VALUES('01a21f58-abe6-7647-a3e0-2decc2fcb543','default','01a21f58-abe5-70fb-b58a-17e8c8573130',2,'fine','01a21f58-abe6-783e-af50-5bd398177abb','opened','delivered',1795822234596,1795822234596,1795908634596,NULL,1,0,1,NULL,'{"id":"01a21f58-abe6-7647-a3e0-2decc2fcb543","reason":"opened","at":1795822234596,"project":"default","group":"b788423ab810721346f11bb6db1b744d","labels":{"incident":"01a21f58-aba9-795e-997a-e03f75cbc982"},"told":[{"incident":{"id":"01a21f58-aba9-795e-997a-e03f75cbc982","number":3,"project":"default","environment":"production","fingerprint":"5b7456bb400c7277534f0bf7a36be949","title":"it broke at place_a","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.519Z","last_seen":"2026-11-27T23:30:34.519Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-0","timestamp":"2026-11-27T23:30:34.519Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_a","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-60129.yaml:16"],"note":null,"thread_id":"01a21f58-abe6-783e-af50-5bd398177abb","previous_thread_id":null}',0,NULL,1795822234687,'delivered','the receiver answered 200',NULL);
INSERT INTO "deliveries" VALUES('01a21f58-abe8-7ee1-a25b-46073b4c8178','default','01a21f58-abe7-7e36-9207-f99678aaefe4',2,'fine','01a21f58-abe8-7ef6-96f4-6abb878fe443','opened','delivered',1795822234596,1795822234596,1795908634596,NULL,1,0,1,NULL,'{"id":"01a21f58-abe8-7ee1-a25b-46073b4c8178","reason":"opened","at":1795822234596,"project":"default","group":"d8f14ccdd8ed0296db670ad29bce45bd","labels":{"incident":"01a21f58-aba9-701a-8e25-cf9894e4b6f9"},"told":[{"incident":{"id":"01a21f58-aba9-701a-8e25-cf9894e4b6f9","number":4,"project":"default","environment":"production","fingerprint":"5c93dc272912fd3cdb28ca73cd79b001","title":"it broke at place_d","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.519Z","last_seen":"2026-11-27T23:30:34.519Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-3","timestamp":"2026-11-27T23:30:34.519Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_d","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-60129.yaml:16"],"note":null,"thread_id":"01a21f58-abe8-7ef6-96f4-6abb878fe443","previous_thread_id":null}',0,NULL,1795822234682,'delivered','the receiver answered 200',NULL);
INSERT INTO "deliveries" VALUES('01a21f58-abe9-78cc-8dce-08ceb150bf84','default','01a21f58-abe9-792f-8134-acf4eb4548e7',2,'fine','01a21f58-abe9-7ec6-afdb-a92dc2655b8d','opened','delivered',1795822234596,1795822234596,1795908634596,NULL,1,0,1,NULL,'{"id":"01a21f58-abe9-78cc-8dce-08ceb150bf84","reason":"opened","at":1795822234596,"project":"default","group":"f426be850536780a491bca2a9325dd38","labels":{"incident":"01a21f58-aba9-7267-8d5c-48d729aa206d"},"told":[{"incident":{"id":"01a21f58-aba9-7267-8d5c-48d729aa206d","number":5,"project":"default","environment":"production","fingerprint":"c8223ffd94554ad720c389ce94080afc","title":"it broke at place_b","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.519Z","last_seen":"2026-11-27T23:30:34.519Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-1","timestamp":"2026-11-27T23:30:34.519Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_b","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-60129.yaml:16"],"note":null,"thread_id":"01a21f58-abe9-7ec6-afdb-a92dc2655b8d","previous_thread_id":null}',0,NULL,1795822234727,'delivered','the receiver answered 200',NULL);
INSERT INTO "deliveries" VALUES('01a21f58-ac1e-7ceb-8424-96549270d192','default','01a21f58-ac1b-7d29-9c7e-2b94b82bacea',1,'busy','01a21f58-ac1e-71dc-94ea-850e7c33c1e0','opened','pending',1795822234648,1795825834760,1795908634648,1795822834648,0,0,1,NULL,'{"id":"01a21f58-ac1e-7ceb-8424-96549270d192","reason":"opened","at":1795822234648,"project":"default","group":"d1ee908ac6916f664086755c6b0b071a","labels":{"incident":"01a21f58-abd0-7567-8e7d-a34fa7e7db80"},"told":[{"incident":{"id":"01a21f58-abd0-7567-8e7d-a34fa7e7db80","number":6,"project":"default","environment":"production","fingerprint":"e37fa5c5d8295eca88737175882164fd","title":"relation \"users\" does not exist ätzend 🔥 ''quoted''","state":"open","severity":"error","labels":{"region":"eu","project":"default","service":"shop","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.549Z","last_seen":"2026-11-27T23:30:34.549Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"eu","timestamp":"2026-11-27T23:30:34.549Z","service":"shop","environment":"production","release":null,"host":null,"severity":"error","message":"relation \"users\" does not exist ätzend 🔥 ''quoted''","exception":null,"task":null,"labels":{"region":"eu"},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["region=\"eu\"","notifier-60129.yaml:23"],"note":null,"thread_id":"01a21f58-ac1e-71dc-94ea-850e7c33c1e0","previous_thread_id":null}',0,NULL,NULL,'throttled','the receiver answered 429: the receiver asks to slow down',NULL);
INSERT INTO "deliveries" VALUES('01a21f58-ac6d-748d-b116-0cb601b7b2b4','default','01a21f58-ac6c-7903-b5e7-88e837792319',1,'busy','01a21f58-ac6d-7b8c-9d81-fe30c4cb664e','opened','pending',1795822234731,1795822234731,1795908634731,1795822834731,0,0,0,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES('01a21f58-ac91-73e1-87e5-f623fe49ae2c','default','01a21f58-ac90-7a77-9ad3-2669dd564e12',3,'gone','01a21f58-ac91-7dd0-80b1-920303d00742','opened','dead',1795822234767,1795822234767,1795908634767,NULL,1,0,1,NULL,'{"id":"01a21f58-ac91-73e1-87e5-f623fe49ae2c","reason":"opened","at":1795822234767,"project":"default","group":"1758f32c2286580db8cb553a04fcddeb","labels":{"incident":"01a21f58-ac28-797c-b032-db02adf613c5"},"told":[{"incident":{"id":"01a21f58-ac28-797c-b032-db02adf613c5","number":8,"project":"default","environment":"production","fingerprint":"ef0d05e34bb76ee0bfbedd378e9a4425","title":"nobody listens here","state":"open","severity":"error","labels":{"project":"default","service":"old","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.634Z","last_seen":"2026-11-27T23:30:34.634Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"old","timestamp":"2026-11-27T23:30:34.634Z","service":"old","environment":"production","release":null,"host":null,"severity":"error","message":"nobody listens here","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["service=\"old\"","notifier-60129.yaml:27"],"note":null,"thread_id":"01a21f58-ac91-7dd0-80b1-920303d00742","previous_thread_id":null}',0,NULL,1795822234807,'gone','the receiver answered 410: the receiver says that this address is no longer in use',NULL);
INSERT INTO "deliveries" VALUES('01a21f58-acbc-7069-abe1-00cb1e785436','default','01a21f58-acbc-7393-ae30-fd1533ac53eb',2,'fine','01a21f58-acbc-707a-9138-acbcfce94d11','opened','delivered',1795822234811,1795822234811,1795908634811,NULL,1,0,1,NULL,'{"id":"01a21f58-acbc-7069-abe1-00cb1e785436","reason":"opened","at":1795822234811,"project":"default","group":"d0c55ee5c1f75107a51461b7b92f2d97","labels":{"incident":"01a21f58-ac94-7bb2-8c13-b2a9746676ae"},"told":[{"incident":{"id":"01a21f58-ac94-7bb2-8c13-b2a9746676ae","number":10,"project":"default","environment":"production","fingerprint":"c0102005eb5331a987acb7916bc657e1","title":"no answer","state":"open","severity":"error","labels":{"project":"default","service":"probe","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.762Z","last_seen":"2026-11-27T23:30:34.762Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"up","timestamp":"2026-11-27T23:30:34.762Z","service":"probe","environment":"production","release":null,"host":null,"severity":"error","message":"no answer","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":["probe"],"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-60129.yaml:16"],"note":null,"thread_id":"01a21f58-acbc-707a-9138-acbcfce94d11","previous_thread_id":null}',0,NULL,1795822234851,'delivered','the receiver answered 200',NULL);
INSERT INTO "deliveries" VALUES('01a21f58-acc4-7ac7-b39f-e14f4c159a7d','default','01a21f58-acc3-7cf2-91f4-22d8a321a7aa',2,'fine','01a21f58-acc3-7431-9da2-9317b07a72b1','fallback','delivered',1795822234814,1795822234814,1795908634814,NULL,1,0,1,NULL,'{"id":"01a21f58-acc4-7ac7-b39f-e14f4c159a7d","reason":"fallback","at":1795822234814,"project":"default","group":"1758f32c2286580db8cb553a04fcddeb","labels":{"incident":"01a21f58-ac28-797c-b032-db02adf613c5"},"told":[{"incident":{"id":"01a21f58-ac28-797c-b032-db02adf613c5","number":8,"project":"default","environment":"production","fingerprint":"ef0d05e34bb76ee0bfbedd378e9a4425","title":"nobody listens here","state":"open","severity":"error","labels":{"project":"default","service":"old","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.634Z","last_seen":"2026-11-27T23:30:34.634Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"old","timestamp":"2026-11-27T23:30:34.634Z","service":"old","environment":"production","release":null,"host":null,"severity":"error","message":"nobody listens here","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["service=\"old\"","notifier-60129.yaml:27"],"note":"Delivery through gone to http://127.0.0.1:9931/gone is dead (gone: the receiver answered 410: the receiver says that this address is no longer in use). What it had to tell:","thread_id":"01a21f58-acc3-7431-9da2-9317b07a72b1","previous_thread_id":null}',0,NULL,1795822234853,'delivered','the receiver answered 200',NULL);
CREATE TABLE event_ids (
	project TEXT NOT NULL, 
	id TEXT NOT NULL, 
	incident BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (project, id)
)
 WITHOUT ROWID

;
INSERT INTO "event_ids" VALUES('default','down',10,1795822236790);
INSERT INTO "event_ids" VALUES('default','eu',6,1795822234575);
INSERT INTO "event_ids" VALUES('default','eu-2',7,1795822234614);
INSERT INTO "event_ids" VALUES('default','later',9,1795822234758);
INSERT INTO "event_ids" VALUES('default','old',8,1795822234663);
INSERT INTO "event_ids" VALUES('default','order-0',1,1795822234475);
INSERT INTO "event_ids" VALUES('default','order-1',1,1795822234475);
INSERT INTO "event_ids" VALUES('default','order-2',1,1795822234475);
INSERT INTO "event_ids" VALUES('default','order-3',1,1795822234475);
INSERT INTO "event_ids" VALUES('default','order-4',1,1795822234475);
INSERT INTO "event_ids" VALUES('default','place-0',3,1795822234536);
INSERT INTO "event_ids" VALUES('default','place-1',5,1795822234536);
INSERT INTO "event_ids" VALUES('default','place-2',2,1795822234536);
INSERT INTO "event_ids" VALUES('default','place-3',4,1795822234536);
INSERT INTO "event_ids" VALUES('default','up',10,1795822234771);
CREATE TABLE events (
	incident BIGINT NOT NULL, 
	seq BIGINT NOT NULL, 
	id TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	received_at BIGINT NOT NULL, 
	document TEXT NOT NULL, 
	PRIMARY KEY (incident, seq)
)
 WITHOUT ROWID

;
INSERT INTO "events" VALUES(1,1,'order-0',1795822234474,1795822234474,'{"id":"order-0","timestamp":"2026-11-27T23:30:34.474Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":0},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(1,2,'order-1',1795822234474,1795822234474,'{"id":"order-1","timestamp":"2026-11-27T23:30:34.474Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":1},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(1,3,'order-2',1795822234474,1795822234474,'{"id":"order-2","timestamp":"2026-11-27T23:30:34.474Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":2},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(1,4,'order-3',1795822234474,1795822234474,'{"id":"order-3","timestamp":"2026-11-27T23:30:34.474Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":3},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(1,5,'order-4',1795822234474,1795822234474,'{"id":"order-4","timestamp":"2026-11-27T23:30:34.474Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":4},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(2,1,'place-2',1795822234519,1795822234519,'{"id":"place-2","timestamp":"2026-11-27T23:30:34.519Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"critical","message":"it broke at place_c","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(3,1,'place-0',1795822234519,1795822234519,'{"id":"place-0","timestamp":"2026-11-27T23:30:34.519Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_a","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(4,1,'place-3',1795822234519,1795822234519,'{"id":"place-3","timestamp":"2026-11-27T23:30:34.519Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_d","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(5,1,'place-1',1795822234519,1795822234519,'{"id":"place-1","timestamp":"2026-11-27T23:30:34.519Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_b","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(6,1,'eu',1795822234549,1795822234549,'{"id":"eu","timestamp":"2026-11-27T23:30:34.549Z","service":"shop","environment":"production","release":null,"host":null,"severity":"error","message":"relation \"users\" does not exist ätzend 🔥 ''quoted''","exception":null,"task":null,"labels":{"region":"eu"},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(7,1,'eu-2',1795822234585,1795822234585,'{"id":"eu-2","timestamp":"2026-11-27T23:30:34.585Z","service":"depot","environment":"production","release":null,"host":null,"severity":"error","message":"the shelf is full","exception":null,"task":null,"labels":{"region":"eu"},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(8,1,'old',1795822234634,1795822234634,'{"id":"old","timestamp":"2026-11-27T23:30:34.634Z","service":"old","environment":"production","release":null,"host":null,"severity":"error","message":"nobody listens here","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(9,1,'later',1795822234684,1795822234684,'{"id":"later","timestamp":"2026-11-27T23:30:34.684Z","service":"later","environment":"production","release":null,"host":null,"severity":"error","message":"this can wait","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(10,1,'up',1795822234762,1795822234762,'{"id":"up","timestamp":"2026-11-27T23:30:34.762Z","service":"probe","environment":"production","release":null,"host":null,"severity":"error","message":"no answer","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":["probe"],"links":[],"status":"firing"}');
CREATE TABLE groups (
	id TEXT NOT NULL, 
	project TEXT NOT NULL, 
	route TEXT NOT NULL, 
	labels TEXT NOT NULL, 
	episode BIGINT DEFAULT '0' NOT NULL, 
	active SMALLINT DEFAULT '0' NOT NULL, 
	due_at BIGINT, 
	last_told_at BIGINT, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "groups" VALUES('ab849df73553eda98862c70f3083de77','default','6a1b1872a9bbe449','{"incident":"01a21f58-ab72-7921-8b76-e6773d8f50c1"}',1,1,1795836634514,1795822234514,1795822234501);
INSERT INTO "groups" VALUES('66467720383f337e35f7001a296df93a','default','6a1b1872a9bbe449','{"incident":"01a21f58-aba9-76ea-ab61-f954ffbc4cc1"}',1,1,1795836634596,1795822234596,1795822234563);
INSERT INTO "groups" VALUES('b788423ab810721346f11bb6db1b744d','default','6a1b1872a9bbe449','{"incident":"01a21f58-aba9-795e-997a-e03f75cbc982"}',1,1,1795836634596,1795822234596,1795822234563);
INSERT INTO "groups" VALUES('d8f14ccdd8ed0296db670ad29bce45bd','default','6a1b1872a9bbe449','{"incident":"01a21f58-aba9-701a-8e25-cf9894e4b6f9"}',1,1,1795836634596,1795822234596,1795822234563);
INSERT INTO "groups" VALUES('f426be850536780a491bca2a9325dd38','default','6a1b1872a9bbe449','{"incident":"01a21f58-aba9-7267-8d5c-48d729aa206d"}',1,1,1795836634596,1795822234596,1795822234563);
INSERT INTO "groups" VALUES('d1ee908ac6916f664086755c6b0b071a','default','bce74524c4496fe9','{"incident":"01a21f58-abd0-7567-8e7d-a34fa7e7db80"}',1,1,1795836634648,1795822234648,1795822234611);
INSERT INTO "groups" VALUES('0ed7c00048d0fcb13e28c824c7bf5189','default','bce74524c4496fe9','{"incident":"01a21f58-abf6-712f-91c2-59fcf4a82c4d"}',1,1,1795836634731,1795822234731,1795822234659);
INSERT INTO "groups" VALUES('1758f32c2286580db8cb553a04fcddeb','default','bac474635f4f2529','{"incident":"01a21f58-ac28-797c-b032-db02adf613c5"}',1,1,1795836634767,1795822234767,1795822234740);
INSERT INTO "groups" VALUES('16a65e271826799fc53b6a183d172a9a','default','3dbce8b56096dce4','{"incident":"01a21f58-ac87-74f6-ac74-2bbd87aa6027"}',0,0,1795829434770,NULL,1795822234770);
INSERT INTO "groups" VALUES('d0c55ee5c1f75107a51461b7b92f2d97','default','6a1b1872a9bbe449','{"incident":"01a21f58-ac94-7bb2-8c13-b2a9746676ae"}',1,1,1795822534811,1795822234811,1795822234801);
CREATE TABLE incidents (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id TEXT NOT NULL, 
	project TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	closed BIGINT DEFAULT '0' NOT NULL, 
	state TEXT NOT NULL, 
	title TEXT NOT NULL, 
	severity TEXT NOT NULL, 
	labels TEXT NOT NULL, 
	varying TEXT DEFAULT '[]' NOT NULL, 
	count BIGINT NOT NULL, 
	late BIGINT DEFAULT '0' NOT NULL, 
	opened_at BIGINT NOT NULL, 
	first_seen BIGINT NOT NULL, 
	last_seen BIGINT NOT NULL, 
	acknowledged_by TEXT, 
	resolved_at BIGINT, 
	resolved_by TEXT, 
	previous_id TEXT, 
	attention_at BIGINT, 
	waiting SMALLINT DEFAULT '0' NOT NULL, 
	routed SMALLINT DEFAULT '0' NOT NULL, 
	quiet_since BIGINT NOT NULL, 
	UNIQUE (id), 
	CONSTRAINT uq_incidents_identity UNIQUE (project, environment, fingerprint, closed)
);
INSERT INTO "incidents" VALUES(1,'01a21f58-ab72-7921-8b76-e6773d8f50c1','default','production','a4825217a956dc873ac6e780a4e94dc0',0,'open','TimeoutError: upstream timed out after 30s','error','{"project":"default","service":"billing","environment":"production","severity":"error","exception":"TimeoutError"}','[]',5,0,1795822234475,1795822234474,1795822234474,NULL,NULL,NULL,NULL,NULL,0,3,1795822234474);
INSERT INTO "incidents" VALUES(2,'01a21f58-aba9-76ea-ab61-f954ffbc4cc1','default','production','4b9f8de77a2c3b6028a54ba1e1992683',0,'open','it broke at place_c','critical','{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"critical"}','[]',1,0,1795822234536,1795822234519,1795822234519,NULL,NULL,NULL,NULL,NULL,0,4,1795822234519);
INSERT INTO "incidents" VALUES(3,'01a21f58-aba9-795e-997a-e03f75cbc982','default','production','5b7456bb400c7277534f0bf7a36be949',0,'open','it broke at place_a','warning','{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"}','[]',1,0,1795822234536,1795822234519,1795822234519,NULL,NULL,NULL,NULL,NULL,0,2,1795822234519);
INSERT INTO "incidents" VALUES(4,'01a21f58-aba9-701a-8e25-cf9894e4b6f9','default','production','5c93dc272912fd3cdb28ca73cd79b001',0,'open','it broke at place_d','warning','{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"}','[]',1,0,1795822234536,1795822234519,1795822234519,NULL,NULL,NULL,NULL,NULL,0,2,1795822234519);
INSERT INTO "incidents" VALUES(5,'01a21f58-aba9-7267-8d5c-48d729aa206d','default','production','c8223ffd94554ad720c389ce94080afc',0,'open','it broke at place_b','warning','{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"}','[]',1,0,1795822234536,1795822234519,1795822234519,NULL,NULL,NULL,NULL,NULL,0,2,1795822234519);
INSERT INTO "incidents" VALUES(6,'01a21f58-abd0-7567-8e7d-a34fa7e7db80','default','production','e37fa5c5d8295eca88737175882164fd',0,'open','relation "users" does not exist ätzend 🔥 ''quoted''','error','{"region":"eu","project":"default","service":"shop","environment":"production","severity":"error"}','[]',1,0,1795822234575,1795822234549,1795822234549,NULL,NULL,NULL,NULL,NULL,0,3,1795822234549);
INSERT INTO "incidents" VALUES(7,'01a21f58-abf6-712f-91c2-59fcf4a82c4d','default','production','90ae802b923f882029b2deee0a654575',0,'open','the shelf is full','error','{"region":"eu","project":"default","service":"depot","environment":"production","severity":"error"}','[]',1,0,1795822234614,1795822234585,1795822234585,NULL,NULL,NULL,NULL,NULL,0,3,1795822234585);
INSERT INTO "incidents" VALUES(8,'01a21f58-ac28-797c-b032-db02adf613c5','default','production','ef0d05e34bb76ee0bfbedd378e9a4425',0,'open','nobody listens here','error','{"project":"default","service":"old","environment":"production","severity":"error"}','[]',1,0,1795822234663,1795822234634,1795822234634,NULL,NULL,NULL,NULL,NULL,0,3,1795822234634);
INSERT INTO "incidents" VALUES(9,'01a21f58-ac87-74f6-ac74-2bbd87aa6027','default','production','e4262023507077d8fbee60e6d567fca9',0,'open','this can wait','error','{"project":"default","service":"later","environment":"production","severity":"error"}','[]',1,0,1795822234758,1795822234684,1795822234684,NULL,NULL,NULL,NULL,NULL,0,3,1795822234684);
INSERT INTO "incidents" VALUES(10,'01a21f58-ac94-7bb2-8c13-b2a9746676ae','default','production','c0102005eb5331a987acb7916bc657e1',10,'resolved','no answer','error','{"project":"default","service":"probe","environment":"production","severity":"error"}','[]',1,0,1795822234771,1795822234762,1795822234762,NULL,1795822236790,'event',NULL,NULL,0,3,1795822234762);
CREATE TABLE ledger (
	replica TEXT NOT NULL, 
	name TEXT NOT NULL, 
	n BIGINT NOT NULL, 
	PRIMARY KEY (replica, name)
);
INSERT INTO "ledger" VALUES('main','probes',1);
INSERT INTO "ledger" VALUES('main','accepted',14);
INSERT INTO "ledger" VALUES('main','duplicates',1);
INSERT INTO "ledger" VALUES('main','created_deliveries',10);
CREATE TABLE members (
	group_id TEXT NOT NULL, 
	incident BIGINT NOT NULL, 
	joined_at BIGINT NOT NULL, 
	changed_at BIGINT, 
	told_state TEXT, 
	told_severity TEXT, 
	told_count BIGINT DEFAULT '0' NOT NULL, 
	first_told_at BIGINT, 
	told_at BIGINT, 
	told_reason TEXT, 
	held_by TEXT, 
	repeat_at BIGINT, 
	PRIMARY KEY (group_id, incident)
);
INSERT INTO "members" VALUES('ab849df73553eda98862c70f3083de77',1,1795822234501,NULL,'open','error',5,1795822234514,1795822234514,'opened',NULL,1795836634514);
INSERT INTO "members" VALUES('66467720383f337e35f7001a296df93a',2,1795822234563,NULL,'open','critical',1,1795822234596,1795822234596,'opened',NULL,1795836634596);
INSERT INTO "members" VALUES('b788423ab810721346f11bb6db1b744d',3,1795822234563,NULL,'open','warning',1,1795822234596,1795822234596,'opened',NULL,1795836634596);
INSERT INTO "members" VALUES('d8f14ccdd8ed0296db670ad29bce45bd',4,1795822234563,NULL,'open','warning',1,1795822234596,1795822234596,'opened',NULL,1795836634596);
INSERT INTO "members" VALUES('f426be850536780a491bca2a9325dd38',5,1795822234563,NULL,'open','warning',1,1795822234596,1795822234596,'opened',NULL,1795836634596);
INSERT INTO "members" VALUES('d1ee908ac6916f664086755c6b0b071a',6,1795822234611,NULL,'open','error',1,1795822234648,1795822234648,'opened',NULL,1795836634648);
INSERT INTO "members" VALUES('0ed7c00048d0fcb13e28c824c7bf5189',7,1795822234659,NULL,'open','error',1,1795822234731,1795822234731,'opened',NULL,1795836634731);
INSERT INTO "members" VALUES('1758f32c2286580db8cb553a04fcddeb',8,1795822234740,NULL,'open','error',1,1795822234767,1795822234767,'opened',NULL,1795836634767);
INSERT INTO "members" VALUES('16a65e271826799fc53b6a183d172a9a',9,1795822234770,1795822234770,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "members" VALUES('d0c55ee5c1f75107a51461b7b92f2d97',10,1795822234801,1795822236798,'open','error',1,1795822234811,1795822234811,'opened',NULL,1795836634811);
CREATE TABLE notifications (
	id TEXT NOT NULL, 
	project TEXT NOT NULL, 
	group_id TEXT, 
	episode BIGINT DEFAULT '0' NOT NULL, 
	reason TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	rank SMALLINT DEFAULT '0' NOT NULL, 
	message TEXT NOT NULL, 
	fallback_of TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (fallback_of)
);
INSERT INTO "notifications" VALUES('01a21f58-ab9b-72da-afb3-bd2aea90da4d','default','ab849df73553eda98862c70f3083de77',1,'opened',1795822234514,2,'{"id":"","reason":"opened","at":1795822234514,"project":"default","group":"ab849df73553eda98862c70f3083de77","labels":{"incident":"01a21f58-ab72-7921-8b76-e6773d8f50c1"},"told":[{"incident":{"id":"01a21f58-ab72-7921-8b76-e6773d8f50c1","number":1,"project":"default","environment":"production","fingerprint":"a4825217a956dc873ac6e780a4e94dc0","title":"TimeoutError: upstream timed out after 30s","state":"open","severity":"error","labels":{"project":"default","service":"billing","environment":"production","severity":"error","exception":"TimeoutError"},"varying":[],"count":5,"first_seen":"2026-11-27T23:30:34.474Z","last_seen":"2026-11-27T23:30:34.474Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"order-4","timestamp":"2026-11-27T23:30:34.474Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":4},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":4,"origin":["default","notifier-60129.yaml:16"],"note":null,"thread_id":"","previous_thread_id":null}',NULL);
INSERT INTO "notifications" VALUES('01a21f58-abe4-7edd-b0a8-c8bfff140bb0','default','66467720383f337e35f7001a296df93a',1,'opened',1795822234596,3,'{"id":"","reason":"opened","at":1795822234596,"project":"default","group":"66467720383f337e35f7001a296df93a","labels":{"incident":"01a21f58-aba9-76ea-ab61-f954ffbc4cc1"},"told":[{"incident":{"id":"01a21f58-aba9-76ea-ab61-f954ffbc4cc1","number":2,"project":"default","environment":"production","fingerprint":"4b9f8de77a2c3b6028a54ba1e1992683","title":"it broke at place_c","state":"open","severity":"critical","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"critical"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.519Z","last_seen":"2026-11-27T23:30:34.519Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-2","timestamp":"2026-11-27T23:30:34.519Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"critical","message":"it broke at place_c","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-60129.yaml:16"],"note":null,"thread_id":"","previous_thread_id":null}',NULL);
INSERT INTO "notifications" VALUES('01a21f58-abe5-70fb-b58a-17e8c8573130','default','b788423ab810721346f11bb6db1b744d',1,'opened',1795822234596,1,'{"id":"","reason":"opened","at":1795822234596,"project":"default","group":"b788423ab810721346f11bb6db1b744d","labels":{"incident":"01a21f58-aba9-795e-997a-e03f75cbc982"},"told":[{"incident":{"id":"01a21f58-aba9-795e-997a-e03f75cbc982","number":3,"project":"default","environment":"production","fingerprint":"5b7456bb400c7277534f0bf7a36be949","title":"it broke at place_a","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.519Z","last_seen":"2026-11-27T23:30:34.519Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-0","timestamp":"2026-11-27T23:30:34.519Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_a","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-60129.yaml:16"],"note":null,"thread_id":"","previous_thread_id":null}',NULL);
INSERT INTO "notifications" VALUES('01a21f58-abe7-7e36-9207-f99678aaefe4','default','d8f14ccdd8ed0296db670ad29bce45bd',1,'opened',1795822234596,1,'{"id":"","reason":"opened","at":1795822234596,"project":"default","group":"d8f14ccdd8ed0296db670ad29bce45bd","labels":{"incident":"01a21f58-aba9-701a-8e25-cf9894e4b6f9"},"told":[{"incident":{"id":"01a21f58-aba9-701a-8e25-cf9894e4b6f9","number":4,"project":"default","environment":"production","fingerprint":"5c93dc272912fd3cdb28ca73cd79b001","title":"it broke at place_d","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.519Z","last_seen":"2026-11-27T23:30:34.519Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-3","timestamp":"2026-11-27T23:30:34.519Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_d","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-60129.yaml:16"],"note":null,"thread_id":"","previous_thread_id":null}',NULL);
INSERT INTO "notifications" VALUES('01a21f58-abe9-792f-8134-acf4eb4548e7','default','f426be850536780a491bca2a9325dd38',1,'opened',1795822234596,1,'{"id":"","reason":"opened","at":1795822234596,"project":"default","group":"f426be850536780a491bca2a9325dd38","labels":{"incident":"01a21f58-aba9-7267-8d5c-48d729aa206d"},"told":[{"incident":{"id":"01a21f58-aba9-7267-8d5c-48d729aa206d","number":5,"project":"default","environment":"production","fingerprint":"c8223ffd94554ad720c389ce94080afc","title":"it broke at place_b","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.519Z","last_seen":"2026-11-27T23:30:34.519Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-1","timestamp":"2026-11-27T23:30:34.519Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_b","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-60129.yaml:16"],"note":null,"thread_id":"","previous_thread_id":null}',NULL);
INSERT INTO "notifications" VALUES('01a21f58-ac1b-7d29-9c7e-2b94b82bacea','default','d1ee908ac6916f664086755c6b0b071a',1,'opened',1795822234648,2,'{"id":"","reason":"opened","at":1795822234648,"project":"default","group":"d1ee908ac6916f664086755c6b0b071a","labels":{"incident":"01a21f58-abd0-7567-8e7d-a34fa7e7db80"},"told":[{"incident":{"id":"01a21f58-abd0-7567-8e7d-a34fa7e7db80","number":6,"project":"default","environment":"production","fingerprint":"e37fa5c5d8295eca88737175882164fd","title":"relation \"users\" does not exist ätzend 🔥 ''quoted''","state":"open","severity":"error","labels":{"region":"eu","project":"default","service":"shop","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.549Z","last_seen":"2026-11-27T23:30:34.549Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"eu","timestamp":"2026-11-27T23:30:34.549Z","service":"shop","environment":"production","release":null,"host":null,"severity":"error","message":"relation \"users\" does not exist ätzend 🔥 ''quoted''","exception":null,"task":null,"labels":{"region":"eu"},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["region=\"eu\"","notifier-60129.yaml:23"],"note":null,"thread_id":"","previous_thread_id":null}',NULL);
INSERT INTO "notifications" VALUES('01a21f58-ac6c-7903-b5e7-88e837792319','default','0ed7c00048d0fcb13e28c824c7bf5189',1,'opened',1795822234731,2,'{"id":"","reason":"opened","at":1795822234731,"project":"default","group":"0ed7c00048d0fcb13e28c824c7bf5189","labels":{"incident":"01a21f58-abf6-712f-91c2-59fcf4a82c4d"},"told":[{"incident":{"id":"01a21f58-abf6-712f-91c2-59fcf4a82c4d","number":7,"project":"default","environment":"production","fingerprint":"90ae802b923f882029b2deee0a654575","title":"the shelf is full","state":"open","severity":"error","labels":{"region":"eu","project":"default","service":"depot","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.585Z","last_seen":"2026-11-27T23:30:34.585Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"eu-2","timestamp":"2026-11-27T23:30:34.585Z","service":"depot","environment":"production","release":null,"host":null,"severity":"error","message":"the shelf is full","exception":null,"task":null,"labels":{"region":"eu"},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["region=\"eu\"","notifier-60129.yaml:23"],"note":null,"thread_id":"","previous_thread_id":null}',NULL);
INSERT INTO "notifications" VALUES('01a21f58-ac90-7a77-9ad3-2669dd564e12','default','1758f32c2286580db8cb553a04fcddeb',1,'opened',1795822234767,2,'{"id":"","reason":"opened","at":1795822234767,"project":"default","group":"1758f32c2286580db8cb553a04fcddeb","labels":{"incident":"01a21f58-ac28-797c-b032-db02adf613c5"},"told":[{"incident":{"id":"01a21f58-ac28-797c-b032-db02adf613c5","number":8,"project":"default","environment":"production","fingerprint":"ef0d05e34bb76ee0bfbedd378e9a4425","title":"nobody listens here","state":"open","severity":"error","labels":{"project":"default","service":"old","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.634Z","last_seen":"2026-11-27T23:30:34.634Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"old","timestamp":"2026-11-27T23:30:34.634Z","service":"old","environment":"production","release":null,"host":null,"severity":"error","message":"nobody listens here","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["service=\"old\"","notifier-60129.yaml:27"],"note":null,"thread_id":"","previous_thread_id":null}',NULL);
INSERT INTO "notifications" VALUES('01a21f58-acbc-7393-ae30-fd1533ac53eb','default','d0c55ee5c1f75107a51461b7b92f2d97',1,'opened',1795822234811,2,'{"id":"","reason":"opened","at":1795822234811,"project":"default","group":"d0c55ee5c1f75107a51461b7b92f2d97","labels":{"incident":"01a21f58-ac94-7bb2-8c13-b2a9746676ae"},"told":[{"incident":{"id":"01a21f58-ac94-7bb2-8c13-b2a9746676ae","number":10,"project":"default","environment":"production","fingerprint":"c0102005eb5331a987acb7916bc657e1","title":"no answer","state":"open","severity":"error","labels":{"project":"default","service":"probe","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.762Z","last_seen":"2026-11-27T23:30:34.762Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"up","timestamp":"2026-11-27T23:30:34.762Z","service":"probe","environment":"production","release":null,"host":null,"severity":"error","message":"no answer","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":["probe"],"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-60129.yaml:16"],"note":null,"thread_id":"","previous_thread_id":null}',NULL);
INSERT INTO "notifications" VALUES('01a21f58-acc3-7cf2-91f4-22d8a321a7aa','default',NULL,0,'fallback',1795822234814,0,'{"id":"01a21f58-ac91-73e1-87e5-f623fe49ae2c","reason":"fallback","at":1795822234814,"project":"default","group":"1758f32c2286580db8cb553a04fcddeb","labels":{"incident":"01a21f58-ac28-797c-b032-db02adf613c5"},"told":[{"incident":{"id":"01a21f58-ac28-797c-b032-db02adf613c5","number":8,"project":"default","environment":"production","fingerprint":"ef0d05e34bb76ee0bfbedd378e9a4425","title":"nobody listens here","state":"open","severity":"error","labels":{"project":"default","service":"old","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:30:34.634Z","last_seen":"2026-11-27T23:30:34.634Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"old","timestamp":"2026-11-27T23:30:34.634Z","service":"old","environment":"production","release":null,"host":null,"severity":"error","message":"nobody listens here","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened"}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["service=\"old\"","notifier-60129.yaml:27"],"note":"Delivery through gone to http://127.0.0.1:9931/gone is dead (gone: the receiver answered 410: the receiver says that this address is no longer in use). What it had to tell:","thread_id":"01a21f58-ac91-7dd0-80b1-920303d00742","previous_thread_id":null}','01a21f58-ac90-7a77-9ad3-2669dd564e12');
CREATE TABLE tallies (
	incident BIGINT NOT NULL, 
	minute BIGINT NOT NULL, 
	n BIGINT NOT NULL, 
	PRIMARY KEY (incident, minute)
)
 WITHOUT ROWID

;
INSERT INTO "tallies" VALUES(1,1795822200000,5);
INSERT INTO "tallies" VALUES(2,1795822200000,1);
INSERT INTO "tallies" VALUES(3,1795822200000,1);
INSERT INTO "tallies" VALUES(4,1795822200000,1);
INSERT INTO "tallies" VALUES(5,1795822200000,1);
INSERT INTO "tallies" VALUES(6,1795822200000,1);
INSERT INTO "tallies" VALUES(7,1795822200000,1);
INSERT INTO "tallies" VALUES(8,1795822200000,1);
INSERT INTO "tallies" VALUES(9,1795822200000,1);
INSERT INTO "tallies" VALUES(10,1795822200000,1);
CREATE TABLE targets (
	id INTEGER NOT NULL, 
	channel TEXT NOT NULL, 
	address TEXT NOT NULL, 
	due_at BIGINT, 
	tokens FLOAT, 
	tokens_at BIGINT, 
	cool_until BIGINT, 
	failures BIGINT DEFAULT '0' NOT NULL, 
	disabled_at BIGINT, 
	disabled_why TEXT, 
	last_ok_at BIGINT, 
	last_error TEXT, 
	last_error_at BIGINT, 
	last_sent_at BIGINT, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_targets_address UNIQUE (channel, address)
);
INSERT INTO "targets" VALUES(1,'busy','http://127.0.0.1:9931/busy',1795825834760,NULL,1795822234765,1795825834760,0,NULL,NULL,NULL,'throttled: the receiver answered 429: the receiver asks to slow down',1795822234760,1795822234703);
INSERT INTO "targets" VALUES(2,'fine','http://127.0.0.1:9931/fine',NULL,NULL,1795822234826,NULL,0,NULL,NULL,1795822234853,NULL,NULL,1795822234826);
INSERT INTO "targets" VALUES(3,'gone','http://127.0.0.1:9931/gone',NULL,NULL,1795822234790,NULL,0,1795822234807,'the receiver answered 410: the receiver says that this address is no longer in use',NULL,'gone: the receiver answered 410: the receiver says that this address is no longer in use',1795822234807,1795822234790);
CREATE TABLE threads (
	id TEXT NOT NULL, 
	group_id TEXT NOT NULL, 
	episode BIGINT NOT NULL, 
	target BIGINT NOT NULL, 
	previous_id TEXT, 
	ref TEXT, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_threads_episode UNIQUE (group_id, target, episode)
);
INSERT INTO "threads" VALUES('01a21f58-ab9d-7812-be0a-b25e0df3bc2c','ab849df73553eda98862c70f3083de77',1,2,NULL,NULL,1795822234514);
INSERT INTO "threads" VALUES('01a21f58-abe5-753c-b1ab-2d156c9d4a46','66467720383f337e35f7001a296df93a',1,2,NULL,NULL,1795822234596);
INSERT INTO "threads" VALUES('01a21f58-abe6-783e-af50-5bd398177abb','b788423ab810721346f11bb6db1b744d',1,2,NULL,NULL,1795822234596);
INSERT INTO "threads" VALUES('01a21f58-abe8-7ef6-96f4-6abb878fe443','d8f14ccdd8ed0296db670ad29bce45bd',1,2,NULL,NULL,1795822234596);
INSERT INTO "threads" VALUES('01a21f58-abe9-7ec6-afdb-a92dc2655b8d','f426be850536780a491bca2a9325dd38',1,2,NULL,NULL,1795822234596);
INSERT INTO "threads" VALUES('01a21f58-ac1e-71dc-94ea-850e7c33c1e0','d1ee908ac6916f664086755c6b0b071a',1,1,NULL,NULL,1795822234648);
INSERT INTO "threads" VALUES('01a21f58-ac6d-7b8c-9d81-fe30c4cb664e','0ed7c00048d0fcb13e28c824c7bf5189',1,1,NULL,NULL,1795822234731);
INSERT INTO "threads" VALUES('01a21f58-ac91-7dd0-80b1-920303d00742','1758f32c2286580db8cb553a04fcddeb',1,3,NULL,NULL,1795822234767);
INSERT INTO "threads" VALUES('01a21f58-acbc-707a-9138-acbcfce94d11','d0c55ee5c1f75107a51461b7b92f2d97',1,2,NULL,NULL,1795822234811);
INSERT INTO "threads" VALUES('01a21f58-acc3-7431-9da2-9317b07a72b1','fallback:01a21f58-ac90-7a77-9ad3-2669dd564e12',0,2,NULL,NULL,1795822234814);
CREATE INDEX ix_audit_subject ON audit (subject);
CREATE INDEX ix_events_received ON events (received_at);
CREATE INDEX ix_groups_due ON groups (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ix_incidents_attention ON incidents (attention_at) WHERE attention_at IS NOT NULL;
CREATE INDEX ix_incidents_quiet ON incidents (quiet_since) WHERE closed = 0;
CREATE INDEX ix_incidents_resolved ON incidents (resolved_at) WHERE resolved_at IS NOT NULL;
CREATE INDEX ix_members_changed ON members (group_id, changed_at) WHERE changed_at IS NOT NULL;
CREATE INDEX ix_members_incident ON members (incident);
CREATE INDEX ix_members_open ON members (group_id) WHERE told_state = 'open';
CREATE INDEX ix_members_repeat ON members (group_id, repeat_at) WHERE repeat_at IS NOT NULL;
CREATE INDEX ix_notifications_at ON notifications (at);
CREATE INDEX ix_targets_due ON targets (channel, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ix_deliveries_carried ON deliveries (carried_by) WHERE carried_by IS NOT NULL;
CREATE INDEX ix_deliveries_fallback ON deliveries (fallback_at) WHERE fallback_at IS NOT NULL;
CREATE INDEX ix_deliveries_lease ON deliveries (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX ix_deliveries_live ON deliveries (target, state) WHERE state IN ('pending', 'sending');
CREATE INDEX ix_deliveries_state ON deliveries (state, finished_at);
CREATE INDEX ix_deliveries_thread ON deliveries (thread, state);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('incidents',10);
COMMIT;
