-- keys: ntf_y8jGMmjqcKFXn8laZlrUUpEF_G578WyHgQ87lgBIJvk ntf_jUNZMhLrg27oKVqRFEJVsUTfRmZtX51YDUEXz4AQ1k0 ntf_Fb8lSxVgCdkJsjvV0bcrTMr1pI9DReTe8TpprQ_C3N4
BEGIN TRANSACTION;
CREATE TABLE action_tokens (
	hash TEXT NOT NULL, 
	project TEXT NOT NULL, 
	incident BIGINT NOT NULL, 
	action TEXT NOT NULL, 
	recipient TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	spent_at BIGINT, 
	PRIMARY KEY (hash)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
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
INSERT INTO "api_keys" VALUES('01a21f59-0fe0-736a-8e3c-35def2d97940','default','first','f85277ef8eb3bcd22e7924feea503032aa06146fe1aafa38fdbb67c159f24e98','["admin", "ingest", "manage", "read"]',1795822260196,NULL);
INSERT INTO "api_keys" VALUES('01a21f59-1c0a-777c-b619-6aa37b42e217','default','sender','653f275f8a93d012d109dd409fbe3a17dad4c1074acfc905eb44be35d7ca0bc5','["ingest"]',1795822263306,NULL);
INSERT INTO "api_keys" VALUES('01a21f59-1c1b-7f1d-8f90-7ae34e06ee9b','other','leaver','1b39e6ee2aaeba792a4f2da69e93c2cc6861a0c57b4c73637dc3ef54c1503ea8','["ingest"]',1795822263323,1795822263329);
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
INSERT INTO "attempts" VALUES('01a21f59-1368-774f-8e02-c674a8dd19fe',1,1795822261123,1795822261143,'delivered','the receiver answered 200','main',NULL);
INSERT INTO "attempts" VALUES('01a21f59-13a2-7a3c-9018-cd334e5f5eb6',1,1795822261175,1795822261251,'delivered','the receiver answered 200','main',NULL);
INSERT INTO "attempts" VALUES('01a21f59-13a7-7dd8-88dc-36fe9abe65c9',1,1795822261175,1795822261253,'delivered','the receiver answered 200','main',NULL);
INSERT INTO "attempts" VALUES('01a21f59-13a3-7a2d-9be8-c24e20570e28',1,1795822261175,1795822261263,'delivered','the receiver answered 200','main',NULL);
INSERT INTO "attempts" VALUES('01a21f59-13a5-70cd-b07b-9b6de419fce4',1,1795822261175,1795822261266,'delivered','the receiver answered 200','main',NULL);
INSERT INTO "attempts" VALUES('01a21f59-13d3-71d1-8540-2b1443a760ab',1,1795822261222,1795822261272,'throttled','the receiver answered 429: the receiver asks to slow down','main',NULL);
INSERT INTO "attempts" VALUES('01a21f59-13f9-7722-8413-184b72bbe8ed',1,1795822261269,1795822261286,'throttled','the receiver answered 429: the receiver asks to slow down','main',NULL);
INSERT INTO "attempts" VALUES('01a21f59-1421-7173-acf2-f54b554e1e03',1,1795822261288,1795822261299,'gone','the receiver answered 410: the receiver says that this address is no longer in use','main',NULL);
INSERT INTO "attempts" VALUES('01a21f59-143a-7aaf-a520-41508bfaaf09',1,1795822261319,1795822261327,'delivered','the receiver answered 200','main',NULL);
INSERT INTO "attempts" VALUES('01a21f59-1443-7570-a7aa-1736453243f2',1,1795822261319,1795822261329,'delivered','the receiver answered 200','main',NULL);
INSERT INTO "attempts" VALUES('01a21f59-1c4a-7499-aa04-50512869b395',1,1795822263376,1795822263389,'delivered','the receiver answered 200','main',NULL);
INSERT INTO "attempts" VALUES('01a21f59-1c6b-76d3-95d8-5f5488ef2efe',1,1795822263412,1795822263420,'delivered','the receiver answered 200','main',NULL);
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
INSERT INTO "audit" VALUES('01a21f59-1c0a-791a-b85f-81073c3344ad',1795822263306,'default','first','first','create_key','01a21f59-1c0a-777c-b619-6aa37b42e217','sender of default: ingest');
INSERT INTO "audit" VALUES('01a21f59-1c1c-7b06-b01a-4309e30644f9',1795822263323,'default','first','first','create_key','01a21f59-1c1b-7f1d-8f90-7ae34e06ee9b','leaver of other: ingest');
INSERT INTO "audit" VALUES('01a21f59-1c23-7220-ae5e-704cca829bde',1795822263329,'default','first','first','revoke_key','01a21f59-1c1b-7f1d-8f90-7ae34e06ee9b',NULL);
INSERT INTO "audit" VALUES('01a21f59-1c43-731d-b66a-047f2d195855',1795822263356,'default','ada','first','acknowledge','01a21f59-132e-7cf9-8f44-866cc4c95843',NULL);
INSERT INTO "audit" VALUES('01a21f59-1c4e-7dd8-8382-2c31c1f42ec2',1795822263372,'default','bo','first','snooze','01a21f59-137d-7a81-81bd-4e868f943a3e','until 2027-09-01T00:00:00Z');
INSERT INTO "audit" VALUES('01a21f59-1c5b-7455-8f9a-8db15afe571f',1795822263387,'default','ada','first','note','01a21f59-137d-704d-9d55-4727d52c0a84','looked at it');
INSERT INTO "audit" VALUES('01a21f59-1c64-7aaf-b5a5-0b749e68fa7a',1795822263392,'default','cem','first','resolve','01a21f59-137d-72e9-9791-8eb381ccc651',NULL);
INSERT INTO "audit" VALUES('01a21f59-1c6e-70eb-a033-7d4365505b92',1795822263404,'default','first','first','silence','01a21f59-1c6c-7c41-b6cb-317358ec801b','service="shop"; until 2027-09-01T00:00:00Z; moving house');
INSERT INTO "audit" VALUES('01a21f59-1c77-7215-84df-bdac148f6662',1795822263415,'default','first','first','silence','01a21f59-1c77-7645-a9c4-ecea3fcd446e','service="none", region!="eu"; until 2027-09-01T00:00:00Z; every night');
CREATE TABLE configurations (
	version TEXT NOT NULL, 
	loaded_at BIGINT NOT NULL, 
	routes TEXT NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "configurations" VALUES('891176727cd3',1795822260614,'{"6a1b1872a9bbe449":["default","notifier-58319.yaml:16"],"bce74524c4496fe9":["region=\"eu\"","notifier-58319.yaml:23"],"bac474635f4f2529":["service=\"old\"","notifier-58319.yaml:31"],"3dbce8b56096dce4":["service=\"later\"","notifier-58319.yaml:36"]}');
CREATE TABLE decisions (
	incident BIGINT NOT NULL, 
	group_id TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	why TEXT NOT NULL, 
	ref TEXT, 
	notification TEXT, 
	version TEXT NOT NULL, 
	last_at BIGINT NOT NULL, 
	count BIGINT NOT NULL, 
	events BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (incident, group_id, at, why)
)
 WITHOUT ROWID

;
INSERT INTO "decisions" VALUES(1,'879549e673fb4cb25bfa0aa46506780a',1795822261069,'told','opened',NULL,'01a21f59-1357-77fb-ba23-46f917d44ddc','891176727cd3',1795822261069,1,5);
INSERT INTO "decisions" VALUES(1,'879549e673fb4cb25bfa0aa46506780a',1795822263366,'told','acknowledged',NULL,'01a21f59-1c47-7f22-9503-a662d8027e22','891176727cd3',1795822263366,1,0);
INSERT INTO "decisions" VALUES(2,'f0068a1c19c3ab0b9827bc3a6aff7f19',1795822261151,'told','opened',NULL,'01a21f59-13a4-79c9-8d35-85d7fa9c137b','891176727cd3',1795822261151,1,1);
INSERT INTO "decisions" VALUES(2,'f0068a1c19c3ab0b9827bc3a6aff7f19',1795822263380,'held','snoozed',NULL,NULL,'891176727cd3',1795822263380,1,0);
INSERT INTO "decisions" VALUES(3,'477001e937536ac4ae3559b5c3c8a7a5',1795822261151,'told','opened',NULL,'01a21f59-13a0-774b-a2e6-8f5dcd590458','891176727cd3',1795822261151,1,1);
INSERT INTO "decisions" VALUES(4,'f991cc6ffc0a9cb270911f511fb3398b',1795822261151,'told','opened',NULL,'01a21f59-13a6-74fa-91b4-40b91967387a','891176727cd3',1795822261151,1,1);
INSERT INTO "decisions" VALUES(4,'f991cc6ffc0a9cb270911f511fb3398b',1795822263401,'told','resolved',NULL,'01a21f59-1c6a-76ac-bf3f-ccfddfc07848','891176727cd3',1795822263401,1,0);
INSERT INTO "decisions" VALUES(5,'5034172f57b42a56d299cf5a57e187d0',1795822261151,'told','opened',NULL,'01a21f59-13a2-76ef-8403-5e48030d9c5c','891176727cd3',1795822261151,1,1);
INSERT INTO "decisions" VALUES(6,'99ba35b46f9b268a042b4db9f7d0589f',1795822261195,'told','opened',NULL,'01a21f59-13d0-7512-b843-034adf3647b2','891176727cd3',1795822261195,1,1);
INSERT INTO "decisions" VALUES(7,'5ba81eeac9aa741c3416b8c4a2eb63ec',1795822261234,'told','opened',NULL,'01a21f59-13f8-787e-8fc1-e504211142be','891176727cd3',1795822261234,1,1);
INSERT INTO "decisions" VALUES(8,'83989f2e2edf0781c0c5e451740aed76',1795822261279,'told','opened',NULL,'01a21f59-1420-7939-b499-4ef99ad5970d','891176727cd3',1795822261279,1,1);
INSERT INTO "decisions" VALUES(10,'fb068950ab6fb3c36b45fb7ce585854d',1795822261303,'told','opened',NULL,'01a21f59-1438-77d0-a6a4-2da4e304eaf7','891176727cd3',1795822261303,1,1);
INSERT INTO "decisions" VALUES(11,'8296bf76f0d5ebe9c7db39bd9dbea821',1795822263447,'held','silenced','01a21f59-1c6c-7c41-b6cb-317358ec801b',NULL,'891176727cd3',1795822263447,1,0);
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
INSERT INTO "deliveries" VALUES('01a21f59-1368-774f-8e02-c674a8dd19fe','default','01a21f59-1357-77fb-ba23-46f917d44ddc',2,'fine','01a21f59-1366-73ec-81f9-56ef9e4e7166','opened','delivered',1795822261069,1795822261069,1795908661069,NULL,1,0,1,NULL,'{"id":"01a21f59-1368-774f-8e02-c674a8dd19fe","reason":"opened","at":1795822261069,"project":"default","group":"879549e673fb4cb25bfa0aa46506780a","labels":{"incident":"01a21f59-132e-7cf9-8f44-866cc4c95843"},"told":[{"incident":{"id":"01a21f59-132e-7cf9-8f44-866cc4c95843","number":1,"project":"default","environment":"production","fingerprint":"a4825217a956dc873ac6e780a4e94dc0","title":"TimeoutError: upstream timed out after 30s","state":"open","severity":"error","labels":{"project":"default","service":"billing","environment":"production","severity":"error","exception":"TimeoutError"},"varying":[],"count":5,"first_seen":"2026-11-27T23:31:01.025Z","last_seen":"2026-11-27T23:31:01.025Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"order-4","timestamp":"2026-11-27T23:31:01.025Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":4},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":4,"origin":["default","notifier-58319.yaml:16"],"note":null,"thread_id":"01a21f59-1366-73ec-81f9-56ef9e4e7166","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":5,"incidents":[{"id":"01a21f59-132e-7cf9-8f44-866cc4c95843","number":1,"project":"default","environment":"production","fingerprint":"a4825217a956dc873ac6e780a4e94dc0","title":"TimeoutError: upstream timed out after 30s","state":"open","severity":"error","labels":{"project":"default","service":"billing","environment":"production","severity":"error","exception":"TimeoutError"},"varying":[],"count":5,"first_seen":"2026-11-27T23:31:01.025Z","last_seen":"2026-11-27T23:31:01.025Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"order-4","timestamp":"2026-11-27T23:31:01.025Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":4},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',0,NULL,1795822261143,'delivered','the receiver answered 200',NULL);
INSERT INTO "deliveries" VALUES('01a21f59-13a2-7a3c-9018-cd334e5f5eb6','default','01a21f59-13a0-774b-a2e6-8f5dcd590458',2,'fine','01a21f59-13a1-7192-9777-3ab0744030e7','opened','delivered',1795822261151,1795822261151,1795908661151,NULL,1,0,1,NULL,'{"id":"01a21f59-13a2-7a3c-9018-cd334e5f5eb6","reason":"opened","at":1795822261151,"project":"default","group":"477001e937536ac4ae3559b5c3c8a7a5","labels":{"incident":"01a21f59-137d-704d-9d55-4727d52c0a84"},"told":[{"incident":{"id":"01a21f59-137d-704d-9d55-4727d52c0a84","number":3,"project":"default","environment":"production","fingerprint":"5b7456bb400c7277534f0bf7a36be949","title":"it broke at place_a","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-0","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_a","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-58319.yaml:16"],"note":null,"thread_id":"01a21f59-13a1-7192-9777-3ab0744030e7","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-137d-704d-9d55-4727d52c0a84","number":3,"project":"default","environment":"production","fingerprint":"5b7456bb400c7277534f0bf7a36be949","title":"it broke at place_a","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-0","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_a","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',0,NULL,1795822261251,'delivered','the receiver answered 200',NULL);
INSERT INTO "deliveries" VALUES('01a21f59-13a3-7a2d-9be8-c24e20570e28','default','01a21f59-13a2-76ef-8403-5e48030d9c5c',2,'fine','01a21f59-13a3-75e6-aa25-0e0611b8f465','opened','delivered',1795822261151,1795822261151,1795908661151,NULL,1,0,1,NULL,'{"id":"01a21f59-13a3-7a2d-9be8-c24e20570e28","reason":"opened","at":1795822261151,"project":"default","group":"5034172f57b42a56d299cf5a57e187d0","labels":{"incident":"01a21f59-137d-72dd-926c-9f37596b25f9"},"told":[{"incident":{"id":"01a21f59-137d-72dd-926c-9f37596b25f9","number":5,"project":"default","environment":"production","fingerprint":"c8223ffd94554ad720c389ce94080afc","title":"it broke at place_b","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-1","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_b","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-58319.yaml:16"],"note":null,"thread_id":"01a21f59-13a3-75e6-aa25-0e0611b8f465","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-137d-72dd-926c-9f37596b25f9","number":5,"project":"default","environment":"production","fingerprint":"c8223ffd94554ad720c389ce94080afc","title":"it broke at place_b","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-1","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_b","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',0,NULL,1795822261263,'delivered','the receiver answered 200',NULL);
INSERT INTO "deliveries" VALUES('01a21f59-13a5-70cd-b07b-9b6de419fce4','default','01a21f59-13a4-79c9-8d35-85d7fa9c137b',2,'fine','01a21f59-13a5-7e5c-a612-69a02a3019a9','opened','delivered',1795822261151,1795822261151,1795908661151,NULL,1,0,1,NULL,'{"id":"01a21f59-13a5-70cd-b07b-9b6de419fce4","reason":"opened","at":1795822261151,"project":"default","group":"f0068a1c19c3ab0b9827bc3a6aff7f19","labels":{"incident":"01a21f59-137d-7a81-81bd-4e868f943a3e"},"told":[{"incident":{"id":"01a21f59-137d-7a81-81bd-4e868f943a3e","number":2,"project":"default","environment":"production","fingerprint":"4b9f8de77a2c3b6028a54ba1e1992683","title":"it broke at place_c","state":"open","severity":"critical","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"critical"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-2","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"critical","message":"it broke at place_c","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-58319.yaml:16"],"note":null,"thread_id":"01a21f59-13a5-7e5c-a612-69a02a3019a9","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-137d-7a81-81bd-4e868f943a3e","number":2,"project":"default","environment":"production","fingerprint":"4b9f8de77a2c3b6028a54ba1e1992683","title":"it broke at place_c","state":"open","severity":"critical","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"critical"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-2","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"critical","message":"it broke at place_c","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',0,NULL,1795822261266,'delivered','the receiver answered 200',NULL);
INSERT INTO "deliveries" VALUES('01a21f59-13a7-7dd8-88dc-36fe9abe65c9','default','01a21f59-13a6-74fa-91b4-40b91967387a',2,'fine','01a21f59-13a7-749d-b66a-7847bc6a4602','opened','delivered',1795822261151,1795822261151,1795908661151,NULL,1,0,1,NULL,'{"id":"01a21f59-13a7-7dd8-88dc-36fe9abe65c9","reason":"opened","at":1795822261151,"project":"default","group":"f991cc6ffc0a9cb270911f511fb3398b","labels":{"incident":"01a21f59-137d-72e9-9791-8eb381ccc651"},"told":[{"incident":{"id":"01a21f59-137d-72e9-9791-8eb381ccc651","number":4,"project":"default","environment":"production","fingerprint":"5c93dc272912fd3cdb28ca73cd79b001","title":"it broke at place_d","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-3","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_d","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-58319.yaml:16"],"note":null,"thread_id":"01a21f59-13a7-749d-b66a-7847bc6a4602","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-137d-72e9-9791-8eb381ccc651","number":4,"project":"default","environment":"production","fingerprint":"5c93dc272912fd3cdb28ca73cd79b001","title":"it broke at place_d","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-3","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_d","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',0,NULL,1795822261253,'delivered','the receiver answered 200',NULL);
INSERT INTO "deliveries" VALUES('01a21f59-13d3-71d1-8540-2b1443a760ab','default','01a21f59-13d0-7512-b843-034adf3647b2',1,'busy','01a21f59-13d3-7256-9684-199278be0270','opened','pending',1795822261195,1795825861272,1795908661195,1795822861195,0,0,1,NULL,'{"id":"01a21f59-13d3-71d1-8540-2b1443a760ab","reason":"opened","at":1795822261195,"project":"default","group":"99ba35b46f9b268a042b4db9f7d0589f","labels":{"incident":"01a21f59-1396-74b1-86e7-6e77a9a72091"},"told":[{"incident":{"id":"01a21f59-1396-74b1-86e7-6e77a9a72091","number":6,"project":"default","environment":"production","fingerprint":"e37fa5c5d8295eca88737175882164fd","title":"relation \"users\" does not exist ätzend 🔥 ''quoted''","state":"open","severity":"error","labels":{"region":"eu","project":"default","service":"shop","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.129Z","last_seen":"2026-11-27T23:31:01.129Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"eu","timestamp":"2026-11-27T23:31:01.129Z","service":"shop","environment":"production","release":null,"host":null,"severity":"error","message":"relation \"users\" does not exist ätzend 🔥 ''quoted''","exception":null,"task":null,"labels":{"region":"eu"},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["region=\"eu\"","notifier-58319.yaml:23"],"note":null,"thread_id":"01a21f59-13d3-7256-9684-199278be0270","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-1396-74b1-86e7-6e77a9a72091","number":6,"project":"default","environment":"production","fingerprint":"e37fa5c5d8295eca88737175882164fd","title":"relation \"users\" does not exist ätzend 🔥 ''quoted''","state":"open","severity":"error","labels":{"region":"eu","project":"default","service":"shop","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.129Z","last_seen":"2026-11-27T23:31:01.129Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"eu","timestamp":"2026-11-27T23:31:01.129Z","service":"shop","environment":"production","release":null,"host":null,"severity":"error","message":"relation \"users\" does not exist ätzend 🔥 ''quoted''","exception":null,"task":null,"labels":{"region":"eu"},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',0,NULL,NULL,'throttled','the receiver answered 429: the receiver asks to slow down',NULL);
INSERT INTO "deliveries" VALUES('01a21f59-13f9-7722-8413-184b72bbe8ed','default','01a21f59-13f8-787e-8fc1-e504211142be',1,'busy','01a21f59-13f9-71c5-a720-ec5d27527530','opened','pending',1795822261234,1795825861286,1795908661234,1795822861234,0,0,1,NULL,'{"id":"01a21f59-13f9-7722-8413-184b72bbe8ed","reason":"opened","at":1795822261234,"project":"default","group":"5ba81eeac9aa741c3416b8c4a2eb63ec","labels":{"incident":"01a21f59-13b3-772c-bb76-0ba3dd53404f"},"told":[{"incident":{"id":"01a21f59-13b3-772c-bb76-0ba3dd53404f","number":7,"project":"default","environment":"production","fingerprint":"90ae802b923f882029b2deee0a654575","title":"the shelf is full","state":"open","severity":"error","labels":{"region":"eu","project":"default","service":"depot","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.145Z","last_seen":"2026-11-27T23:31:01.145Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"eu-2","timestamp":"2026-11-27T23:31:01.145Z","service":"depot","environment":"production","release":null,"host":null,"severity":"error","message":"the shelf is full","exception":null,"task":null,"labels":{"region":"eu"},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["region=\"eu\"","notifier-58319.yaml:23"],"note":null,"thread_id":"01a21f59-13f9-71c5-a720-ec5d27527530","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-13b3-772c-bb76-0ba3dd53404f","number":7,"project":"default","environment":"production","fingerprint":"90ae802b923f882029b2deee0a654575","title":"the shelf is full","state":"open","severity":"error","labels":{"region":"eu","project":"default","service":"depot","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.145Z","last_seen":"2026-11-27T23:31:01.145Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"eu-2","timestamp":"2026-11-27T23:31:01.145Z","service":"depot","environment":"production","release":null,"host":null,"severity":"error","message":"the shelf is full","exception":null,"task":null,"labels":{"region":"eu"},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',0,NULL,NULL,'throttled','the receiver answered 429: the receiver asks to slow down',NULL);
INSERT INTO "deliveries" VALUES('01a21f59-1421-7173-acf2-f54b554e1e03','default','01a21f59-1420-7939-b499-4ef99ad5970d',3,'gone','01a21f59-1421-7dd8-982f-98d095475daf','opened','dead',1795822261279,1795822261279,1795908661279,NULL,1,0,1,NULL,'{"id":"01a21f59-1421-7173-acf2-f54b554e1e03","reason":"opened","at":1795822261279,"project":"default","group":"83989f2e2edf0781c0c5e451740aed76","labels":{"incident":"01a21f59-13e5-74e1-bdb9-d2729724b5c2"},"told":[{"incident":{"id":"01a21f59-13e5-74e1-bdb9-d2729724b5c2","number":8,"project":"default","environment":"production","fingerprint":"ef0d05e34bb76ee0bfbedd378e9a4425","title":"nobody listens here","state":"open","severity":"error","labels":{"project":"default","service":"old","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.180Z","last_seen":"2026-11-27T23:31:01.180Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"old","timestamp":"2026-11-27T23:31:01.180Z","service":"old","environment":"production","release":null,"host":null,"severity":"error","message":"nobody listens here","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["service=\"old\"","notifier-58319.yaml:31"],"note":null,"thread_id":"01a21f59-1421-7dd8-982f-98d095475daf","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-13e5-74e1-bdb9-d2729724b5c2","number":8,"project":"default","environment":"production","fingerprint":"ef0d05e34bb76ee0bfbedd378e9a4425","title":"nobody listens here","state":"open","severity":"error","labels":{"project":"default","service":"old","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.180Z","last_seen":"2026-11-27T23:31:01.180Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"old","timestamp":"2026-11-27T23:31:01.180Z","service":"old","environment":"production","release":null,"host":null,"severity":"error","message":"nobody listens here","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',0,NULL,1795822261299,'gone','the receiver answered 410: the receiver says that this address is no longer in use',NULL);
INSERT INTO "deliveries" VALUES('01a21f59-143a-7aaf-a520-41508bfaaf09','default','01a21f59-1438-77d0-a6a4-2da4e304eaf7',2,'fine','01a21f59-143a-7360-92e5-76a7dbbf0500','opened','delivered',1795822261303,1795822261303,1795908661303,NULL,1,0,1,NULL,'{"id":"01a21f59-143a-7aaf-a520-41508bfaaf09","reason":"opened","at":1795822261303,"project":"default","group":"fb068950ab6fb3c36b45fb7ce585854d","labels":{"incident":"01a21f59-1425-7574-ac31-65b596ec9f2f"},"told":[{"incident":{"id":"01a21f59-1425-7574-ac31-65b596ec9f2f","number":10,"project":"default","environment":"production","fingerprint":"c0102005eb5331a987acb7916bc657e1","title":"no answer","state":"open","severity":"error","labels":{"project":"default","service":"probe","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.272Z","last_seen":"2026-11-27T23:31:01.272Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"up","timestamp":"2026-11-27T23:31:01.272Z","service":"probe","environment":"production","release":null,"host":null,"severity":"error","message":"no answer","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":["probe"],"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-58319.yaml:16"],"note":null,"thread_id":"01a21f59-143a-7360-92e5-76a7dbbf0500","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-1425-7574-ac31-65b596ec9f2f","number":10,"project":"default","environment":"production","fingerprint":"c0102005eb5331a987acb7916bc657e1","title":"no answer","state":"open","severity":"error","labels":{"project":"default","service":"probe","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.272Z","last_seen":"2026-11-27T23:31:01.272Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"up","timestamp":"2026-11-27T23:31:01.272Z","service":"probe","environment":"production","release":null,"host":null,"severity":"error","message":"no answer","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":["probe"],"links":[],"status":"firing"}}]}}',0,NULL,1795822261327,'delivered','the receiver answered 200',NULL);
INSERT INTO "deliveries" VALUES('01a21f59-1443-7570-a7aa-1736453243f2','default','01a21f59-1443-736f-9b76-e5fb0c7a001a',2,'fine','01a21f59-1443-77d5-8ef4-309591d79326','fallback','delivered',1795822261311,1795822261311,1795908661311,NULL,1,0,1,NULL,'{"id":"01a21f59-1443-7570-a7aa-1736453243f2","reason":"fallback","at":1795822261311,"project":"default","group":"83989f2e2edf0781c0c5e451740aed76","labels":{"incident":"01a21f59-13e5-74e1-bdb9-d2729724b5c2"},"told":[{"incident":{"id":"01a21f59-13e5-74e1-bdb9-d2729724b5c2","number":8,"project":"default","environment":"production","fingerprint":"ef0d05e34bb76ee0bfbedd378e9a4425","title":"nobody listens here","state":"open","severity":"error","labels":{"project":"default","service":"old","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.180Z","last_seen":"2026-11-27T23:31:01.180Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"old","timestamp":"2026-11-27T23:31:01.180Z","service":"old","environment":"production","release":null,"host":null,"severity":"error","message":"nobody listens here","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["service=\"old\"","notifier-58319.yaml:31"],"note":"Delivery through gone to http://127.0.0.1:9931/gone is dead (gone: the receiver answered 410: the receiver says that this address is no longer in use). What it had to tell:","thread_id":"01a21f59-1443-77d5-8ef4-309591d79326","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-13e5-74e1-bdb9-d2729724b5c2","number":8,"project":"default","environment":"production","fingerprint":"ef0d05e34bb76ee0bfbedd378e9a4425","title":"nobody listens here","state":"open","severity":"error","labels":{"project":"default","service":"old","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.180Z","last_seen":"2026-11-27T23:31:01.180Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"old","timestamp":"2026-11-27T23:31:01.180Z","service":"old","environment":"production","release":null,"host":null,"severity":"error","message":"nobody listens here","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',0,NULL,1795822261329,'delivered','the receiver answered 200',NULL);
INSERT INTO "deliveries" VALUES('01a21f59-1c4a-7499-aa04-50512869b395','default','01a21f59-1c47-7f22-9503-a662d8027e22',2,'fine','01a21f59-1366-73ec-81f9-56ef9e4e7166','acknowledged','delivered',1795822263366,1795822263366,1795908663366,NULL,1,0,1,NULL,'{"id":"01a21f59-1c4a-7499-aa04-50512869b395","reason":"acknowledged","at":1795822263366,"project":"default","group":"879549e673fb4cb25bfa0aa46506780a","labels":{"incident":"01a21f59-132e-7cf9-8f44-866cc4c95843"},"told":[{"incident":{"id":"01a21f59-132e-7cf9-8f44-866cc4c95843","number":1,"project":"default","environment":"production","fingerprint":"a4825217a956dc873ac6e780a4e94dc0","title":"TimeoutError: upstream timed out after 30s","state":"acknowledged","severity":"error","labels":{"project":"default","service":"billing","environment":"production","severity":"error","exception":"TimeoutError"},"varying":[],"count":5,"first_seen":"2026-11-27T23:31:01.025Z","last_seen":"2026-11-27T23:31:01.025Z","acknowledged_by":"ada","resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"order-4","timestamp":"2026-11-27T23:31:01.025Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":4},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"acknowledged","actor":"ada"}],"more":0,"totals":{"acknowledged":1},"suppressed":0,"origin":["default","notifier-58319.yaml:16"],"note":null,"thread_id":"01a21f59-1366-73ec-81f9-56ef9e4e7166","previous_thread_id":null,"standing":{"open":0,"acknowledged":1,"resolved":0,"events":5,"incidents":[{"id":"01a21f59-132e-7cf9-8f44-866cc4c95843","number":1,"project":"default","environment":"production","fingerprint":"a4825217a956dc873ac6e780a4e94dc0","title":"TimeoutError: upstream timed out after 30s","state":"acknowledged","severity":"error","labels":{"project":"default","service":"billing","environment":"production","severity":"error","exception":"TimeoutError"},"varying":[],"count":5,"first_seen":"2026-11-27T23:31:01.025Z","last_seen":"2026-11-27T23:31:01.025Z","acknowledged_by":"ada","resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"order-4","timestamp":"2026-11-27T23:31:01.025Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":4},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',0,NULL,1795822263389,'delivered','the receiver answered 200',NULL);
INSERT INTO "deliveries" VALUES('01a21f59-1c6b-76d3-95d8-5f5488ef2efe','default','01a21f59-1c6a-76ac-bf3f-ccfddfc07848',2,'fine','01a21f59-13a7-749d-b66a-7847bc6a4602','resolved','delivered',1795822263401,1795822263401,1795908663401,NULL,1,0,1,NULL,'{"id":"01a21f59-1c6b-76d3-95d8-5f5488ef2efe","reason":"resolved","at":1795822263401,"project":"default","group":"f991cc6ffc0a9cb270911f511fb3398b","labels":{"incident":"01a21f59-137d-72e9-9791-8eb381ccc651"},"told":[{"incident":{"id":"01a21f59-137d-72e9-9791-8eb381ccc651","number":4,"project":"default","environment":"production","fingerprint":"5c93dc272912fd3cdb28ca73cd79b001","title":"it broke at place_d","state":"resolved","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":"2026-11-27T23:31:03.392Z","previous_id":null,"url":null,"latest_event":{"id":"place-3","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_d","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"resolved","actor":"cem"}],"more":0,"totals":{"resolved":1},"suppressed":0,"origin":["default","notifier-58319.yaml:16"],"note":null,"thread_id":"01a21f59-13a7-749d-b66a-7847bc6a4602","previous_thread_id":null,"standing":{"open":0,"acknowledged":0,"resolved":1,"events":1,"incidents":[{"id":"01a21f59-137d-72e9-9791-8eb381ccc651","number":4,"project":"default","environment":"production","fingerprint":"5c93dc272912fd3cdb28ca73cd79b001","title":"it broke at place_d","state":"resolved","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":"2026-11-27T23:31:03.392Z","previous_id":null,"url":null,"latest_event":{"id":"place-3","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_d","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',0,NULL,1795822263420,'delivered','the receiver answered 200',NULL);
CREATE TABLE event_ids (
	project TEXT NOT NULL, 
	id TEXT NOT NULL, 
	incident BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (project, id)
)
 WITHOUT ROWID

;
INSERT INTO "event_ids" VALUES('default','down',10,1795822263290);
INSERT INTO "event_ids" VALUES('default','eu',6,1795822261140);
INSERT INTO "event_ids" VALUES('default','eu-2',7,1795822261170);
INSERT INTO "event_ids" VALUES('default','hushed',11,1795822263423);
INSERT INTO "event_ids" VALUES('default','later',9,1795822261267);
INSERT INTO "event_ids" VALUES('default','old',8,1795822261220);
INSERT INTO "event_ids" VALUES('default','order-0',1,1795822261031);
INSERT INTO "event_ids" VALUES('default','order-1',1,1795822261031);
INSERT INTO "event_ids" VALUES('default','order-2',1,1795822261031);
INSERT INTO "event_ids" VALUES('default','order-3',1,1795822261031);
INSERT INTO "event_ids" VALUES('default','order-4',1,1795822261031);
INSERT INTO "event_ids" VALUES('default','place-0',3,1795822261116);
INSERT INTO "event_ids" VALUES('default','place-1',5,1795822261116);
INSERT INTO "event_ids" VALUES('default','place-2',2,1795822261116);
INSERT INTO "event_ids" VALUES('default','place-3',4,1795822261116);
INSERT INTO "event_ids" VALUES('default','up',10,1795822261284);
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
INSERT INTO "events" VALUES(1,1,'order-0',1795822261025,1795822261025,'{"id":"order-0","timestamp":"2026-11-27T23:31:01.025Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":0},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(1,2,'order-1',1795822261025,1795822261025,'{"id":"order-1","timestamp":"2026-11-27T23:31:01.025Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":1},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(1,3,'order-2',1795822261025,1795822261025,'{"id":"order-2","timestamp":"2026-11-27T23:31:01.025Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":2},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(1,4,'order-3',1795822261025,1795822261025,'{"id":"order-3","timestamp":"2026-11-27T23:31:01.025Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":3},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(1,5,'order-4',1795822261025,1795822261025,'{"id":"order-4","timestamp":"2026-11-27T23:31:01.025Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":4},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(2,1,'place-2',1795822261076,1795822261076,'{"id":"place-2","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"critical","message":"it broke at place_c","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(3,1,'place-0',1795822261076,1795822261076,'{"id":"place-0","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_a","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(4,1,'place-3',1795822261076,1795822261076,'{"id":"place-3","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_d","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(5,1,'place-1',1795822261076,1795822261076,'{"id":"place-1","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_b","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(6,1,'eu',1795822261129,1795822261129,'{"id":"eu","timestamp":"2026-11-27T23:31:01.129Z","service":"shop","environment":"production","release":null,"host":null,"severity":"error","message":"relation \"users\" does not exist ätzend 🔥 ''quoted''","exception":null,"task":null,"labels":{"region":"eu"},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(7,1,'eu-2',1795822261145,1795822261145,'{"id":"eu-2","timestamp":"2026-11-27T23:31:01.145Z","service":"depot","environment":"production","release":null,"host":null,"severity":"error","message":"the shelf is full","exception":null,"task":null,"labels":{"region":"eu"},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(8,1,'old',1795822261180,1795822261180,'{"id":"old","timestamp":"2026-11-27T23:31:01.180Z","service":"old","environment":"production","release":null,"host":null,"severity":"error","message":"nobody listens here","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(9,1,'later',1795822261238,1795822261238,'{"id":"later","timestamp":"2026-11-27T23:31:01.238Z","service":"later","environment":"production","release":null,"host":null,"severity":"error","message":"this can wait","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(10,1,'up',1795822261272,1795822261272,'{"id":"up","timestamp":"2026-11-27T23:31:01.272Z","service":"probe","environment":"production","release":null,"host":null,"severity":"error","message":"no answer","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":["probe"],"links":[],"status":"firing"}');
INSERT INTO "events" VALUES(11,1,'hushed',1795822263423,1795822263423,'{"id":"hushed","timestamp":"2026-11-27T23:31:03.423Z","service":"shop","environment":"production","release":null,"host":null,"severity":"error","message":"nobody hears this","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}');
CREATE TABLE groups (
	id TEXT NOT NULL, 
	project TEXT NOT NULL, 
	route TEXT NOT NULL, 
	labels TEXT NOT NULL, 
	episode BIGINT DEFAULT '0' NOT NULL, 
	active SMALLINT DEFAULT '0' NOT NULL, 
	due_at BIGINT, 
	last_told_at BIGINT, 
	created_at BIGINT NOT NULL, episode_at BIGINT, 
	PRIMARY KEY (id)
);
INSERT INTO "groups" VALUES('879549e673fb4cb25bfa0aa46506780a','default','6a1b1872a9bbe449','{"incident":"01a21f59-132e-7cf9-8f44-866cc4c95843"}',1,1,NULL,1795822263366,1795822261051,1795822261069);
INSERT INTO "groups" VALUES('477001e937536ac4ae3559b5c3c8a7a5','default','6a1b1872a9bbe449','{"incident":"01a21f59-137d-704d-9d55-4727d52c0a84"}',1,1,1795836661151,1795822261151,1795822261132,1795822261151);
INSERT INTO "groups" VALUES('5034172f57b42a56d299cf5a57e187d0','default','6a1b1872a9bbe449','{"incident":"01a21f59-137d-72dd-926c-9f37596b25f9"}',1,1,1795836661151,1795822261151,1795822261132,1795822261151);
INSERT INTO "groups" VALUES('f0068a1c19c3ab0b9827bc3a6aff7f19','default','6a1b1872a9bbe449','{"incident":"01a21f59-137d-7a81-81bd-4e868f943a3e"}',1,1,1819756800000,1795822261151,1795822261132,1795822261151);
INSERT INTO "groups" VALUES('f991cc6ffc0a9cb270911f511fb3398b','default','6a1b1872a9bbe449','{"incident":"01a21f59-137d-72e9-9791-8eb381ccc651"}',1,0,NULL,1795822263401,1795822261132,1795822261151);
INSERT INTO "groups" VALUES('99ba35b46f9b268a042b4db9f7d0589f','default','bce74524c4496fe9','{"incident":"01a21f59-1396-74b1-86e7-6e77a9a72091"}',1,1,1795825861195,1795822261195,1795822261161,1795822261195);
INSERT INTO "groups" VALUES('5ba81eeac9aa741c3416b8c4a2eb63ec','default','bce74524c4496fe9','{"incident":"01a21f59-13b3-772c-bb76-0ba3dd53404f"}',1,1,1795825861234,1795822261234,1795822261205,1795822261234);
INSERT INTO "groups" VALUES('83989f2e2edf0781c0c5e451740aed76','default','bac474635f4f2529','{"incident":"01a21f59-13e5-74e1-bdb9-d2729724b5c2"}',1,1,1795836661279,1795822261279,1795822261244,1795822261279);
INSERT INTO "groups" VALUES('dcc4113162121a69ff3a7432382be1b3','default','3dbce8b56096dce4','{"incident":"01a21f59-1414-7db2-a8db-7af273f0a55b"}',0,0,1795829461283,NULL,1795822261283,NULL);
INSERT INTO "groups" VALUES('fb068950ab6fb3c36b45fb7ce585854d','default','6a1b1872a9bbe449','{"incident":"01a21f59-1425-7574-ac31-65b596ec9f2f"}',1,1,1795822561303,1795822261303,1795822261295,1795822261303);
INSERT INTO "groups" VALUES('8296bf76f0d5ebe9c7db39bd9dbea821','default','6a1b1872a9bbe449','{"incident":"01a21f59-1c80-7033-8223-efb8da7a18df"}',0,0,1819756800000,NULL,1795822263426,NULL);
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
	quiet_since BIGINT NOT NULL, acknowledged_at BIGINT, acknowledged_until BIGINT, snoozed_until BIGINT, snoozed_by TEXT, reopened_at BIGINT, reopened_by TEXT, 
	UNIQUE (id), 
	CONSTRAINT uq_incidents_identity UNIQUE (project, environment, fingerprint, closed)
);
INSERT INTO "incidents" VALUES(1,'01a21f59-132e-7cf9-8f44-866cc4c95843','default','production','a4825217a956dc873ac6e780a4e94dc0',0,'acknowledged','TimeoutError: upstream timed out after 30s','error','{"project":"default","service":"billing","environment":"production","severity":"error","exception":"TimeoutError"}','[]',5,0,1795822261031,1795822261025,1795822261025,'ada',NULL,NULL,NULL,NULL,0,3,1795822261025,1795822263356,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "incidents" VALUES(2,'01a21f59-137d-7a81-81bd-4e868f943a3e','default','production','4b9f8de77a2c3b6028a54ba1e1992683',0,'open','it broke at place_c','critical','{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"critical"}','[]',1,0,1795822261116,1795822261076,1795822261076,NULL,NULL,NULL,NULL,NULL,0,4,1795822261076,NULL,NULL,1819756800000,'bo',NULL,NULL);
INSERT INTO "incidents" VALUES(3,'01a21f59-137d-704d-9d55-4727d52c0a84','default','production','5b7456bb400c7277534f0bf7a36be949',0,'open','it broke at place_a','warning','{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"}','[]',1,0,1795822261116,1795822261076,1795822261076,NULL,NULL,NULL,NULL,NULL,0,2,1795822261076,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "incidents" VALUES(4,'01a21f59-137d-72e9-9791-8eb381ccc651','default','production','5c93dc272912fd3cdb28ca73cd79b001',4,'resolved','it broke at place_d','warning','{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"}','[]',1,0,1795822261116,1795822261076,1795822261076,NULL,1795822263392,'cem',NULL,NULL,0,2,1795822261076,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "incidents" VALUES(5,'01a21f59-137d-72dd-926c-9f37596b25f9','default','production','c8223ffd94554ad720c389ce94080afc',0,'open','it broke at place_b','warning','{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"}','[]',1,0,1795822261116,1795822261076,1795822261076,NULL,NULL,NULL,NULL,NULL,0,2,1795822261076,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "incidents" VALUES(6,'01a21f59-1396-74b1-86e7-6e77a9a72091','default','production','e37fa5c5d8295eca88737175882164fd',0,'open','relation "users" does not exist ätzend 🔥 ''quoted''','error','{"region":"eu","project":"default","service":"shop","environment":"production","severity":"error"}','[]',1,0,1795822261140,1795822261129,1795822261129,NULL,NULL,NULL,NULL,NULL,0,3,1795822261129,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "incidents" VALUES(7,'01a21f59-13b3-772c-bb76-0ba3dd53404f','default','production','90ae802b923f882029b2deee0a654575',0,'open','the shelf is full','error','{"region":"eu","project":"default","service":"depot","environment":"production","severity":"error"}','[]',1,0,1795822261170,1795822261145,1795822261145,NULL,NULL,NULL,NULL,NULL,0,3,1795822261145,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "incidents" VALUES(8,'01a21f59-13e5-74e1-bdb9-d2729724b5c2','default','production','ef0d05e34bb76ee0bfbedd378e9a4425',0,'open','nobody listens here','error','{"project":"default","service":"old","environment":"production","severity":"error"}','[]',1,0,1795822261220,1795822261180,1795822261180,NULL,NULL,NULL,NULL,NULL,0,3,1795822261180,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "incidents" VALUES(9,'01a21f59-1414-7db2-a8db-7af273f0a55b','default','production','e4262023507077d8fbee60e6d567fca9',0,'open','this can wait','error','{"project":"default","service":"later","environment":"production","severity":"error"}','[]',1,0,1795822261267,1795822261238,1795822261238,NULL,NULL,NULL,NULL,NULL,0,3,1795822261238,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "incidents" VALUES(10,'01a21f59-1425-7574-ac31-65b596ec9f2f','default','production','c0102005eb5331a987acb7916bc657e1',10,'resolved','no answer','error','{"project":"default","service":"probe","environment":"production","severity":"error"}','[]',1,0,1795822261284,1795822261272,1795822261272,NULL,1795822263289,'event',NULL,NULL,0,3,1795822261272,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "incidents" VALUES(11,'01a21f59-1c80-7033-8223-efb8da7a18df','default','production','977fb643a41332608f3392b3f76b5473',0,'open','nobody hears this','error','{"project":"default","service":"shop","environment":"production","severity":"error"}','[]',1,0,1795822263423,1795822263423,1795822263423,NULL,NULL,NULL,NULL,NULL,0,3,1795822263423,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE inhibitors (
	project TEXT NOT NULL, 
	rule TEXT NOT NULL, 
	equal TEXT NOT NULL, 
	incident BIGINT NOT NULL, 
	PRIMARY KEY (project, rule, equal, incident)
)
 WITHOUT ROWID

;
CREATE TABLE ledger (
	replica TEXT NOT NULL, 
	name TEXT NOT NULL, 
	n BIGINT NOT NULL, 
	PRIMARY KEY (replica, name)
);
INSERT INTO "ledger" VALUES('main','probes',1);
INSERT INTO "ledger" VALUES('main','accepted',15);
INSERT INTO "ledger" VALUES('main','duplicates',1);
INSERT INTO "ledger" VALUES('main','created_deliveries',12);
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
	repeat_at BIGINT, hold_ref TEXT, escalate_at BIGINT, decided TEXT, decided_at BIGINT, escalated SMALLINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (group_id, incident)
);
INSERT INTO "members" VALUES('879549e673fb4cb25bfa0aa46506780a',1,1795822261051,NULL,'acknowledged','error',5,1795822261069,1795822263366,'acknowledged',NULL,NULL,NULL,NULL,'acknowledged - 891176727cd3',1795822263366,0);
INSERT INTO "members" VALUES('f0068a1c19c3ab0b9827bc3a6aff7f19',2,1795822261132,NULL,'open','critical',1,1795822261151,1795822261151,'opened','snoozed',1819756800000,NULL,NULL,'snoozed - 891176727cd3',1795822263380,0);
INSERT INTO "members" VALUES('477001e937536ac4ae3559b5c3c8a7a5',3,1795822261132,NULL,'open','warning',1,1795822261151,1795822261151,'opened',NULL,1795836661151,NULL,NULL,'opened - 891176727cd3',1795822261151,0);
INSERT INTO "members" VALUES('f991cc6ffc0a9cb270911f511fb3398b',4,1795822261132,NULL,'resolved','warning',1,1795822261151,1795822263401,'resolved',NULL,NULL,NULL,NULL,'resolved - 891176727cd3',1795822263401,0);
INSERT INTO "members" VALUES('5034172f57b42a56d299cf5a57e187d0',5,1795822261132,NULL,'open','warning',1,1795822261151,1795822261151,'opened',NULL,1795836661151,NULL,NULL,'opened - 891176727cd3',1795822261151,0);
INSERT INTO "members" VALUES('99ba35b46f9b268a042b4db9f7d0589f',6,1795822261161,NULL,'open','error',1,1795822261195,1795822261195,'opened',NULL,1795836661195,NULL,1795825861195,'opened - 891176727cd3',1795822261195,0);
INSERT INTO "members" VALUES('5ba81eeac9aa741c3416b8c4a2eb63ec',7,1795822261205,NULL,'open','error',1,1795822261234,1795822261234,'opened',NULL,1795836661234,NULL,1795825861234,'opened - 891176727cd3',1795822261234,0);
INSERT INTO "members" VALUES('83989f2e2edf0781c0c5e451740aed76',8,1795822261244,NULL,'open','error',1,1795822261279,1795822261279,'opened',NULL,1795836661279,NULL,NULL,'opened - 891176727cd3',1795822261279,0);
INSERT INTO "members" VALUES('dcc4113162121a69ff3a7432382be1b3',9,1795822261283,1795822261283,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "members" VALUES('fb068950ab6fb3c36b45fb7ce585854d',10,1795822261295,1795822263299,'open','error',1,1795822261303,1795822261303,'opened',NULL,1795836661303,NULL,NULL,'opened - 891176727cd3',1795822261303,0);
INSERT INTO "members" VALUES('8296bf76f0d5ebe9c7db39bd9dbea821',11,1795822263426,NULL,NULL,NULL,0,NULL,NULL,NULL,'silenced',1819756800000,'01a21f59-1c6c-7c41-b6cb-317358ec801b',NULL,'silenced 01a21f59-1c6c-7c41-b6cb-317358ec801b 891176727cd3',1795822263447,0);
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
INSERT INTO "notifications" VALUES('01a21f59-1357-77fb-ba23-46f917d44ddc','default','879549e673fb4cb25bfa0aa46506780a',1,'opened',1795822261069,2,'{"id":"","reason":"opened","at":1795822261069,"project":"default","group":"879549e673fb4cb25bfa0aa46506780a","labels":{"incident":"01a21f59-132e-7cf9-8f44-866cc4c95843"},"told":[{"incident":{"id":"01a21f59-132e-7cf9-8f44-866cc4c95843","number":1,"project":"default","environment":"production","fingerprint":"a4825217a956dc873ac6e780a4e94dc0","title":"TimeoutError: upstream timed out after 30s","state":"open","severity":"error","labels":{"project":"default","service":"billing","environment":"production","severity":"error","exception":"TimeoutError"},"varying":[],"count":5,"first_seen":"2026-11-27T23:31:01.025Z","last_seen":"2026-11-27T23:31:01.025Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"order-4","timestamp":"2026-11-27T23:31:01.025Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":4},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":4,"origin":["default","notifier-58319.yaml:16"],"note":null,"thread_id":"","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":5,"incidents":[{"id":"01a21f59-132e-7cf9-8f44-866cc4c95843","number":1,"project":"default","environment":"production","fingerprint":"a4825217a956dc873ac6e780a4e94dc0","title":"TimeoutError: upstream timed out after 30s","state":"open","severity":"error","labels":{"project":"default","service":"billing","environment":"production","severity":"error","exception":"TimeoutError"},"varying":[],"count":5,"first_seen":"2026-11-27T23:31:01.025Z","last_seen":"2026-11-27T23:31:01.025Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"order-4","timestamp":"2026-11-27T23:31:01.025Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":4},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',NULL);
INSERT INTO "notifications" VALUES('01a21f59-13a0-774b-a2e6-8f5dcd590458','default','477001e937536ac4ae3559b5c3c8a7a5',1,'opened',1795822261151,1,'{"id":"","reason":"opened","at":1795822261151,"project":"default","group":"477001e937536ac4ae3559b5c3c8a7a5","labels":{"incident":"01a21f59-137d-704d-9d55-4727d52c0a84"},"told":[{"incident":{"id":"01a21f59-137d-704d-9d55-4727d52c0a84","number":3,"project":"default","environment":"production","fingerprint":"5b7456bb400c7277534f0bf7a36be949","title":"it broke at place_a","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-0","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_a","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-58319.yaml:16"],"note":null,"thread_id":"","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-137d-704d-9d55-4727d52c0a84","number":3,"project":"default","environment":"production","fingerprint":"5b7456bb400c7277534f0bf7a36be949","title":"it broke at place_a","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-0","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_a","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',NULL);
INSERT INTO "notifications" VALUES('01a21f59-13a2-76ef-8403-5e48030d9c5c','default','5034172f57b42a56d299cf5a57e187d0',1,'opened',1795822261151,1,'{"id":"","reason":"opened","at":1795822261151,"project":"default","group":"5034172f57b42a56d299cf5a57e187d0","labels":{"incident":"01a21f59-137d-72dd-926c-9f37596b25f9"},"told":[{"incident":{"id":"01a21f59-137d-72dd-926c-9f37596b25f9","number":5,"project":"default","environment":"production","fingerprint":"c8223ffd94554ad720c389ce94080afc","title":"it broke at place_b","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-1","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_b","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-58319.yaml:16"],"note":null,"thread_id":"","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-137d-72dd-926c-9f37596b25f9","number":5,"project":"default","environment":"production","fingerprint":"c8223ffd94554ad720c389ce94080afc","title":"it broke at place_b","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-1","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_b","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',NULL);
INSERT INTO "notifications" VALUES('01a21f59-13a4-79c9-8d35-85d7fa9c137b','default','f0068a1c19c3ab0b9827bc3a6aff7f19',1,'opened',1795822261151,3,'{"id":"","reason":"opened","at":1795822261151,"project":"default","group":"f0068a1c19c3ab0b9827bc3a6aff7f19","labels":{"incident":"01a21f59-137d-7a81-81bd-4e868f943a3e"},"told":[{"incident":{"id":"01a21f59-137d-7a81-81bd-4e868f943a3e","number":2,"project":"default","environment":"production","fingerprint":"4b9f8de77a2c3b6028a54ba1e1992683","title":"it broke at place_c","state":"open","severity":"critical","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"critical"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-2","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"critical","message":"it broke at place_c","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-58319.yaml:16"],"note":null,"thread_id":"","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-137d-7a81-81bd-4e868f943a3e","number":2,"project":"default","environment":"production","fingerprint":"4b9f8de77a2c3b6028a54ba1e1992683","title":"it broke at place_c","state":"open","severity":"critical","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"critical"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-2","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"critical","message":"it broke at place_c","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',NULL);
INSERT INTO "notifications" VALUES('01a21f59-13a6-74fa-91b4-40b91967387a','default','f991cc6ffc0a9cb270911f511fb3398b',1,'opened',1795822261151,1,'{"id":"","reason":"opened","at":1795822261151,"project":"default","group":"f991cc6ffc0a9cb270911f511fb3398b","labels":{"incident":"01a21f59-137d-72e9-9791-8eb381ccc651"},"told":[{"incident":{"id":"01a21f59-137d-72e9-9791-8eb381ccc651","number":4,"project":"default","environment":"production","fingerprint":"5c93dc272912fd3cdb28ca73cd79b001","title":"it broke at place_d","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-3","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_d","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-58319.yaml:16"],"note":null,"thread_id":"","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-137d-72e9-9791-8eb381ccc651","number":4,"project":"default","environment":"production","fingerprint":"5c93dc272912fd3cdb28ca73cd79b001","title":"it broke at place_d","state":"open","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"place-3","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_d","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',NULL);
INSERT INTO "notifications" VALUES('01a21f59-13d0-7512-b843-034adf3647b2','default','99ba35b46f9b268a042b4db9f7d0589f',1,'opened',1795822261195,2,'{"id":"","reason":"opened","at":1795822261195,"project":"default","group":"99ba35b46f9b268a042b4db9f7d0589f","labels":{"incident":"01a21f59-1396-74b1-86e7-6e77a9a72091"},"told":[{"incident":{"id":"01a21f59-1396-74b1-86e7-6e77a9a72091","number":6,"project":"default","environment":"production","fingerprint":"e37fa5c5d8295eca88737175882164fd","title":"relation \"users\" does not exist ätzend 🔥 ''quoted''","state":"open","severity":"error","labels":{"region":"eu","project":"default","service":"shop","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.129Z","last_seen":"2026-11-27T23:31:01.129Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"eu","timestamp":"2026-11-27T23:31:01.129Z","service":"shop","environment":"production","release":null,"host":null,"severity":"error","message":"relation \"users\" does not exist ätzend 🔥 ''quoted''","exception":null,"task":null,"labels":{"region":"eu"},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["region=\"eu\"","notifier-58319.yaml:23"],"note":null,"thread_id":"","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-1396-74b1-86e7-6e77a9a72091","number":6,"project":"default","environment":"production","fingerprint":"e37fa5c5d8295eca88737175882164fd","title":"relation \"users\" does not exist ätzend 🔥 ''quoted''","state":"open","severity":"error","labels":{"region":"eu","project":"default","service":"shop","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.129Z","last_seen":"2026-11-27T23:31:01.129Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"eu","timestamp":"2026-11-27T23:31:01.129Z","service":"shop","environment":"production","release":null,"host":null,"severity":"error","message":"relation \"users\" does not exist ätzend 🔥 ''quoted''","exception":null,"task":null,"labels":{"region":"eu"},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',NULL);
INSERT INTO "notifications" VALUES('01a21f59-13f8-787e-8fc1-e504211142be','default','5ba81eeac9aa741c3416b8c4a2eb63ec',1,'opened',1795822261234,2,'{"id":"","reason":"opened","at":1795822261234,"project":"default","group":"5ba81eeac9aa741c3416b8c4a2eb63ec","labels":{"incident":"01a21f59-13b3-772c-bb76-0ba3dd53404f"},"told":[{"incident":{"id":"01a21f59-13b3-772c-bb76-0ba3dd53404f","number":7,"project":"default","environment":"production","fingerprint":"90ae802b923f882029b2deee0a654575","title":"the shelf is full","state":"open","severity":"error","labels":{"region":"eu","project":"default","service":"depot","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.145Z","last_seen":"2026-11-27T23:31:01.145Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"eu-2","timestamp":"2026-11-27T23:31:01.145Z","service":"depot","environment":"production","release":null,"host":null,"severity":"error","message":"the shelf is full","exception":null,"task":null,"labels":{"region":"eu"},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["region=\"eu\"","notifier-58319.yaml:23"],"note":null,"thread_id":"","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-13b3-772c-bb76-0ba3dd53404f","number":7,"project":"default","environment":"production","fingerprint":"90ae802b923f882029b2deee0a654575","title":"the shelf is full","state":"open","severity":"error","labels":{"region":"eu","project":"default","service":"depot","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.145Z","last_seen":"2026-11-27T23:31:01.145Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"eu-2","timestamp":"2026-11-27T23:31:01.145Z","service":"depot","environment":"production","release":null,"host":null,"severity":"error","message":"the shelf is full","exception":null,"task":null,"labels":{"region":"eu"},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',NULL);
INSERT INTO "notifications" VALUES('01a21f59-1420-7939-b499-4ef99ad5970d','default','83989f2e2edf0781c0c5e451740aed76',1,'opened',1795822261279,2,'{"id":"","reason":"opened","at":1795822261279,"project":"default","group":"83989f2e2edf0781c0c5e451740aed76","labels":{"incident":"01a21f59-13e5-74e1-bdb9-d2729724b5c2"},"told":[{"incident":{"id":"01a21f59-13e5-74e1-bdb9-d2729724b5c2","number":8,"project":"default","environment":"production","fingerprint":"ef0d05e34bb76ee0bfbedd378e9a4425","title":"nobody listens here","state":"open","severity":"error","labels":{"project":"default","service":"old","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.180Z","last_seen":"2026-11-27T23:31:01.180Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"old","timestamp":"2026-11-27T23:31:01.180Z","service":"old","environment":"production","release":null,"host":null,"severity":"error","message":"nobody listens here","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["service=\"old\"","notifier-58319.yaml:31"],"note":null,"thread_id":"","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-13e5-74e1-bdb9-d2729724b5c2","number":8,"project":"default","environment":"production","fingerprint":"ef0d05e34bb76ee0bfbedd378e9a4425","title":"nobody listens here","state":"open","severity":"error","labels":{"project":"default","service":"old","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.180Z","last_seen":"2026-11-27T23:31:01.180Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"old","timestamp":"2026-11-27T23:31:01.180Z","service":"old","environment":"production","release":null,"host":null,"severity":"error","message":"nobody listens here","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',NULL);
INSERT INTO "notifications" VALUES('01a21f59-1438-77d0-a6a4-2da4e304eaf7','default','fb068950ab6fb3c36b45fb7ce585854d',1,'opened',1795822261303,2,'{"id":"","reason":"opened","at":1795822261303,"project":"default","group":"fb068950ab6fb3c36b45fb7ce585854d","labels":{"incident":"01a21f59-1425-7574-ac31-65b596ec9f2f"},"told":[{"incident":{"id":"01a21f59-1425-7574-ac31-65b596ec9f2f","number":10,"project":"default","environment":"production","fingerprint":"c0102005eb5331a987acb7916bc657e1","title":"no answer","state":"open","severity":"error","labels":{"project":"default","service":"probe","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.272Z","last_seen":"2026-11-27T23:31:01.272Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"up","timestamp":"2026-11-27T23:31:01.272Z","service":"probe","environment":"production","release":null,"host":null,"severity":"error","message":"no answer","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":["probe"],"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["default","notifier-58319.yaml:16"],"note":null,"thread_id":"","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-1425-7574-ac31-65b596ec9f2f","number":10,"project":"default","environment":"production","fingerprint":"c0102005eb5331a987acb7916bc657e1","title":"no answer","state":"open","severity":"error","labels":{"project":"default","service":"probe","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.272Z","last_seen":"2026-11-27T23:31:01.272Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"up","timestamp":"2026-11-27T23:31:01.272Z","service":"probe","environment":"production","release":null,"host":null,"severity":"error","message":"no answer","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":["probe"],"links":[],"status":"firing"}}]}}',NULL);
INSERT INTO "notifications" VALUES('01a21f59-1443-736f-9b76-e5fb0c7a001a','default',NULL,0,'fallback',1795822261311,0,'{"id":"01a21f59-1421-7173-acf2-f54b554e1e03","reason":"fallback","at":1795822261311,"project":"default","group":"83989f2e2edf0781c0c5e451740aed76","labels":{"incident":"01a21f59-13e5-74e1-bdb9-d2729724b5c2"},"told":[{"incident":{"id":"01a21f59-13e5-74e1-bdb9-d2729724b5c2","number":8,"project":"default","environment":"production","fingerprint":"ef0d05e34bb76ee0bfbedd378e9a4425","title":"nobody listens here","state":"open","severity":"error","labels":{"project":"default","service":"old","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.180Z","last_seen":"2026-11-27T23:31:01.180Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"old","timestamp":"2026-11-27T23:31:01.180Z","service":"old","environment":"production","release":null,"host":null,"severity":"error","message":"nobody listens here","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"opened","actor":null}],"more":0,"totals":{"opened":1},"suppressed":0,"origin":["service=\"old\"","notifier-58319.yaml:31"],"note":"Delivery through gone to http://127.0.0.1:9931/gone is dead (gone: the receiver answered 410: the receiver says that this address is no longer in use). What it had to tell:","thread_id":"01a21f59-1421-7dd8-982f-98d095475daf","previous_thread_id":null,"standing":{"open":1,"acknowledged":0,"resolved":0,"events":1,"incidents":[{"id":"01a21f59-13e5-74e1-bdb9-d2729724b5c2","number":8,"project":"default","environment":"production","fingerprint":"ef0d05e34bb76ee0bfbedd378e9a4425","title":"nobody listens here","state":"open","severity":"error","labels":{"project":"default","service":"old","environment":"production","severity":"error"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.180Z","last_seen":"2026-11-27T23:31:01.180Z","acknowledged_by":null,"resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"old","timestamp":"2026-11-27T23:31:01.180Z","service":"old","environment":"production","release":null,"host":null,"severity":"error","message":"nobody listens here","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}','01a21f59-1420-7939-b499-4ef99ad5970d');
INSERT INTO "notifications" VALUES('01a21f59-1c47-7f22-9503-a662d8027e22','default','879549e673fb4cb25bfa0aa46506780a',1,'acknowledged',1795822263366,2,'{"id":"","reason":"acknowledged","at":1795822263366,"project":"default","group":"879549e673fb4cb25bfa0aa46506780a","labels":{"incident":"01a21f59-132e-7cf9-8f44-866cc4c95843"},"told":[{"incident":{"id":"01a21f59-132e-7cf9-8f44-866cc4c95843","number":1,"project":"default","environment":"production","fingerprint":"a4825217a956dc873ac6e780a4e94dc0","title":"TimeoutError: upstream timed out after 30s","state":"acknowledged","severity":"error","labels":{"project":"default","service":"billing","environment":"production","severity":"error","exception":"TimeoutError"},"varying":[],"count":5,"first_seen":"2026-11-27T23:31:01.025Z","last_seen":"2026-11-27T23:31:01.025Z","acknowledged_by":"ada","resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"order-4","timestamp":"2026-11-27T23:31:01.025Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":4},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"acknowledged","actor":"ada"}],"more":0,"totals":{"acknowledged":1},"suppressed":0,"origin":["default","notifier-58319.yaml:16"],"note":null,"thread_id":"","previous_thread_id":null,"standing":{"open":0,"acknowledged":1,"resolved":0,"events":5,"incidents":[{"id":"01a21f59-132e-7cf9-8f44-866cc4c95843","number":1,"project":"default","environment":"production","fingerprint":"a4825217a956dc873ac6e780a4e94dc0","title":"TimeoutError: upstream timed out after 30s","state":"acknowledged","severity":"error","labels":{"project":"default","service":"billing","environment":"production","severity":"error","exception":"TimeoutError"},"varying":[],"count":5,"first_seen":"2026-11-27T23:31:01.025Z","last_seen":"2026-11-27T23:31:01.025Z","acknowledged_by":"ada","resolved_at":null,"previous_id":null,"url":null,"latest_event":{"id":"order-4","timestamp":"2026-11-27T23:31:01.025Z","service":"billing","environment":"production","release":null,"host":null,"severity":"error","message":null,"exception":{"type":"TimeoutError","module":"builtins","message":"upstream timed out after 30s","frames":[{"file":"billing/tasks.py","function":"charge","line":88,"code":"await gateway.charge(order)","in_app":true}],"cause":null,"notes":[]},"task":null,"labels":{},"context":{"order_id":4},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',NULL);
INSERT INTO "notifications" VALUES('01a21f59-1c6a-76ac-bf3f-ccfddfc07848','default','f991cc6ffc0a9cb270911f511fb3398b',1,'resolved',1795822263401,1,'{"id":"","reason":"resolved","at":1795822263401,"project":"default","group":"f991cc6ffc0a9cb270911f511fb3398b","labels":{"incident":"01a21f59-137d-72e9-9791-8eb381ccc651"},"told":[{"incident":{"id":"01a21f59-137d-72e9-9791-8eb381ccc651","number":4,"project":"default","environment":"production","fingerprint":"5c93dc272912fd3cdb28ca73cd79b001","title":"it broke at place_d","state":"resolved","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":"2026-11-27T23:31:03.392Z","previous_id":null,"url":null,"latest_event":{"id":"place-3","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_d","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}},"reason":"resolved","actor":"cem"}],"more":0,"totals":{"resolved":1},"suppressed":0,"origin":["default","notifier-58319.yaml:16"],"note":null,"thread_id":"","previous_thread_id":null,"standing":{"open":0,"acknowledged":0,"resolved":1,"events":1,"incidents":[{"id":"01a21f59-137d-72e9-9791-8eb381ccc651","number":4,"project":"default","environment":"production","fingerprint":"5c93dc272912fd3cdb28ca73cd79b001","title":"it broke at place_d","state":"resolved","severity":"warning","labels":{"project":"default","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning"},"varying":[],"count":1,"first_seen":"2026-11-27T23:31:01.076Z","last_seen":"2026-11-27T23:31:01.076Z","acknowledged_by":null,"resolved_at":"2026-11-27T23:31:03.392Z","previous_id":null,"url":null,"latest_event":{"id":"place-3","timestamp":"2026-11-27T23:31:01.076Z","service":"shop","environment":"production","release":"1.4.2","host":"worker-3","severity":"warning","message":"it broke at place_d","exception":null,"task":null,"labels":{},"context":{},"trace_id":null,"fingerprint":null,"links":[],"status":"firing"}}]}}',NULL);
CREATE TABLE processes (
	project TEXT NOT NULL, 
	id TEXT NOT NULL, 
	service TEXT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	running TEXT DEFAULT '[]' NOT NULL, 
	tasks TEXT DEFAULT '[]' NOT NULL, 
	reports TEXT, 
	PRIMARY KEY (project, id)
);
CREATE TABLE run_incidents (
	project TEXT NOT NULL, 
	run TEXT NOT NULL, 
	incident BIGINT NOT NULL, 
	n BIGINT NOT NULL, 
	well SMALLINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (project, run, incident)
)
 WITHOUT ROWID

;
CREATE TABLE silences (
	id TEXT NOT NULL, 
	project TEXT NOT NULL, 
	matchers TEXT NOT NULL, 
	starts_at BIGINT NOT NULL, 
	ends_at BIGINT, 
	recur TEXT, 
	author TEXT NOT NULL, 
	comment TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	created_by TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "silences" VALUES('01a21f59-1c6c-7c41-b6cb-317358ec801b','default','["service=\"shop\""]',1795822263404,1819756800000,NULL,'ada','moving house',1795822263404,'first');
INSERT INTO "silences" VALUES('01a21f59-1c77-7645-a9c4-ecea3fcd446e','default','["service=\"none\"","region!=\"eu\""]',1795822263415,1819756800000,'{"weekdays":[0,1,2,3,4,5,6],"times":[[1320,1380]],"location":"UTC"}','bo','every night',1795822263415,'first');
CREATE TABLE slack_requests (
	hash TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (hash)
);
CREATE TABLE tallies (
	incident BIGINT NOT NULL, 
	minute BIGINT NOT NULL, 
	n BIGINT NOT NULL, 
	PRIMARY KEY (incident, minute)
)
 WITHOUT ROWID

;
INSERT INTO "tallies" VALUES(1,1795822260000,5);
INSERT INTO "tallies" VALUES(2,1795822260000,1);
INSERT INTO "tallies" VALUES(3,1795822260000,1);
INSERT INTO "tallies" VALUES(4,1795822260000,1);
INSERT INTO "tallies" VALUES(5,1795822260000,1);
INSERT INTO "tallies" VALUES(6,1795822260000,1);
INSERT INTO "tallies" VALUES(7,1795822260000,1);
INSERT INTO "tallies" VALUES(8,1795822260000,1);
INSERT INTO "tallies" VALUES(9,1795822260000,1);
INSERT INTO "tallies" VALUES(10,1795822260000,1);
INSERT INTO "tallies" VALUES(11,1795822260000,1);
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
	last_sent_at BIGINT, storm_thread TEXT, storm_at BIGINT, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_targets_address UNIQUE (channel, address)
);
INSERT INTO "targets" VALUES(1,'busy','http://127.0.0.1:9931/busy',1795825861272,NULL,1795822261269,1795825861286,0,NULL,NULL,NULL,'throttled: the receiver answered 429: the receiver asks to slow down',1795822261286,1795822261269,NULL,NULL);
INSERT INTO "targets" VALUES(2,'fine','http://127.0.0.1:9931/fine',NULL,NULL,1795822263412,NULL,0,NULL,NULL,1795822263420,NULL,NULL,1795822263412,NULL,NULL);
INSERT INTO "targets" VALUES(3,'gone','http://127.0.0.1:9931/gone',NULL,NULL,1795822261288,NULL,0,1795822261299,'the receiver answered 410: the receiver says that this address is no longer in use',NULL,'gone: the receiver answered 410: the receiver says that this address is no longer in use',1795822261299,1795822261288,NULL,NULL);
CREATE TABLE task_runs (
	project TEXT NOT NULL, 
	id TEXT NOT NULL, 
	task TEXT NOT NULL, 
	service TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	state TEXT NOT NULL, 
	rank BIGINT NOT NULL, 
	attempt BIGINT NOT NULL, 
	max_attempts BIGINT, 
	created_at BIGINT NOT NULL, 
	started_at BIGINT, 
	finished_at BIGINT, 
	duration_ms FLOAT, 
	result TEXT, 
	error TEXT, 
	"key" TEXT, 
	process TEXT, 
	replay_of TEXT, 
	arguments TEXT, 
	replayable TEXT DEFAULT 'no' NOT NULL, 
	letter TEXT, 
	asked_at BIGINT, 
	PRIMARY KEY (project, id)
);
INSERT INTO "task_runs" VALUES('default','r0','billing.tasks.charge','billing','production','completed',2199023255560,1,1,1795822263430,NULL,1795822263430,0.0,NULL,NULL,NULL,NULL,NULL,NULL,'no',NULL,NULL);
INSERT INTO "task_runs" VALUES('default','r1','billing.tasks.charge','billing','production','completed',2199023255560,1,1,1795822263430,NULL,1795822263430,1.5,NULL,NULL,NULL,NULL,NULL,NULL,'no',NULL,NULL);
INSERT INTO "task_runs" VALUES('default','r2','billing.tasks.charge','billing','production','completed',2199023255560,1,1,1795822263430,NULL,1795822263430,3.0,NULL,NULL,NULL,NULL,NULL,NULL,'no',NULL,NULL);
INSERT INTO "task_runs" VALUES('default','r3','billing.tasks.charge','billing','production','completed',2199023255560,1,1,1795822263430,NULL,1795822263430,4.5,NULL,NULL,NULL,NULL,NULL,NULL,'no',NULL,NULL);
INSERT INTO "task_runs" VALUES('default','r4','billing.tasks.charge','billing','production','completed',2199023255560,1,1,1795822263430,NULL,1795822263430,6.0,NULL,NULL,NULL,NULL,NULL,NULL,'no',NULL,NULL);
INSERT INTO "task_runs" VALUES('default','r5','billing.tasks.charge','billing','production','failed',1099511627784,1,1,1795822263430,NULL,1795822263430,7.5,NULL,'{"type":"ValueError","message":"no such order"}',NULL,NULL,NULL,NULL,'no','waiting',NULL);
INSERT INTO "task_runs" VALUES('default','r6','billing.tasks.charge','billing','production','completed',2199023255560,1,1,1795822263430,NULL,1795822263430,9.0,NULL,NULL,NULL,NULL,NULL,NULL,'no',NULL,NULL);
INSERT INTO "task_runs" VALUES('default','r7','billing.tasks.charge','billing','production','completed',2199023255560,1,1,1795822263430,NULL,1795822263430,10.5,NULL,NULL,NULL,NULL,NULL,NULL,'no',NULL,NULL);
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
INSERT INTO "threads" VALUES('01a21f59-1366-73ec-81f9-56ef9e4e7166','879549e673fb4cb25bfa0aa46506780a',1,2,NULL,NULL,1795822261069);
INSERT INTO "threads" VALUES('01a21f59-13a1-7192-9777-3ab0744030e7','477001e937536ac4ae3559b5c3c8a7a5',1,2,NULL,NULL,1795822261151);
INSERT INTO "threads" VALUES('01a21f59-13a3-75e6-aa25-0e0611b8f465','5034172f57b42a56d299cf5a57e187d0',1,2,NULL,NULL,1795822261151);
INSERT INTO "threads" VALUES('01a21f59-13a5-7e5c-a612-69a02a3019a9','f0068a1c19c3ab0b9827bc3a6aff7f19',1,2,NULL,NULL,1795822261151);
INSERT INTO "threads" VALUES('01a21f59-13a7-749d-b66a-7847bc6a4602','f991cc6ffc0a9cb270911f511fb3398b',1,2,NULL,NULL,1795822261151);
INSERT INTO "threads" VALUES('01a21f59-13d3-7256-9684-199278be0270','99ba35b46f9b268a042b4db9f7d0589f',1,1,NULL,NULL,1795822261195);
INSERT INTO "threads" VALUES('01a21f59-13f9-71c5-a720-ec5d27527530','5ba81eeac9aa741c3416b8c4a2eb63ec',1,1,NULL,NULL,1795822261234);
INSERT INTO "threads" VALUES('01a21f59-1421-7dd8-982f-98d095475daf','83989f2e2edf0781c0c5e451740aed76',1,3,NULL,NULL,1795822261279);
INSERT INTO "threads" VALUES('01a21f59-143a-7360-92e5-76a7dbbf0500','fb068950ab6fb3c36b45fb7ce585854d',1,2,NULL,NULL,1795822261303);
INSERT INTO "threads" VALUES('01a21f59-1443-77d5-8ef4-309591d79326','fallback:01a21f59-1420-7939-b499-4ef99ad5970d',0,2,NULL,NULL,1795822261311);
CREATE INDEX ix_audit_subject ON audit (subject);
CREATE INDEX ix_events_received ON events (received_at);
CREATE INDEX ix_groups_due ON groups (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ix_incidents_attention ON incidents (attention_at) WHERE attention_at IS NOT NULL;
CREATE INDEX ix_incidents_quiet ON incidents (quiet_since) WHERE closed = 0;
CREATE INDEX ix_incidents_resolved ON incidents (resolved_at) WHERE resolved_at IS NOT NULL;
CREATE INDEX ix_members_changed ON members (group_id, changed_at) WHERE changed_at IS NOT NULL;
CREATE INDEX ix_members_incident ON members (incident);
CREATE INDEX ix_members_repeat ON members (group_id, repeat_at) WHERE repeat_at IS NOT NULL;
CREATE INDEX ix_notifications_at ON notifications (at);
CREATE INDEX ix_targets_due ON targets (channel, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ix_deliveries_carried ON deliveries (carried_by) WHERE carried_by IS NOT NULL;
CREATE INDEX ix_deliveries_fallback ON deliveries (fallback_at) WHERE fallback_at IS NOT NULL;
CREATE INDEX ix_deliveries_lease ON deliveries (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX ix_deliveries_live ON deliveries (target, state) WHERE state IN ('pending', 'sending');
CREATE INDEX ix_deliveries_state ON deliveries (state, finished_at);
CREATE INDEX ix_deliveries_thread ON deliveries (thread, state);
CREATE INDEX ix_task_runs_created ON task_runs (project, created_at, id);
CREATE INDEX ix_task_runs_age ON task_runs (created_at);
CREATE INDEX ix_task_runs_process ON task_runs (project, process) WHERE state IN ('pending', 'processing', 'retrying');
CREATE INDEX ix_task_runs_key ON task_runs (project, task, "key") WHERE "key" IS NOT NULL;
CREATE INDEX ix_task_runs_replay ON task_runs (project, replay_of) WHERE replay_of IS NOT NULL;
CREATE INDEX ix_task_runs_letters ON task_runs (project, finished_at, id) WHERE letter = 'waiting';
CREATE INDEX ix_task_runs_asked ON task_runs (project, asked_at) WHERE asked_at IS NOT NULL;
CREATE INDEX ix_run_incidents_incident ON run_incidents (incident);
CREATE INDEX ix_run_incidents_failing ON run_incidents (incident) WHERE well = 0;
CREATE INDEX ix_processes_seen ON processes (seen_at) WHERE ended_at IS NULL;
CREATE INDEX ix_incidents_acknowledged ON incidents (acknowledged_until) WHERE acknowledged_until IS NOT NULL;
CREATE INDEX ix_members_escalate ON members (group_id, escalate_at) WHERE escalate_at IS NOT NULL;
CREATE INDEX ix_members_hold ON members (hold_ref) WHERE hold_ref IS NOT NULL;
CREATE INDEX ix_members_open ON members (group_id) WHERE told_state != 'resolved';
CREATE INDEX ix_decisions_notification ON decisions (notification) WHERE notification IS NOT NULL;
CREATE INDEX ix_silences_project ON silences (project, created_at, id);
CREATE INDEX ix_silences_ends ON silences (ends_at);
CREATE INDEX ix_inhibitors_incident ON inhibitors (incident);
CREATE INDEX ix_action_tokens_expires ON action_tokens (expires_at);
CREATE INDEX ix_slack_requests_at ON slack_requests (at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('incidents',11);
COMMIT;
