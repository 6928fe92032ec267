-- Generated: change ingest/tables/__init__.py or sql.py, and print it again.

-- callees: upsert

INSERT INTO airudder.callees AS stored (received_at, push_id, source, callee_number, number_as_sent, country, name, gender, location, platform_name, kept_from)
SELECT received_at, push_id, source, callee_number, number_as_sent, country, name, gender, location, platform_name, kept_from::jsonb
FROM (SELECT unnest(%b::timestamptz[]) AS received_at, unnest(%b::uuid[]) AS push_id, unnest(%b::text[]) AS source, unnest(%b::text[]) AS callee_number, unnest(%b::text[]) AS number_as_sent, unnest(%b::text[]) AS country, unnest(%b::text[]) AS name, unnest(%b::text[]) AS gender, unnest(%b::text[]) AS location, unnest(%b::text[]) AS platform_name, unnest(%b::text[]) AS kept_from) AS row
ON CONFLICT (source, callee_number) DO UPDATE SET
  number_as_sent = CASE WHEN excluded.number_as_sent IS NOT NULL AND (stored.number_as_sent IS NULL OR coalesce((stored.kept_from ->> 'number_as_sent')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'number_as_sent')::uuid, excluded.push_id)) THEN excluded.number_as_sent ELSE stored.number_as_sent END,
  country = CASE WHEN excluded.country IS NOT NULL AND (stored.country IS NULL OR coalesce((stored.kept_from ->> 'country')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'country')::uuid, excluded.push_id)) THEN excluded.country ELSE stored.country END,
  name = CASE WHEN excluded.name IS NOT NULL AND (stored.name IS NULL OR coalesce((stored.kept_from ->> 'name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'name')::uuid, excluded.push_id)) THEN excluded.name ELSE stored.name END,
  gender = CASE WHEN excluded.gender IS NOT NULL AND (stored.gender IS NULL OR coalesce((stored.kept_from ->> 'gender')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'gender')::uuid, excluded.push_id)) THEN excluded.gender ELSE stored.gender END,
  location = CASE WHEN excluded.location IS NOT NULL AND (stored.location IS NULL OR coalesce((stored.kept_from ->> 'location')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'location')::uuid, excluded.push_id)) THEN excluded.location ELSE stored.location END,
  platform_name = CASE WHEN excluded.platform_name IS NOT NULL AND (stored.platform_name IS NULL OR coalesce((stored.kept_from ->> 'platform_name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'platform_name')::uuid, excluded.push_id)) THEN excluded.platform_name ELSE stored.platform_name END,
  received_at = greatest(stored.received_at, excluded.received_at),
  push_id = greatest(stored.push_id, excluded.push_id),
  kept_from = CASE WHEN stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0
    AND (excluded.number_as_sent IS NOT NULL OR stored.number_as_sent IS NULL) AND (excluded.country IS NOT NULL OR stored.country IS NULL) AND (excluded.name IS NOT NULL OR stored.name IS NULL) AND (excluded.gender IS NOT NULL OR stored.gender IS NULL) AND (excluded.location IS NOT NULL OR stored.location IS NULL) AND (excluded.platform_name IS NOT NULL OR stored.platform_name IS NULL) THEN NULL
  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(
    'number_as_sent', CASE WHEN excluded.number_as_sent IS NOT NULL AND (stored.number_as_sent IS NULL OR coalesce((stored.kept_from ->> 'number_as_sent')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'number_as_sent')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'number_as_sent')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.number_as_sent IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'number_as_sent')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'country', CASE WHEN excluded.country IS NOT NULL AND (stored.country IS NULL OR coalesce((stored.kept_from ->> 'country')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'country')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'country')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.country IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'country')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'name', CASE WHEN excluded.name IS NOT NULL AND (stored.name IS NULL OR coalesce((stored.kept_from ->> 'name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'name')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'name')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.name IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'name')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'gender', CASE WHEN excluded.gender IS NOT NULL AND (stored.gender IS NULL OR coalesce((stored.kept_from ->> 'gender')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'gender')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'gender')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.gender IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'gender')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'location', CASE WHEN excluded.location IS NOT NULL AND (stored.location IS NULL OR coalesce((stored.kept_from ->> 'location')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'location')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'location')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.location IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'location')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'platform_name', CASE WHEN excluded.platform_name IS NOT NULL AND (stored.platform_name IS NULL OR coalesce((stored.kept_from ->> 'platform_name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'platform_name')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'platform_name')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.platform_name IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'platform_name')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END)), '{}') END;

-- callees: lock

SELECT received_at, push_id, source, callee_number, number_as_sent, country, name, gender, location, platform_name, kept_from::text FROM airudder.callees WHERE source = %s AND callee_number = %s FOR UPDATE;

-- callees: forget_version

UPDATE airudder.callees SET
  received_at = '-infinity', push_id = '00000000-0000-0000-0000-000000000000', kept_from = NULL,
  number_as_sent = CASE WHEN 'number_as_sent' <> ALL (forgotten.columns) THEN callees.number_as_sent END,
  country = CASE WHEN 'country' <> ALL (forgotten.columns) THEN callees.country END,
  name = CASE WHEN 'name' <> ALL (forgotten.columns) THEN callees.name END,
  gender = CASE WHEN 'gender' <> ALL (forgotten.columns) THEN callees.gender END,
  location = CASE WHEN 'location' <> ALL (forgotten.columns) THEN callees.location END,
  platform_name = CASE WHEN 'platform_name' <> ALL (forgotten.columns) THEN callees.platform_name END
FROM (SELECT %s::text[]) AS forgotten (columns) WHERE source = %s AND callee_number = %s;

-- cases: upsert

INSERT INTO airudder.cases AS stored (received_at, push_id, source, callee_number, case_id, extra_a, extra_b, extra_c, variables, comments, borrowed_date, due_date, borrowed_amount, total_owing_amount, currency_unit, answers, kept_from)
SELECT received_at, push_id, source, callee_number, case_id, extra_a, extra_b, extra_c, variables::jsonb, comments, borrowed_date, due_date, borrowed_amount::numeric, total_owing_amount::numeric, currency_unit, answers::jsonb, kept_from::jsonb
FROM (SELECT unnest(%b::timestamptz[]) AS received_at, unnest(%b::uuid[]) AS push_id, unnest(%b::text[]) AS source, unnest(%b::text[]) AS callee_number, unnest(%b::text[]) AS case_id, unnest(%b::text[]) AS extra_a, unnest(%b::text[]) AS extra_b, unnest(%b::text[]) AS extra_c, unnest(%b::text[]) AS variables, unnest(%b::text[]) AS comments, unnest(%b::date[]) AS borrowed_date, unnest(%b::date[]) AS due_date, unnest(%b::text[]) AS borrowed_amount, unnest(%b::text[]) AS total_owing_amount, unnest(%b::text[]) AS currency_unit, unnest(%b::text[]) AS answers, unnest(%b::text[]) AS kept_from) AS row
ON CONFLICT (source, callee_number, case_id) DO UPDATE SET
  extra_a = CASE WHEN excluded.extra_a IS NOT NULL AND (stored.extra_a IS NULL OR coalesce((stored.kept_from ->> 'extra_a')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'extra_a')::uuid, excluded.push_id)) THEN excluded.extra_a ELSE stored.extra_a END,
  extra_b = CASE WHEN excluded.extra_b IS NOT NULL AND (stored.extra_b IS NULL OR coalesce((stored.kept_from ->> 'extra_b')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'extra_b')::uuid, excluded.push_id)) THEN excluded.extra_b ELSE stored.extra_b END,
  extra_c = CASE WHEN excluded.extra_c IS NOT NULL AND (stored.extra_c IS NULL OR coalesce((stored.kept_from ->> 'extra_c')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'extra_c')::uuid, excluded.push_id)) THEN excluded.extra_c ELSE stored.extra_c END,
  variables = CASE WHEN excluded.variables IS NOT NULL AND (stored.variables IS NULL OR coalesce((stored.kept_from ->> 'variables')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'variables')::uuid, excluded.push_id)) THEN excluded.variables ELSE stored.variables END,
  comments = CASE WHEN excluded.comments IS NOT NULL AND (stored.comments IS NULL OR coalesce((stored.kept_from ->> 'comments')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'comments')::uuid, excluded.push_id)) THEN excluded.comments ELSE stored.comments END,
  borrowed_date = CASE WHEN excluded.borrowed_date IS NOT NULL AND (stored.borrowed_date IS NULL OR coalesce((stored.kept_from ->> 'borrowed_date')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'borrowed_date')::uuid, excluded.push_id)) THEN excluded.borrowed_date ELSE stored.borrowed_date END,
  due_date = CASE WHEN excluded.due_date IS NOT NULL AND (stored.due_date IS NULL OR coalesce((stored.kept_from ->> 'due_date')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'due_date')::uuid, excluded.push_id)) THEN excluded.due_date ELSE stored.due_date END,
  borrowed_amount = CASE WHEN excluded.borrowed_amount IS NOT NULL AND (stored.borrowed_amount IS NULL OR coalesce((stored.kept_from ->> 'borrowed_amount')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'borrowed_amount')::uuid, excluded.push_id)) THEN excluded.borrowed_amount ELSE stored.borrowed_amount END,
  total_owing_amount = CASE WHEN excluded.total_owing_amount IS NOT NULL AND (stored.total_owing_amount IS NULL OR coalesce((stored.kept_from ->> 'total_owing_amount')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'total_owing_amount')::uuid, excluded.push_id)) THEN excluded.total_owing_amount ELSE stored.total_owing_amount END,
  currency_unit = CASE WHEN excluded.currency_unit IS NOT NULL AND (stored.currency_unit IS NULL OR coalesce((stored.kept_from ->> 'currency_unit')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'currency_unit')::uuid, excluded.push_id)) THEN excluded.currency_unit ELSE stored.currency_unit END,
  answers = CASE WHEN excluded.answers IS NOT NULL AND (stored.answers IS NULL OR coalesce((stored.kept_from ->> 'answers')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'answers')::uuid, excluded.push_id)) THEN excluded.answers ELSE stored.answers END,
  received_at = greatest(stored.received_at, excluded.received_at),
  push_id = greatest(stored.push_id, excluded.push_id),
  kept_from = CASE WHEN stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0
    AND (excluded.extra_a IS NOT NULL OR stored.extra_a IS NULL) AND (excluded.extra_b IS NOT NULL OR stored.extra_b IS NULL) AND (excluded.extra_c IS NOT NULL OR stored.extra_c IS NULL) AND (excluded.variables IS NOT NULL OR stored.variables IS NULL) AND (excluded.comments IS NOT NULL OR stored.comments IS NULL) AND (excluded.borrowed_date IS NOT NULL OR stored.borrowed_date IS NULL) AND (excluded.due_date IS NOT NULL OR stored.due_date IS NULL) AND (excluded.borrowed_amount IS NOT NULL OR stored.borrowed_amount IS NULL) AND (excluded.total_owing_amount IS NOT NULL OR stored.total_owing_amount IS NULL) AND (excluded.currency_unit IS NOT NULL OR stored.currency_unit IS NULL) AND (excluded.answers IS NOT NULL OR stored.answers IS NULL) THEN NULL
  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(
    'extra_a', CASE WHEN excluded.extra_a IS NOT NULL AND (stored.extra_a IS NULL OR coalesce((stored.kept_from ->> 'extra_a')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'extra_a')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'extra_a')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.extra_a IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'extra_a')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'extra_b', CASE WHEN excluded.extra_b IS NOT NULL AND (stored.extra_b IS NULL OR coalesce((stored.kept_from ->> 'extra_b')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'extra_b')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'extra_b')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.extra_b IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'extra_b')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'extra_c', CASE WHEN excluded.extra_c IS NOT NULL AND (stored.extra_c IS NULL OR coalesce((stored.kept_from ->> 'extra_c')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'extra_c')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'extra_c')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.extra_c IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'extra_c')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'variables', CASE WHEN excluded.variables IS NOT NULL AND (stored.variables IS NULL OR coalesce((stored.kept_from ->> 'variables')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'variables')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'variables')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.variables IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'variables')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'comments', CASE WHEN excluded.comments IS NOT NULL AND (stored.comments IS NULL OR coalesce((stored.kept_from ->> 'comments')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'comments')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'comments')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.comments IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'comments')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'borrowed_date', CASE WHEN excluded.borrowed_date IS NOT NULL AND (stored.borrowed_date IS NULL OR coalesce((stored.kept_from ->> 'borrowed_date')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'borrowed_date')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'borrowed_date')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.borrowed_date IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'borrowed_date')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'due_date', CASE WHEN excluded.due_date IS NOT NULL AND (stored.due_date IS NULL OR coalesce((stored.kept_from ->> 'due_date')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'due_date')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'due_date')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.due_date IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'due_date')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'borrowed_amount', CASE WHEN excluded.borrowed_amount IS NOT NULL AND (stored.borrowed_amount IS NULL OR coalesce((stored.kept_from ->> 'borrowed_amount')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'borrowed_amount')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'borrowed_amount')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.borrowed_amount IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'borrowed_amount')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'total_owing_amount', CASE WHEN excluded.total_owing_amount IS NOT NULL AND (stored.total_owing_amount IS NULL OR coalesce((stored.kept_from ->> 'total_owing_amount')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'total_owing_amount')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'total_owing_amount')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.total_owing_amount IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'total_owing_amount')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'currency_unit', CASE WHEN excluded.currency_unit IS NOT NULL AND (stored.currency_unit IS NULL OR coalesce((stored.kept_from ->> 'currency_unit')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'currency_unit')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'currency_unit')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.currency_unit IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'currency_unit')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'answers', CASE WHEN excluded.answers IS NOT NULL AND (stored.answers IS NULL OR coalesce((stored.kept_from ->> 'answers')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'answers')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'answers')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.answers IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'answers')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END)), '{}') END;

-- cases: lock

SELECT received_at, push_id, source, callee_number, case_id, extra_a, extra_b, extra_c, variables::text, comments, borrowed_date, due_date, borrowed_amount, total_owing_amount, currency_unit, answers::text, kept_from::text FROM airudder.cases WHERE source = %s AND callee_number = %s AND case_id = %s FOR UPDATE;

-- cases: forget_version

UPDATE airudder.cases SET
  received_at = '-infinity', push_id = '00000000-0000-0000-0000-000000000000', kept_from = NULL,
  extra_a = CASE WHEN 'extra_a' <> ALL (forgotten.columns) THEN cases.extra_a END,
  extra_b = CASE WHEN 'extra_b' <> ALL (forgotten.columns) THEN cases.extra_b END,
  extra_c = CASE WHEN 'extra_c' <> ALL (forgotten.columns) THEN cases.extra_c END,
  variables = CASE WHEN 'variables' <> ALL (forgotten.columns) THEN cases.variables END,
  comments = CASE WHEN 'comments' <> ALL (forgotten.columns) THEN cases.comments END,
  borrowed_date = CASE WHEN 'borrowed_date' <> ALL (forgotten.columns) THEN cases.borrowed_date END,
  due_date = CASE WHEN 'due_date' <> ALL (forgotten.columns) THEN cases.due_date END,
  borrowed_amount = CASE WHEN 'borrowed_amount' <> ALL (forgotten.columns) THEN cases.borrowed_amount END,
  total_owing_amount = CASE WHEN 'total_owing_amount' <> ALL (forgotten.columns) THEN cases.total_owing_amount END,
  currency_unit = CASE WHEN 'currency_unit' <> ALL (forgotten.columns) THEN cases.currency_unit END,
  answers = CASE WHEN 'answers' <> ALL (forgotten.columns) THEN cases.answers END
FROM (SELECT %s::text[]) AS forgotten (columns) WHERE source = %s AND callee_number = %s AND case_id = %s;

-- dialer_contacts: upsert

INSERT INTO airudder.dialer_contacts AS stored (received_at, push_id, source, callee_number, task_id, contact_name, address, info1, info2, info3, remark, main_number, phone_tag, private_data, customer_info, customize_results, state, hangup_reason, talk_remarks, nth_call, record_link, agent_name, body_digest, kept_from)
SELECT received_at, push_id, source, callee_number, task_id, contact_name, address, info1, info2, info3, remark, main_number, phone_tag, private_data, customer_info::jsonb, customize_results::jsonb, state, hangup_reason, talk_remarks, nth_call, record_link, agent_name, body_digest, kept_from::jsonb
FROM (SELECT unnest(%b::timestamptz[]) AS received_at, unnest(%b::uuid[]) AS push_id, unnest(%b::text[]) AS source, unnest(%b::text[]) AS callee_number, unnest(%b::text[]) AS task_id, unnest(%b::text[]) AS contact_name, unnest(%b::text[]) AS address, unnest(%b::text[]) AS info1, unnest(%b::text[]) AS info2, unnest(%b::text[]) AS info3, unnest(%b::text[]) AS remark, unnest(%b::text[]) AS main_number, unnest(%b::text[]) AS phone_tag, unnest(%b::text[]) AS private_data, unnest(%b::text[]) AS customer_info, unnest(%b::text[]) AS customize_results, unnest(%b::text[]) AS state, unnest(%b::integer[]) AS hangup_reason, unnest(%b::text[]) AS talk_remarks, unnest(%b::integer[]) AS nth_call, unnest(%b::text[]) AS record_link, unnest(%b::text[]) AS agent_name, unnest(%b::bytea[]) AS body_digest, unnest(%b::text[]) AS kept_from) AS row
ON CONFLICT (source, callee_number, task_id) DO UPDATE SET
  contact_name = CASE WHEN excluded.contact_name IS NOT NULL AND (stored.contact_name IS NULL OR coalesce((stored.kept_from ->> 'contact_name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'contact_name')::uuid, excluded.push_id)) THEN excluded.contact_name ELSE stored.contact_name END,
  address = CASE WHEN excluded.address IS NOT NULL AND (stored.address IS NULL OR coalesce((stored.kept_from ->> 'address')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'address')::uuid, excluded.push_id)) THEN excluded.address ELSE stored.address END,
  info1 = CASE WHEN excluded.info1 IS NOT NULL AND (stored.info1 IS NULL OR coalesce((stored.kept_from ->> 'info1')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'info1')::uuid, excluded.push_id)) THEN excluded.info1 ELSE stored.info1 END,
  info2 = CASE WHEN excluded.info2 IS NOT NULL AND (stored.info2 IS NULL OR coalesce((stored.kept_from ->> 'info2')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'info2')::uuid, excluded.push_id)) THEN excluded.info2 ELSE stored.info2 END,
  info3 = CASE WHEN excluded.info3 IS NOT NULL AND (stored.info3 IS NULL OR coalesce((stored.kept_from ->> 'info3')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'info3')::uuid, excluded.push_id)) THEN excluded.info3 ELSE stored.info3 END,
  remark = CASE WHEN excluded.remark IS NOT NULL AND (stored.remark IS NULL OR coalesce((stored.kept_from ->> 'remark')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'remark')::uuid, excluded.push_id)) THEN excluded.remark ELSE stored.remark END,
  main_number = CASE WHEN excluded.main_number IS NOT NULL AND (stored.main_number IS NULL OR coalesce((stored.kept_from ->> 'main_number')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'main_number')::uuid, excluded.push_id)) THEN excluded.main_number ELSE stored.main_number END,
  phone_tag = CASE WHEN excluded.phone_tag IS NOT NULL AND (stored.phone_tag IS NULL OR coalesce((stored.kept_from ->> 'phone_tag')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'phone_tag')::uuid, excluded.push_id)) THEN excluded.phone_tag ELSE stored.phone_tag END,
  private_data = CASE WHEN excluded.private_data IS NOT NULL AND (stored.private_data IS NULL OR coalesce((stored.kept_from ->> 'private_data')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'private_data')::uuid, excluded.push_id)) THEN excluded.private_data ELSE stored.private_data END,
  customer_info = CASE WHEN excluded.customer_info IS NOT NULL AND (stored.customer_info IS NULL OR coalesce((stored.kept_from ->> 'customer_info')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'customer_info')::uuid, excluded.push_id)) THEN excluded.customer_info ELSE stored.customer_info END,
  customize_results = CASE WHEN excluded.customize_results IS NOT NULL AND (stored.customize_results IS NULL OR coalesce((stored.kept_from ->> 'customize_results')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'customize_results')::uuid, excluded.push_id)) THEN excluded.customize_results ELSE stored.customize_results END,
  state = CASE WHEN excluded.state IS NOT NULL AND (stored.state IS NULL OR coalesce((stored.kept_from ->> 'state')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'state')::uuid, excluded.push_id)) THEN excluded.state ELSE stored.state END,
  hangup_reason = CASE WHEN excluded.hangup_reason IS NOT NULL AND (stored.hangup_reason IS NULL OR coalesce((stored.kept_from ->> 'hangup_reason')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'hangup_reason')::uuid, excluded.push_id)) THEN excluded.hangup_reason ELSE stored.hangup_reason END,
  talk_remarks = CASE WHEN excluded.talk_remarks IS NOT NULL AND (stored.talk_remarks IS NULL OR coalesce((stored.kept_from ->> 'talk_remarks')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'talk_remarks')::uuid, excluded.push_id)) THEN excluded.talk_remarks ELSE stored.talk_remarks END,
  nth_call = CASE WHEN excluded.nth_call IS NOT NULL AND (stored.nth_call IS NULL OR coalesce((stored.kept_from ->> 'nth_call')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'nth_call')::uuid, excluded.push_id)) THEN excluded.nth_call ELSE stored.nth_call END,
  record_link = CASE WHEN excluded.record_link IS NOT NULL AND (stored.record_link IS NULL OR coalesce((stored.kept_from ->> 'record_link')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'record_link')::uuid, excluded.push_id)) THEN excluded.record_link ELSE stored.record_link END,
  agent_name = CASE WHEN excluded.agent_name IS NOT NULL AND (stored.agent_name IS NULL OR coalesce((stored.kept_from ->> 'agent_name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'agent_name')::uuid, excluded.push_id)) THEN excluded.agent_name ELSE stored.agent_name END,
  body_digest = CASE WHEN excluded.body_digest IS NOT NULL AND (stored.body_digest IS NULL OR coalesce((stored.kept_from ->> 'body_digest')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'body_digest')::uuid, excluded.push_id)) THEN excluded.body_digest ELSE stored.body_digest END,
  received_at = greatest(stored.received_at, excluded.received_at),
  push_id = greatest(stored.push_id, excluded.push_id),
  kept_from = CASE WHEN stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0
    AND (excluded.contact_name IS NOT NULL OR stored.contact_name IS NULL) AND (excluded.address IS NOT NULL OR stored.address IS NULL) AND (excluded.info1 IS NOT NULL OR stored.info1 IS NULL) AND (excluded.info2 IS NOT NULL OR stored.info2 IS NULL) AND (excluded.info3 IS NOT NULL OR stored.info3 IS NULL) AND (excluded.remark IS NOT NULL OR stored.remark IS NULL) AND (excluded.main_number IS NOT NULL OR stored.main_number IS NULL) AND (excluded.phone_tag IS NOT NULL OR stored.phone_tag IS NULL) AND (excluded.private_data IS NOT NULL OR stored.private_data IS NULL) AND (excluded.customer_info IS NOT NULL OR stored.customer_info IS NULL) AND (excluded.customize_results IS NOT NULL OR stored.customize_results IS NULL) AND (excluded.state IS NOT NULL OR stored.state IS NULL) AND (excluded.hangup_reason IS NOT NULL OR stored.hangup_reason IS NULL) AND (excluded.talk_remarks IS NOT NULL OR stored.talk_remarks IS NULL) AND (excluded.nth_call IS NOT NULL OR stored.nth_call IS NULL) AND (excluded.record_link IS NOT NULL OR stored.record_link IS NULL) AND (excluded.agent_name IS NOT NULL OR stored.agent_name IS NULL) AND (excluded.body_digest IS NOT NULL OR stored.body_digest IS NULL) THEN NULL
  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(
    'contact_name', CASE WHEN excluded.contact_name IS NOT NULL AND (stored.contact_name IS NULL OR coalesce((stored.kept_from ->> 'contact_name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'contact_name')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'contact_name')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.contact_name IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'contact_name')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'address', CASE WHEN excluded.address IS NOT NULL AND (stored.address IS NULL OR coalesce((stored.kept_from ->> 'address')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'address')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'address')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.address IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'address')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'info1', CASE WHEN excluded.info1 IS NOT NULL AND (stored.info1 IS NULL OR coalesce((stored.kept_from ->> 'info1')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'info1')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'info1')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.info1 IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'info1')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'info2', CASE WHEN excluded.info2 IS NOT NULL AND (stored.info2 IS NULL OR coalesce((stored.kept_from ->> 'info2')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'info2')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'info2')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.info2 IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'info2')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'info3', CASE WHEN excluded.info3 IS NOT NULL AND (stored.info3 IS NULL OR coalesce((stored.kept_from ->> 'info3')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'info3')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'info3')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.info3 IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'info3')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'remark', CASE WHEN excluded.remark IS NOT NULL AND (stored.remark IS NULL OR coalesce((stored.kept_from ->> 'remark')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'remark')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'remark')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.remark IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'remark')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'main_number', CASE WHEN excluded.main_number IS NOT NULL AND (stored.main_number IS NULL OR coalesce((stored.kept_from ->> 'main_number')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'main_number')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'main_number')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.main_number IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'main_number')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'phone_tag', CASE WHEN excluded.phone_tag IS NOT NULL AND (stored.phone_tag IS NULL OR coalesce((stored.kept_from ->> 'phone_tag')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'phone_tag')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'phone_tag')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.phone_tag IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'phone_tag')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'private_data', CASE WHEN excluded.private_data IS NOT NULL AND (stored.private_data IS NULL OR coalesce((stored.kept_from ->> 'private_data')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'private_data')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'private_data')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.private_data IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'private_data')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'customer_info', CASE WHEN excluded.customer_info IS NOT NULL AND (stored.customer_info IS NULL OR coalesce((stored.kept_from ->> 'customer_info')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'customer_info')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'customer_info')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.customer_info IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'customer_info')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'customize_results', CASE WHEN excluded.customize_results IS NOT NULL AND (stored.customize_results IS NULL OR coalesce((stored.kept_from ->> 'customize_results')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'customize_results')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'customize_results')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.customize_results IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'customize_results')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'state', CASE WHEN excluded.state IS NOT NULL AND (stored.state IS NULL OR coalesce((stored.kept_from ->> 'state')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'state')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'state')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.state IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'state')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'hangup_reason', CASE WHEN excluded.hangup_reason IS NOT NULL AND (stored.hangup_reason IS NULL OR coalesce((stored.kept_from ->> 'hangup_reason')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'hangup_reason')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'hangup_reason')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.hangup_reason IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'hangup_reason')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'talk_remarks', CASE WHEN excluded.talk_remarks IS NOT NULL AND (stored.talk_remarks IS NULL OR coalesce((stored.kept_from ->> 'talk_remarks')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'talk_remarks')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'talk_remarks')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.talk_remarks IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'talk_remarks')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'nth_call', CASE WHEN excluded.nth_call IS NOT NULL AND (stored.nth_call IS NULL OR coalesce((stored.kept_from ->> 'nth_call')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'nth_call')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'nth_call')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.nth_call IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'nth_call')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'record_link', CASE WHEN excluded.record_link IS NOT NULL AND (stored.record_link IS NULL OR coalesce((stored.kept_from ->> 'record_link')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'record_link')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'record_link')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.record_link IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'record_link')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'agent_name', CASE WHEN excluded.agent_name IS NOT NULL AND (stored.agent_name IS NULL OR coalesce((stored.kept_from ->> 'agent_name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'agent_name')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'agent_name')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.agent_name IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'agent_name')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'body_digest', CASE WHEN excluded.body_digest IS NOT NULL AND (stored.body_digest IS NULL OR coalesce((stored.kept_from ->> 'body_digest')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'body_digest')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'body_digest')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.body_digest IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'body_digest')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END)), '{}') END;

-- dialer_contacts: lock

SELECT received_at, push_id, source, callee_number, task_id, contact_name, address, info1, info2, info3, remark, main_number, phone_tag, private_data, customer_info::text, customize_results::text, state, hangup_reason, talk_remarks, nth_call, record_link, agent_name, body_digest, kept_from::text FROM airudder.dialer_contacts WHERE source = %s AND callee_number = %s AND task_id = %s FOR UPDATE;

-- dialer_contacts: forget_version

UPDATE airudder.dialer_contacts SET
  received_at = '-infinity', push_id = '00000000-0000-0000-0000-000000000000', kept_from = NULL,
  contact_name = CASE WHEN 'contact_name' <> ALL (forgotten.columns) THEN dialer_contacts.contact_name END,
  address = CASE WHEN 'address' <> ALL (forgotten.columns) THEN dialer_contacts.address END,
  info1 = CASE WHEN 'info1' <> ALL (forgotten.columns) THEN dialer_contacts.info1 END,
  info2 = CASE WHEN 'info2' <> ALL (forgotten.columns) THEN dialer_contacts.info2 END,
  info3 = CASE WHEN 'info3' <> ALL (forgotten.columns) THEN dialer_contacts.info3 END,
  remark = CASE WHEN 'remark' <> ALL (forgotten.columns) THEN dialer_contacts.remark END,
  main_number = CASE WHEN 'main_number' <> ALL (forgotten.columns) THEN dialer_contacts.main_number END,
  phone_tag = CASE WHEN 'phone_tag' <> ALL (forgotten.columns) THEN dialer_contacts.phone_tag END,
  private_data = CASE WHEN 'private_data' <> ALL (forgotten.columns) THEN dialer_contacts.private_data END,
  customer_info = CASE WHEN 'customer_info' <> ALL (forgotten.columns) THEN dialer_contacts.customer_info END,
  customize_results = CASE WHEN 'customize_results' <> ALL (forgotten.columns) THEN dialer_contacts.customize_results END,
  state = CASE WHEN 'state' <> ALL (forgotten.columns) THEN dialer_contacts.state END,
  hangup_reason = CASE WHEN 'hangup_reason' <> ALL (forgotten.columns) THEN dialer_contacts.hangup_reason END,
  talk_remarks = CASE WHEN 'talk_remarks' <> ALL (forgotten.columns) THEN dialer_contacts.talk_remarks END,
  nth_call = CASE WHEN 'nth_call' <> ALL (forgotten.columns) THEN dialer_contacts.nth_call END,
  record_link = CASE WHEN 'record_link' <> ALL (forgotten.columns) THEN dialer_contacts.record_link END,
  agent_name = CASE WHEN 'agent_name' <> ALL (forgotten.columns) THEN dialer_contacts.agent_name END,
  body_digest = CASE WHEN 'body_digest' <> ALL (forgotten.columns) THEN dialer_contacts.body_digest END
FROM (SELECT %s::text[]) AS forgotten (columns) WHERE source = %s AND callee_number = %s AND task_id = %s;

-- list_completions: upsert

INSERT INTO airudder.list_completions AS stored (received_at, push_id, source, callee_number, workflow_id, case_id, nodes, node_count, kept_from)
SELECT received_at, push_id, source, callee_number, workflow_id, case_id, nodes::jsonb, node_count, kept_from::jsonb
FROM (SELECT unnest(%b::timestamptz[]) AS received_at, unnest(%b::uuid[]) AS push_id, unnest(%b::text[]) AS source, unnest(%b::text[]) AS callee_number, unnest(%b::text[]) AS workflow_id, unnest(%b::text[]) AS case_id, unnest(%b::text[]) AS nodes, unnest(%b::integer[]) AS node_count, unnest(%b::text[]) AS kept_from) AS row
ON CONFLICT (source, callee_number, workflow_id, case_id) DO UPDATE SET
  nodes = CASE WHEN excluded.nodes IS NOT NULL AND (stored.nodes IS NULL OR coalesce((stored.kept_from ->> 'nodes')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'nodes')::uuid, excluded.push_id)) THEN excluded.nodes ELSE stored.nodes END,
  node_count = CASE WHEN excluded.nodes IS NOT NULL AND (stored.nodes IS NULL OR coalesce((stored.kept_from ->> 'nodes')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'nodes')::uuid, excluded.push_id)) THEN excluded.node_count ELSE stored.node_count END,
  received_at = greatest(stored.received_at, excluded.received_at),
  push_id = greatest(stored.push_id, excluded.push_id),
  kept_from = CASE WHEN stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0
    AND (excluded.nodes IS NOT NULL OR stored.nodes IS NULL) THEN NULL
  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(
    'nodes', CASE WHEN excluded.nodes IS NOT NULL AND (stored.nodes IS NULL OR coalesce((stored.kept_from ->> 'nodes')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'nodes')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'nodes')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.nodes IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'nodes')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END)), '{}') END;

-- list_completions: lock

SELECT received_at, push_id, source, callee_number, workflow_id, case_id, nodes::text, node_count, kept_from::text FROM airudder.list_completions WHERE source = %s AND callee_number = %s AND workflow_id = %s AND case_id = %s FOR UPDATE;

-- list_completions: forget_version

UPDATE airudder.list_completions SET
  received_at = '-infinity', push_id = '00000000-0000-0000-0000-000000000000', kept_from = NULL,
  nodes = CASE WHEN 'nodes' <> ALL (forgotten.columns) THEN list_completions.nodes END,
  node_count = CASE WHEN 'nodes' <> ALL (forgotten.columns) THEN list_completions.node_count END
FROM (SELECT %s::text[]) AS forgotten (columns) WHERE source = %s AND callee_number = %s AND workflow_id = %s AND case_id = %s;

-- completed_calls: upsert

INSERT INTO airudder.completed_calls AS stored (received_at, push_id, source, callee_number, task_id, started, case_id, workflow_id, nodetask_id, call_id, robot_id, status, started_at, ended_at, ring_type, hangup_type, intention, multi_label, comments, kept_from)
SELECT received_at, push_id, source, callee_number, task_id, started, case_id, workflow_id, nodetask_id, call_id, robot_id, status, started_at, ended_at, ring_type, hangup_type, intention, multi_label::jsonb, comments, kept_from::jsonb
FROM (SELECT unnest(%b::timestamptz[]) AS received_at, unnest(%b::uuid[]) AS push_id, unnest(%b::text[]) AS source, unnest(%b::text[]) AS callee_number, unnest(%b::text[]) AS task_id, unnest(%b::text[]) AS started, unnest(%b::text[]) AS case_id, unnest(%b::text[]) AS workflow_id, unnest(%b::text[]) AS nodetask_id, unnest(%b::text[]) AS call_id, unnest(%b::text[]) AS robot_id, unnest(%b::text[]) AS status, unnest(%b::timestamptz[]) AS started_at, unnest(%b::timestamptz[]) AS ended_at, unnest(%b::text[]) AS ring_type, unnest(%b::text[]) AS hangup_type, unnest(%b::text[]) AS intention, unnest(%b::text[]) AS multi_label, unnest(%b::text[]) AS comments, unnest(%b::text[]) AS kept_from) AS row
ON CONFLICT (source, callee_number, task_id, started) DO UPDATE SET
  case_id = CASE WHEN excluded.case_id IS NOT NULL AND (stored.case_id IS NULL OR coalesce((stored.kept_from ->> 'case_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'case_id')::uuid, excluded.push_id)) THEN excluded.case_id ELSE stored.case_id END,
  workflow_id = CASE WHEN excluded.workflow_id IS NOT NULL AND (stored.workflow_id IS NULL OR coalesce((stored.kept_from ->> 'workflow_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'workflow_id')::uuid, excluded.push_id)) THEN excluded.workflow_id ELSE stored.workflow_id END,
  nodetask_id = CASE WHEN excluded.nodetask_id IS NOT NULL AND (stored.nodetask_id IS NULL OR coalesce((stored.kept_from ->> 'nodetask_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'nodetask_id')::uuid, excluded.push_id)) THEN excluded.nodetask_id ELSE stored.nodetask_id END,
  call_id = CASE WHEN excluded.call_id IS NOT NULL AND (stored.call_id IS NULL OR coalesce((stored.kept_from ->> 'call_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'call_id')::uuid, excluded.push_id)) THEN excluded.call_id ELSE stored.call_id END,
  robot_id = CASE WHEN excluded.robot_id IS NOT NULL AND (stored.robot_id IS NULL OR coalesce((stored.kept_from ->> 'robot_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'robot_id')::uuid, excluded.push_id)) THEN excluded.robot_id ELSE stored.robot_id END,
  status = CASE WHEN excluded.status IS NOT NULL AND (stored.status IS NULL OR coalesce((stored.kept_from ->> 'status')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'status')::uuid, excluded.push_id)) THEN excluded.status ELSE stored.status END,
  started_at = CASE WHEN excluded.started_at IS NOT NULL AND (stored.started_at IS NULL OR coalesce((stored.kept_from ->> 'started_at')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'started_at')::uuid, excluded.push_id)) THEN excluded.started_at ELSE stored.started_at END,
  ended_at = CASE WHEN excluded.ended_at IS NOT NULL AND (stored.ended_at IS NULL OR coalesce((stored.kept_from ->> 'ended_at')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'ended_at')::uuid, excluded.push_id)) THEN excluded.ended_at ELSE stored.ended_at END,
  ring_type = CASE WHEN excluded.ring_type IS NOT NULL AND (stored.ring_type IS NULL OR coalesce((stored.kept_from ->> 'ring_type')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'ring_type')::uuid, excluded.push_id)) THEN excluded.ring_type ELSE stored.ring_type END,
  hangup_type = CASE WHEN excluded.hangup_type IS NOT NULL AND (stored.hangup_type IS NULL OR coalesce((stored.kept_from ->> 'hangup_type')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'hangup_type')::uuid, excluded.push_id)) THEN excluded.hangup_type ELSE stored.hangup_type END,
  intention = CASE WHEN excluded.intention IS NOT NULL AND (stored.intention IS NULL OR coalesce((stored.kept_from ->> 'intention')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'intention')::uuid, excluded.push_id)) THEN excluded.intention ELSE stored.intention END,
  multi_label = CASE WHEN excluded.multi_label IS NOT NULL AND (stored.multi_label IS NULL OR coalesce((stored.kept_from ->> 'multi_label')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'multi_label')::uuid, excluded.push_id)) THEN excluded.multi_label ELSE stored.multi_label END,
  comments = CASE WHEN excluded.comments IS NOT NULL AND (stored.comments IS NULL OR coalesce((stored.kept_from ->> 'comments')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'comments')::uuid, excluded.push_id)) THEN excluded.comments ELSE stored.comments END,
  received_at = greatest(stored.received_at, excluded.received_at),
  push_id = greatest(stored.push_id, excluded.push_id),
  kept_from = CASE WHEN stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0
    AND (excluded.case_id IS NOT NULL OR stored.case_id IS NULL) AND (excluded.workflow_id IS NOT NULL OR stored.workflow_id IS NULL) AND (excluded.nodetask_id IS NOT NULL OR stored.nodetask_id IS NULL) AND (excluded.call_id IS NOT NULL OR stored.call_id IS NULL) AND (excluded.robot_id IS NOT NULL OR stored.robot_id IS NULL) AND (excluded.status IS NOT NULL OR stored.status IS NULL) AND (excluded.started_at IS NOT NULL OR stored.started_at IS NULL) AND (excluded.ended_at IS NOT NULL OR stored.ended_at IS NULL) AND (excluded.ring_type IS NOT NULL OR stored.ring_type IS NULL) AND (excluded.hangup_type IS NOT NULL OR stored.hangup_type IS NULL) AND (excluded.intention IS NOT NULL OR stored.intention IS NULL) AND (excluded.multi_label IS NOT NULL OR stored.multi_label IS NULL) AND (excluded.comments IS NOT NULL OR stored.comments IS NULL) THEN NULL
  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(
    'case_id', CASE WHEN excluded.case_id IS NOT NULL AND (stored.case_id IS NULL OR coalesce((stored.kept_from ->> 'case_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'case_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'case_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.case_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'case_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'workflow_id', CASE WHEN excluded.workflow_id IS NOT NULL AND (stored.workflow_id IS NULL OR coalesce((stored.kept_from ->> 'workflow_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'workflow_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'workflow_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.workflow_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'workflow_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'nodetask_id', CASE WHEN excluded.nodetask_id IS NOT NULL AND (stored.nodetask_id IS NULL OR coalesce((stored.kept_from ->> 'nodetask_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'nodetask_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'nodetask_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.nodetask_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'nodetask_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'call_id', CASE WHEN excluded.call_id IS NOT NULL AND (stored.call_id IS NULL OR coalesce((stored.kept_from ->> 'call_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'call_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'call_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.call_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'call_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'robot_id', CASE WHEN excluded.robot_id IS NOT NULL AND (stored.robot_id IS NULL OR coalesce((stored.kept_from ->> 'robot_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'robot_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'robot_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.robot_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'robot_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'status', CASE WHEN excluded.status IS NOT NULL AND (stored.status IS NULL OR coalesce((stored.kept_from ->> 'status')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'status')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'status')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.status IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'status')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'started_at', CASE WHEN excluded.started_at IS NOT NULL AND (stored.started_at IS NULL OR coalesce((stored.kept_from ->> 'started_at')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'started_at')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'started_at')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.started_at IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'started_at')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'ended_at', CASE WHEN excluded.ended_at IS NOT NULL AND (stored.ended_at IS NULL OR coalesce((stored.kept_from ->> 'ended_at')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'ended_at')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'ended_at')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.ended_at IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'ended_at')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'ring_type', CASE WHEN excluded.ring_type IS NOT NULL AND (stored.ring_type IS NULL OR coalesce((stored.kept_from ->> 'ring_type')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'ring_type')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'ring_type')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.ring_type IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'ring_type')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'hangup_type', CASE WHEN excluded.hangup_type IS NOT NULL AND (stored.hangup_type IS NULL OR coalesce((stored.kept_from ->> 'hangup_type')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'hangup_type')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'hangup_type')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.hangup_type IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'hangup_type')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'intention', CASE WHEN excluded.intention IS NOT NULL AND (stored.intention IS NULL OR coalesce((stored.kept_from ->> 'intention')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'intention')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'intention')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.intention IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'intention')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'multi_label', CASE WHEN excluded.multi_label IS NOT NULL AND (stored.multi_label IS NULL OR coalesce((stored.kept_from ->> 'multi_label')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'multi_label')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'multi_label')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.multi_label IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'multi_label')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'comments', CASE WHEN excluded.comments IS NOT NULL AND (stored.comments IS NULL OR coalesce((stored.kept_from ->> 'comments')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'comments')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'comments')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.comments IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'comments')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END)), '{}') END;

-- completed_calls: lock

SELECT received_at, push_id, source, callee_number, task_id, started, case_id, workflow_id, nodetask_id, call_id, robot_id, status, started_at, ended_at, ring_type, hangup_type, intention, multi_label::text, comments, kept_from::text FROM airudder.completed_calls WHERE source = %s AND callee_number = %s AND task_id = %s AND started = %s FOR UPDATE;

-- completed_calls: forget_version

UPDATE airudder.completed_calls SET
  received_at = '-infinity', push_id = '00000000-0000-0000-0000-000000000000', kept_from = NULL,
  case_id = CASE WHEN 'case_id' <> ALL (forgotten.columns) THEN completed_calls.case_id END,
  workflow_id = CASE WHEN 'workflow_id' <> ALL (forgotten.columns) THEN completed_calls.workflow_id END,
  nodetask_id = CASE WHEN 'nodetask_id' <> ALL (forgotten.columns) THEN completed_calls.nodetask_id END,
  call_id = CASE WHEN 'call_id' <> ALL (forgotten.columns) THEN completed_calls.call_id END,
  robot_id = CASE WHEN 'robot_id' <> ALL (forgotten.columns) THEN completed_calls.robot_id END,
  status = CASE WHEN 'status' <> ALL (forgotten.columns) THEN completed_calls.status END,
  started_at = CASE WHEN 'started_at' <> ALL (forgotten.columns) THEN completed_calls.started_at END,
  ended_at = CASE WHEN 'ended_at' <> ALL (forgotten.columns) THEN completed_calls.ended_at END,
  ring_type = CASE WHEN 'ring_type' <> ALL (forgotten.columns) THEN completed_calls.ring_type END,
  hangup_type = CASE WHEN 'hangup_type' <> ALL (forgotten.columns) THEN completed_calls.hangup_type END,
  intention = CASE WHEN 'intention' <> ALL (forgotten.columns) THEN completed_calls.intention END,
  multi_label = CASE WHEN 'multi_label' <> ALL (forgotten.columns) THEN completed_calls.multi_label END,
  comments = CASE WHEN 'comments' <> ALL (forgotten.columns) THEN completed_calls.comments END
FROM (SELECT %s::text[]) AS forgotten (columns) WHERE source = %s AND callee_number = %s AND task_id = %s AND started = %s;

-- calls: upsert

INSERT INTO airudder.calls AS stored (received_at, push_id, source, call_id, task_id, callee_number, case_id, workflow_id, started_at, ended_at, attempt, ring_type, hangup_type, intention, slots, multi_label, asr_ptp, transcript, turn_count, callee_turn_count, callee_word_count, kept_from)
SELECT received_at, push_id, source, call_id, task_id, callee_number, case_id, workflow_id, started_at, ended_at, attempt, ring_type, hangup_type, intention, slots, multi_label::jsonb, asr_ptp, transcript::jsonb, turn_count, callee_turn_count, callee_word_count, kept_from::jsonb
FROM (SELECT unnest(%b::timestamptz[]) AS received_at, unnest(%b::uuid[]) AS push_id, unnest(%b::text[]) AS source, unnest(%b::text[]) AS call_id, unnest(%b::text[]) AS task_id, unnest(%b::text[]) AS callee_number, unnest(%b::text[]) AS case_id, unnest(%b::text[]) AS workflow_id, unnest(%b::timestamptz[]) AS started_at, unnest(%b::timestamptz[]) AS ended_at, unnest(%b::integer[]) AS attempt, unnest(%b::text[]) AS ring_type, unnest(%b::text[]) AS hangup_type, unnest(%b::text[]) AS intention, unnest(%b::text[]) AS slots, unnest(%b::text[]) AS multi_label, unnest(%b::text[]) AS asr_ptp, unnest(%b::text[]) AS transcript, unnest(%b::integer[]) AS turn_count, unnest(%b::integer[]) AS callee_turn_count, unnest(%b::integer[]) AS callee_word_count, unnest(%b::text[]) AS kept_from) AS row
ON CONFLICT (source, call_id) DO UPDATE SET
  task_id = CASE WHEN excluded.task_id IS NOT NULL AND (stored.task_id IS NULL OR coalesce((stored.kept_from ->> 'task_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'task_id')::uuid, excluded.push_id)) THEN excluded.task_id ELSE stored.task_id END,
  callee_number = CASE WHEN excluded.callee_number IS NOT NULL AND (stored.callee_number IS NULL OR coalesce((stored.kept_from ->> 'callee_number')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'callee_number')::uuid, excluded.push_id)) THEN excluded.callee_number ELSE stored.callee_number END,
  case_id = CASE WHEN excluded.case_id IS NOT NULL AND (stored.case_id IS NULL OR coalesce((stored.kept_from ->> 'case_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'case_id')::uuid, excluded.push_id)) THEN excluded.case_id ELSE stored.case_id END,
  workflow_id = CASE WHEN excluded.workflow_id IS NOT NULL AND (stored.workflow_id IS NULL OR coalesce((stored.kept_from ->> 'workflow_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'workflow_id')::uuid, excluded.push_id)) THEN excluded.workflow_id ELSE stored.workflow_id END,
  started_at = CASE WHEN excluded.started_at IS NOT NULL AND (stored.started_at IS NULL OR coalesce((stored.kept_from ->> 'started_at')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'started_at')::uuid, excluded.push_id)) THEN excluded.started_at ELSE stored.started_at END,
  ended_at = CASE WHEN excluded.ended_at IS NOT NULL AND (stored.ended_at IS NULL OR coalesce((stored.kept_from ->> 'ended_at')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'ended_at')::uuid, excluded.push_id)) THEN excluded.ended_at ELSE stored.ended_at END,
  attempt = CASE WHEN excluded.attempt IS NOT NULL AND (stored.attempt IS NULL OR coalesce((stored.kept_from ->> 'attempt')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'attempt')::uuid, excluded.push_id)) THEN excluded.attempt ELSE stored.attempt END,
  ring_type = CASE WHEN excluded.ring_type IS NOT NULL AND (stored.ring_type IS NULL OR coalesce((stored.kept_from ->> 'ring_type')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'ring_type')::uuid, excluded.push_id)) THEN excluded.ring_type ELSE stored.ring_type END,
  hangup_type = CASE WHEN excluded.hangup_type IS NOT NULL AND (stored.hangup_type IS NULL OR coalesce((stored.kept_from ->> 'hangup_type')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'hangup_type')::uuid, excluded.push_id)) THEN excluded.hangup_type ELSE stored.hangup_type END,
  intention = CASE WHEN excluded.intention IS NOT NULL AND (stored.intention IS NULL OR coalesce((stored.kept_from ->> 'intention')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'intention')::uuid, excluded.push_id)) THEN excluded.intention ELSE stored.intention END,
  slots = CASE WHEN excluded.slots IS NOT NULL AND (stored.slots IS NULL OR coalesce((stored.kept_from ->> 'slots')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'slots')::uuid, excluded.push_id)) THEN excluded.slots ELSE stored.slots END,
  multi_label = CASE WHEN excluded.multi_label IS NOT NULL AND (stored.multi_label IS NULL OR coalesce((stored.kept_from ->> 'multi_label')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'multi_label')::uuid, excluded.push_id)) THEN excluded.multi_label ELSE stored.multi_label END,
  asr_ptp = CASE WHEN excluded.asr_ptp IS NOT NULL AND (stored.asr_ptp IS NULL OR coalesce((stored.kept_from ->> 'asr_ptp')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'asr_ptp')::uuid, excluded.push_id)) THEN excluded.asr_ptp ELSE stored.asr_ptp END,
  transcript = CASE WHEN excluded.transcript IS NOT NULL AND (stored.transcript IS NULL OR coalesce((stored.kept_from ->> 'transcript')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'transcript')::uuid, excluded.push_id)) THEN excluded.transcript ELSE stored.transcript END,
  turn_count = CASE WHEN excluded.transcript IS NOT NULL AND (stored.transcript IS NULL OR coalesce((stored.kept_from ->> 'transcript')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'transcript')::uuid, excluded.push_id)) THEN excluded.turn_count ELSE stored.turn_count END,
  callee_turn_count = CASE WHEN excluded.transcript IS NOT NULL AND (stored.transcript IS NULL OR coalesce((stored.kept_from ->> 'transcript')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'transcript')::uuid, excluded.push_id)) THEN excluded.callee_turn_count ELSE stored.callee_turn_count END,
  callee_word_count = CASE WHEN excluded.transcript IS NOT NULL AND (stored.transcript IS NULL OR coalesce((stored.kept_from ->> 'transcript')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'transcript')::uuid, excluded.push_id)) THEN excluded.callee_word_count ELSE stored.callee_word_count END,
  received_at = greatest(stored.received_at, excluded.received_at),
  push_id = greatest(stored.push_id, excluded.push_id),
  kept_from = CASE WHEN stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0
    AND (excluded.task_id IS NOT NULL OR stored.task_id IS NULL) AND (excluded.callee_number IS NOT NULL OR stored.callee_number IS NULL) AND (excluded.case_id IS NOT NULL OR stored.case_id IS NULL) AND (excluded.workflow_id IS NOT NULL OR stored.workflow_id IS NULL) AND (excluded.started_at IS NOT NULL OR stored.started_at IS NULL) AND (excluded.ended_at IS NOT NULL OR stored.ended_at IS NULL) AND (excluded.attempt IS NOT NULL OR stored.attempt IS NULL) AND (excluded.ring_type IS NOT NULL OR stored.ring_type IS NULL) AND (excluded.hangup_type IS NOT NULL OR stored.hangup_type IS NULL) AND (excluded.intention IS NOT NULL OR stored.intention IS NULL) AND (excluded.slots IS NOT NULL OR stored.slots IS NULL) AND (excluded.multi_label IS NOT NULL OR stored.multi_label IS NULL) AND (excluded.asr_ptp IS NOT NULL OR stored.asr_ptp IS NULL) AND (excluded.transcript IS NOT NULL OR stored.transcript IS NULL) THEN NULL
  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(
    'task_id', CASE WHEN excluded.task_id IS NOT NULL AND (stored.task_id IS NULL OR coalesce((stored.kept_from ->> 'task_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'task_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'task_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.task_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'task_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'callee_number', CASE WHEN excluded.callee_number IS NOT NULL AND (stored.callee_number IS NULL OR coalesce((stored.kept_from ->> 'callee_number')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'callee_number')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'callee_number')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.callee_number IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'callee_number')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'case_id', CASE WHEN excluded.case_id IS NOT NULL AND (stored.case_id IS NULL OR coalesce((stored.kept_from ->> 'case_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'case_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'case_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.case_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'case_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'workflow_id', CASE WHEN excluded.workflow_id IS NOT NULL AND (stored.workflow_id IS NULL OR coalesce((stored.kept_from ->> 'workflow_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'workflow_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'workflow_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.workflow_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'workflow_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'started_at', CASE WHEN excluded.started_at IS NOT NULL AND (stored.started_at IS NULL OR coalesce((stored.kept_from ->> 'started_at')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'started_at')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'started_at')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.started_at IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'started_at')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'ended_at', CASE WHEN excluded.ended_at IS NOT NULL AND (stored.ended_at IS NULL OR coalesce((stored.kept_from ->> 'ended_at')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'ended_at')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'ended_at')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.ended_at IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'ended_at')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'attempt', CASE WHEN excluded.attempt IS NOT NULL AND (stored.attempt IS NULL OR coalesce((stored.kept_from ->> 'attempt')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'attempt')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'attempt')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.attempt IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'attempt')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'ring_type', CASE WHEN excluded.ring_type IS NOT NULL AND (stored.ring_type IS NULL OR coalesce((stored.kept_from ->> 'ring_type')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'ring_type')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'ring_type')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.ring_type IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'ring_type')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'hangup_type', CASE WHEN excluded.hangup_type IS NOT NULL AND (stored.hangup_type IS NULL OR coalesce((stored.kept_from ->> 'hangup_type')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'hangup_type')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'hangup_type')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.hangup_type IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'hangup_type')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'intention', CASE WHEN excluded.intention IS NOT NULL AND (stored.intention IS NULL OR coalesce((stored.kept_from ->> 'intention')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'intention')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'intention')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.intention IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'intention')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'slots', CASE WHEN excluded.slots IS NOT NULL AND (stored.slots IS NULL OR coalesce((stored.kept_from ->> 'slots')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'slots')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'slots')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.slots IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'slots')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'multi_label', CASE WHEN excluded.multi_label IS NOT NULL AND (stored.multi_label IS NULL OR coalesce((stored.kept_from ->> 'multi_label')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'multi_label')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'multi_label')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.multi_label IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'multi_label')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'asr_ptp', CASE WHEN excluded.asr_ptp IS NOT NULL AND (stored.asr_ptp IS NULL OR coalesce((stored.kept_from ->> 'asr_ptp')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'asr_ptp')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'asr_ptp')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.asr_ptp IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'asr_ptp')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'transcript', CASE WHEN excluded.transcript IS NOT NULL AND (stored.transcript IS NULL OR coalesce((stored.kept_from ->> 'transcript')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'transcript')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'transcript')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.transcript IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'transcript')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END)), '{}') END;

-- calls: lock

SELECT received_at, push_id, source, call_id, task_id, callee_number, case_id, workflow_id, started_at, ended_at, attempt, ring_type, hangup_type, intention, slots, multi_label::text, asr_ptp, transcript::text, turn_count, callee_turn_count, callee_word_count, kept_from::text FROM airudder.calls WHERE source = %s AND call_id = %s FOR UPDATE;

-- calls: forget_version

UPDATE airudder.calls SET
  received_at = '-infinity', push_id = '00000000-0000-0000-0000-000000000000', kept_from = NULL,
  task_id = CASE WHEN 'task_id' <> ALL (forgotten.columns) THEN calls.task_id END,
  callee_number = CASE WHEN 'callee_number' <> ALL (forgotten.columns) THEN calls.callee_number END,
  case_id = CASE WHEN 'case_id' <> ALL (forgotten.columns) THEN calls.case_id END,
  workflow_id = CASE WHEN 'workflow_id' <> ALL (forgotten.columns) THEN calls.workflow_id END,
  started_at = CASE WHEN 'started_at' <> ALL (forgotten.columns) THEN calls.started_at END,
  ended_at = CASE WHEN 'ended_at' <> ALL (forgotten.columns) THEN calls.ended_at END,
  attempt = CASE WHEN 'attempt' <> ALL (forgotten.columns) THEN calls.attempt END,
  ring_type = CASE WHEN 'ring_type' <> ALL (forgotten.columns) THEN calls.ring_type END,
  hangup_type = CASE WHEN 'hangup_type' <> ALL (forgotten.columns) THEN calls.hangup_type END,
  intention = CASE WHEN 'intention' <> ALL (forgotten.columns) THEN calls.intention END,
  slots = CASE WHEN 'slots' <> ALL (forgotten.columns) THEN calls.slots END,
  multi_label = CASE WHEN 'multi_label' <> ALL (forgotten.columns) THEN calls.multi_label END,
  asr_ptp = CASE WHEN 'asr_ptp' <> ALL (forgotten.columns) THEN calls.asr_ptp END,
  transcript = CASE WHEN 'transcript' <> ALL (forgotten.columns) THEN calls.transcript END,
  turn_count = CASE WHEN 'transcript' <> ALL (forgotten.columns) THEN calls.turn_count END,
  callee_turn_count = CASE WHEN 'transcript' <> ALL (forgotten.columns) THEN calls.callee_turn_count END,
  callee_word_count = CASE WHEN 'transcript' <> ALL (forgotten.columns) THEN calls.callee_word_count END
FROM (SELECT %s::text[]) AS forgotten (columns) WHERE source = %s AND call_id = %s;

-- call_attributes: upsert

INSERT INTO airudder.call_attributes AS stored (received_at, push_id, source, call_id, node_id, custom_attribute, kept_from)
SELECT received_at, push_id, source, call_id, node_id, custom_attribute::jsonb, kept_from::jsonb
FROM (SELECT unnest(%b::timestamptz[]) AS received_at, unnest(%b::uuid[]) AS push_id, unnest(%b::text[]) AS source, unnest(%b::text[]) AS call_id, unnest(%b::text[]) AS node_id, unnest(%b::text[]) AS custom_attribute, unnest(%b::text[]) AS kept_from) AS row
ON CONFLICT (source, call_id, node_id) DO UPDATE SET
  custom_attribute = CASE WHEN excluded.custom_attribute IS NOT NULL AND (stored.custom_attribute IS NULL OR coalesce((stored.kept_from ->> 'custom_attribute')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'custom_attribute')::uuid, excluded.push_id)) THEN excluded.custom_attribute ELSE stored.custom_attribute END,
  received_at = greatest(stored.received_at, excluded.received_at),
  push_id = greatest(stored.push_id, excluded.push_id),
  kept_from = CASE WHEN stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0
    AND (excluded.custom_attribute IS NOT NULL OR stored.custom_attribute IS NULL) THEN NULL
  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(
    'custom_attribute', CASE WHEN excluded.custom_attribute IS NOT NULL AND (stored.custom_attribute IS NULL OR coalesce((stored.kept_from ->> 'custom_attribute')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'custom_attribute')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'custom_attribute')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.custom_attribute IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'custom_attribute')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END)), '{}') END;

-- call_attributes: lock

SELECT received_at, push_id, source, call_id, node_id, custom_attribute::text, kept_from::text FROM airudder.call_attributes WHERE source = %s AND call_id = %s AND node_id = %s FOR UPDATE;

-- call_attributes: forget_version

UPDATE airudder.call_attributes SET
  received_at = '-infinity', push_id = '00000000-0000-0000-0000-000000000000', kept_from = NULL,
  custom_attribute = CASE WHEN 'custom_attribute' <> ALL (forgotten.columns) THEN call_attributes.custom_attribute END
FROM (SELECT %s::text[]) AS forgotten (columns) WHERE source = %s AND call_id = %s AND node_id = %s;

-- sessions: upsert

INSERT INTO airudder.sessions AS stored (received_at, push_id, source, session_id, workflow_id, nodetask_id, nodetask_name, task_id, callee_number, call_id, robot_id, channel, channel_id, status, started_at, ended_at, end_reason, intention, talk_rounds, slots, labels, variables, messages, message_count, callee_message_count, kept_from)
SELECT received_at, push_id, source, session_id, workflow_id, nodetask_id, nodetask_name, task_id, callee_number, call_id, robot_id, channel, channel_id, status, started_at, ended_at, end_reason, intention, talk_rounds, slots::jsonb, labels::jsonb, variables::jsonb, messages::jsonb, message_count, callee_message_count, kept_from::jsonb
FROM (SELECT unnest(%b::timestamptz[]) AS received_at, unnest(%b::uuid[]) AS push_id, unnest(%b::text[]) AS source, unnest(%b::text[]) AS session_id, unnest(%b::text[]) AS workflow_id, unnest(%b::text[]) AS nodetask_id, unnest(%b::text[]) AS nodetask_name, unnest(%b::text[]) AS task_id, unnest(%b::text[]) AS callee_number, unnest(%b::text[]) AS call_id, unnest(%b::text[]) AS robot_id, unnest(%b::text[]) AS channel, unnest(%b::text[]) AS channel_id, unnest(%b::text[]) AS status, unnest(%b::timestamptz[]) AS started_at, unnest(%b::timestamptz[]) AS ended_at, unnest(%b::text[]) AS end_reason, unnest(%b::text[]) AS intention, unnest(%b::integer[]) AS talk_rounds, unnest(%b::text[]) AS slots, unnest(%b::text[]) AS labels, unnest(%b::text[]) AS variables, unnest(%b::text[]) AS messages, unnest(%b::integer[]) AS message_count, unnest(%b::integer[]) AS callee_message_count, unnest(%b::text[]) AS kept_from) AS row
ON CONFLICT (source, session_id) DO UPDATE SET
  workflow_id = CASE WHEN excluded.workflow_id IS NOT NULL AND (stored.workflow_id IS NULL OR coalesce((stored.kept_from ->> 'workflow_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'workflow_id')::uuid, excluded.push_id)) THEN excluded.workflow_id ELSE stored.workflow_id END,
  nodetask_id = CASE WHEN excluded.nodetask_id IS NOT NULL AND (stored.nodetask_id IS NULL OR coalesce((stored.kept_from ->> 'nodetask_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'nodetask_id')::uuid, excluded.push_id)) THEN excluded.nodetask_id ELSE stored.nodetask_id END,
  nodetask_name = CASE WHEN excluded.nodetask_name IS NOT NULL AND (stored.nodetask_name IS NULL OR coalesce((stored.kept_from ->> 'nodetask_name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'nodetask_name')::uuid, excluded.push_id)) THEN excluded.nodetask_name ELSE stored.nodetask_name END,
  task_id = CASE WHEN excluded.task_id IS NOT NULL AND (stored.task_id IS NULL OR coalesce((stored.kept_from ->> 'task_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'task_id')::uuid, excluded.push_id)) THEN excluded.task_id ELSE stored.task_id END,
  callee_number = CASE WHEN excluded.callee_number IS NOT NULL AND (stored.callee_number IS NULL OR coalesce((stored.kept_from ->> 'callee_number')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'callee_number')::uuid, excluded.push_id)) THEN excluded.callee_number ELSE stored.callee_number END,
  call_id = CASE WHEN excluded.call_id IS NOT NULL AND (stored.call_id IS NULL OR coalesce((stored.kept_from ->> 'call_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'call_id')::uuid, excluded.push_id)) THEN excluded.call_id ELSE stored.call_id END,
  robot_id = CASE WHEN excluded.robot_id IS NOT NULL AND (stored.robot_id IS NULL OR coalesce((stored.kept_from ->> 'robot_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'robot_id')::uuid, excluded.push_id)) THEN excluded.robot_id ELSE stored.robot_id END,
  channel = CASE WHEN excluded.channel IS NOT NULL AND (stored.channel IS NULL OR coalesce((stored.kept_from ->> 'channel')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'channel')::uuid, excluded.push_id)) THEN excluded.channel ELSE stored.channel END,
  channel_id = CASE WHEN excluded.channel_id IS NOT NULL AND (stored.channel_id IS NULL OR coalesce((stored.kept_from ->> 'channel_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'channel_id')::uuid, excluded.push_id)) THEN excluded.channel_id ELSE stored.channel_id END,
  status = CASE WHEN excluded.status IS NOT NULL AND (stored.status IS NULL OR coalesce((stored.kept_from ->> 'status')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'status')::uuid, excluded.push_id)) THEN excluded.status ELSE stored.status END,
  started_at = CASE WHEN excluded.started_at IS NOT NULL AND (stored.started_at IS NULL OR coalesce((stored.kept_from ->> 'started_at')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'started_at')::uuid, excluded.push_id)) THEN excluded.started_at ELSE stored.started_at END,
  ended_at = CASE WHEN excluded.ended_at IS NOT NULL AND (stored.ended_at IS NULL OR coalesce((stored.kept_from ->> 'ended_at')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'ended_at')::uuid, excluded.push_id)) THEN excluded.ended_at ELSE stored.ended_at END,
  end_reason = CASE WHEN excluded.end_reason IS NOT NULL AND (stored.end_reason IS NULL OR coalesce((stored.kept_from ->> 'end_reason')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'end_reason')::uuid, excluded.push_id)) THEN excluded.end_reason ELSE stored.end_reason END,
  intention = CASE WHEN excluded.intention IS NOT NULL AND (stored.intention IS NULL OR coalesce((stored.kept_from ->> 'intention')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'intention')::uuid, excluded.push_id)) THEN excluded.intention ELSE stored.intention END,
  talk_rounds = CASE WHEN excluded.talk_rounds IS NOT NULL AND (stored.talk_rounds IS NULL OR coalesce((stored.kept_from ->> 'talk_rounds')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'talk_rounds')::uuid, excluded.push_id)) THEN excluded.talk_rounds ELSE stored.talk_rounds END,
  slots = CASE WHEN excluded.slots IS NOT NULL AND (stored.slots IS NULL OR coalesce((stored.kept_from ->> 'slots')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'slots')::uuid, excluded.push_id)) THEN excluded.slots ELSE stored.slots END,
  labels = CASE WHEN excluded.labels IS NOT NULL AND (stored.labels IS NULL OR coalesce((stored.kept_from ->> 'labels')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'labels')::uuid, excluded.push_id)) THEN excluded.labels ELSE stored.labels END,
  variables = CASE WHEN excluded.variables IS NOT NULL AND (stored.variables IS NULL OR coalesce((stored.kept_from ->> 'variables')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'variables')::uuid, excluded.push_id)) THEN excluded.variables ELSE stored.variables END,
  messages = CASE WHEN excluded.messages IS NOT NULL AND (stored.messages IS NULL OR coalesce((stored.kept_from ->> 'messages')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'messages')::uuid, excluded.push_id)) THEN excluded.messages ELSE stored.messages END,
  message_count = CASE WHEN excluded.messages IS NOT NULL AND (stored.messages IS NULL OR coalesce((stored.kept_from ->> 'messages')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'messages')::uuid, excluded.push_id)) THEN excluded.message_count ELSE stored.message_count END,
  callee_message_count = CASE WHEN excluded.messages IS NOT NULL AND (stored.messages IS NULL OR coalesce((stored.kept_from ->> 'messages')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'messages')::uuid, excluded.push_id)) THEN excluded.callee_message_count ELSE stored.callee_message_count END,
  received_at = greatest(stored.received_at, excluded.received_at),
  push_id = greatest(stored.push_id, excluded.push_id),
  kept_from = CASE WHEN stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0
    AND (excluded.workflow_id IS NOT NULL OR stored.workflow_id IS NULL) AND (excluded.nodetask_id IS NOT NULL OR stored.nodetask_id IS NULL) AND (excluded.nodetask_name IS NOT NULL OR stored.nodetask_name IS NULL) AND (excluded.task_id IS NOT NULL OR stored.task_id IS NULL) AND (excluded.callee_number IS NOT NULL OR stored.callee_number IS NULL) AND (excluded.call_id IS NOT NULL OR stored.call_id IS NULL) AND (excluded.robot_id IS NOT NULL OR stored.robot_id IS NULL) AND (excluded.channel IS NOT NULL OR stored.channel IS NULL) AND (excluded.channel_id IS NOT NULL OR stored.channel_id IS NULL) AND (excluded.status IS NOT NULL OR stored.status IS NULL) AND (excluded.started_at IS NOT NULL OR stored.started_at IS NULL) AND (excluded.ended_at IS NOT NULL OR stored.ended_at IS NULL) AND (excluded.end_reason IS NOT NULL OR stored.end_reason IS NULL) AND (excluded.intention IS NOT NULL OR stored.intention IS NULL) AND (excluded.talk_rounds IS NOT NULL OR stored.talk_rounds IS NULL) AND (excluded.slots IS NOT NULL OR stored.slots IS NULL) AND (excluded.labels IS NOT NULL OR stored.labels IS NULL) AND (excluded.variables IS NOT NULL OR stored.variables IS NULL) AND (excluded.messages IS NOT NULL OR stored.messages IS NULL) THEN NULL
  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(
    'workflow_id', CASE WHEN excluded.workflow_id IS NOT NULL AND (stored.workflow_id IS NULL OR coalesce((stored.kept_from ->> 'workflow_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'workflow_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'workflow_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.workflow_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'workflow_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'nodetask_id', CASE WHEN excluded.nodetask_id IS NOT NULL AND (stored.nodetask_id IS NULL OR coalesce((stored.kept_from ->> 'nodetask_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'nodetask_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'nodetask_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.nodetask_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'nodetask_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'nodetask_name', CASE WHEN excluded.nodetask_name IS NOT NULL AND (stored.nodetask_name IS NULL OR coalesce((stored.kept_from ->> 'nodetask_name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'nodetask_name')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'nodetask_name')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.nodetask_name IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'nodetask_name')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'task_id', CASE WHEN excluded.task_id IS NOT NULL AND (stored.task_id IS NULL OR coalesce((stored.kept_from ->> 'task_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'task_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'task_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.task_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'task_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'callee_number', CASE WHEN excluded.callee_number IS NOT NULL AND (stored.callee_number IS NULL OR coalesce((stored.kept_from ->> 'callee_number')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'callee_number')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'callee_number')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.callee_number IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'callee_number')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'call_id', CASE WHEN excluded.call_id IS NOT NULL AND (stored.call_id IS NULL OR coalesce((stored.kept_from ->> 'call_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'call_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'call_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.call_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'call_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'robot_id', CASE WHEN excluded.robot_id IS NOT NULL AND (stored.robot_id IS NULL OR coalesce((stored.kept_from ->> 'robot_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'robot_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'robot_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.robot_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'robot_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'channel', CASE WHEN excluded.channel IS NOT NULL AND (stored.channel IS NULL OR coalesce((stored.kept_from ->> 'channel')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'channel')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'channel')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.channel IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'channel')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'channel_id', CASE WHEN excluded.channel_id IS NOT NULL AND (stored.channel_id IS NULL OR coalesce((stored.kept_from ->> 'channel_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'channel_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'channel_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.channel_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'channel_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'status', CASE WHEN excluded.status IS NOT NULL AND (stored.status IS NULL OR coalesce((stored.kept_from ->> 'status')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'status')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'status')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.status IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'status')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'started_at', CASE WHEN excluded.started_at IS NOT NULL AND (stored.started_at IS NULL OR coalesce((stored.kept_from ->> 'started_at')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'started_at')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'started_at')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.started_at IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'started_at')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'ended_at', CASE WHEN excluded.ended_at IS NOT NULL AND (stored.ended_at IS NULL OR coalesce((stored.kept_from ->> 'ended_at')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'ended_at')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'ended_at')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.ended_at IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'ended_at')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'end_reason', CASE WHEN excluded.end_reason IS NOT NULL AND (stored.end_reason IS NULL OR coalesce((stored.kept_from ->> 'end_reason')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'end_reason')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'end_reason')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.end_reason IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'end_reason')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'intention', CASE WHEN excluded.intention IS NOT NULL AND (stored.intention IS NULL OR coalesce((stored.kept_from ->> 'intention')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'intention')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'intention')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.intention IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'intention')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'talk_rounds', CASE WHEN excluded.talk_rounds IS NOT NULL AND (stored.talk_rounds IS NULL OR coalesce((stored.kept_from ->> 'talk_rounds')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'talk_rounds')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'talk_rounds')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.talk_rounds IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'talk_rounds')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'slots', CASE WHEN excluded.slots IS NOT NULL AND (stored.slots IS NULL OR coalesce((stored.kept_from ->> 'slots')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'slots')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'slots')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.slots IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'slots')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'labels', CASE WHEN excluded.labels IS NOT NULL AND (stored.labels IS NULL OR coalesce((stored.kept_from ->> 'labels')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'labels')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'labels')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.labels IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'labels')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'variables', CASE WHEN excluded.variables IS NOT NULL AND (stored.variables IS NULL OR coalesce((stored.kept_from ->> 'variables')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'variables')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'variables')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.variables IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'variables')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'messages', CASE WHEN excluded.messages IS NOT NULL AND (stored.messages IS NULL OR coalesce((stored.kept_from ->> 'messages')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'messages')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'messages')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.messages IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'messages')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END)), '{}') END;

-- sessions: lock

SELECT received_at, push_id, source, session_id, workflow_id, nodetask_id, nodetask_name, task_id, callee_number, call_id, robot_id, channel, channel_id, status, started_at, ended_at, end_reason, intention, talk_rounds, slots::text, labels::text, variables::text, messages::text, message_count, callee_message_count, kept_from::text FROM airudder.sessions WHERE source = %s AND session_id = %s FOR UPDATE;

-- sessions: forget_version

UPDATE airudder.sessions SET
  received_at = '-infinity', push_id = '00000000-0000-0000-0000-000000000000', kept_from = NULL,
  workflow_id = CASE WHEN 'workflow_id' <> ALL (forgotten.columns) THEN sessions.workflow_id END,
  nodetask_id = CASE WHEN 'nodetask_id' <> ALL (forgotten.columns) THEN sessions.nodetask_id END,
  nodetask_name = CASE WHEN 'nodetask_name' <> ALL (forgotten.columns) THEN sessions.nodetask_name END,
  task_id = CASE WHEN 'task_id' <> ALL (forgotten.columns) THEN sessions.task_id END,
  callee_number = CASE WHEN 'callee_number' <> ALL (forgotten.columns) THEN sessions.callee_number END,
  call_id = CASE WHEN 'call_id' <> ALL (forgotten.columns) THEN sessions.call_id END,
  robot_id = CASE WHEN 'robot_id' <> ALL (forgotten.columns) THEN sessions.robot_id END,
  channel = CASE WHEN 'channel' <> ALL (forgotten.columns) THEN sessions.channel END,
  channel_id = CASE WHEN 'channel_id' <> ALL (forgotten.columns) THEN sessions.channel_id END,
  status = CASE WHEN 'status' <> ALL (forgotten.columns) THEN sessions.status END,
  started_at = CASE WHEN 'started_at' <> ALL (forgotten.columns) THEN sessions.started_at END,
  ended_at = CASE WHEN 'ended_at' <> ALL (forgotten.columns) THEN sessions.ended_at END,
  end_reason = CASE WHEN 'end_reason' <> ALL (forgotten.columns) THEN sessions.end_reason END,
  intention = CASE WHEN 'intention' <> ALL (forgotten.columns) THEN sessions.intention END,
  talk_rounds = CASE WHEN 'talk_rounds' <> ALL (forgotten.columns) THEN sessions.talk_rounds END,
  slots = CASE WHEN 'slots' <> ALL (forgotten.columns) THEN sessions.slots END,
  labels = CASE WHEN 'labels' <> ALL (forgotten.columns) THEN sessions.labels END,
  variables = CASE WHEN 'variables' <> ALL (forgotten.columns) THEN sessions.variables END,
  messages = CASE WHEN 'messages' <> ALL (forgotten.columns) THEN sessions.messages END,
  message_count = CASE WHEN 'messages' <> ALL (forgotten.columns) THEN sessions.message_count END,
  callee_message_count = CASE WHEN 'messages' <> ALL (forgotten.columns) THEN sessions.callee_message_count END
FROM (SELECT %s::text[]) AS forgotten (columns) WHERE source = %s AND session_id = %s;

-- qa_reports: upsert

INSERT INTO airudder.qa_reports AS stored (received_at, push_id, source, task_id, details, detail_count, kept_from)
SELECT received_at, push_id, source, task_id, details::jsonb, detail_count, kept_from::jsonb
FROM (SELECT unnest(%b::timestamptz[]) AS received_at, unnest(%b::uuid[]) AS push_id, unnest(%b::text[]) AS source, unnest(%b::text[]) AS task_id, unnest(%b::text[]) AS details, unnest(%b::integer[]) AS detail_count, unnest(%b::text[]) AS kept_from) AS row
ON CONFLICT (source, task_id) DO UPDATE SET
  details = CASE WHEN excluded.details IS NOT NULL AND (stored.details IS NULL OR coalesce((stored.kept_from ->> 'details')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'details')::uuid, excluded.push_id)) THEN excluded.details ELSE stored.details END,
  detail_count = CASE WHEN excluded.details IS NOT NULL AND (stored.details IS NULL OR coalesce((stored.kept_from ->> 'details')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'details')::uuid, excluded.push_id)) THEN excluded.detail_count ELSE stored.detail_count END,
  received_at = greatest(stored.received_at, excluded.received_at),
  push_id = greatest(stored.push_id, excluded.push_id),
  kept_from = CASE WHEN stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0
    AND (excluded.details IS NOT NULL OR stored.details IS NULL) THEN NULL
  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(
    'details', CASE WHEN excluded.details IS NOT NULL AND (stored.details IS NULL OR coalesce((stored.kept_from ->> 'details')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'details')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'details')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.details IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'details')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END)), '{}') END;

-- qa_reports: lock

SELECT received_at, push_id, source, task_id, details::text, detail_count, kept_from::text FROM airudder.qa_reports WHERE source = %s AND task_id = %s FOR UPDATE;

-- qa_reports: forget_version

UPDATE airudder.qa_reports SET
  received_at = '-infinity', push_id = '00000000-0000-0000-0000-000000000000', kept_from = NULL,
  details = CASE WHEN 'details' <> ALL (forgotten.columns) THEN qa_reports.details END,
  detail_count = CASE WHEN 'details' <> ALL (forgotten.columns) THEN qa_reports.detail_count END
FROM (SELECT %s::text[]) AS forgotten (columns) WHERE source = %s AND task_id = %s;

-- workflow_statuses: upsert

INSERT INTO airudder.workflow_statuses AS stored (received_at, push_id, source, workflow_id, told_by, status, node_tasks, kept_from)
SELECT received_at, push_id, source, workflow_id, told_by, status, node_tasks::jsonb, kept_from::jsonb
FROM (SELECT unnest(%b::timestamptz[]) AS received_at, unnest(%b::uuid[]) AS push_id, unnest(%b::text[]) AS source, unnest(%b::text[]) AS workflow_id, unnest(%b::uuid[]) AS told_by, unnest(%b::text[]) AS status, unnest(%b::text[]) AS node_tasks, unnest(%b::text[]) AS kept_from) AS row
ON CONFLICT (source, workflow_id, told_by) DO UPDATE SET
  status = CASE WHEN excluded.status IS NOT NULL AND (stored.status IS NULL OR coalesce((stored.kept_from ->> 'status')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'status')::uuid, excluded.push_id)) THEN excluded.status ELSE stored.status END,
  node_tasks = CASE WHEN excluded.node_tasks IS NOT NULL AND (stored.node_tasks IS NULL OR coalesce((stored.kept_from ->> 'node_tasks')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'node_tasks')::uuid, excluded.push_id)) THEN excluded.node_tasks ELSE stored.node_tasks END,
  received_at = greatest(stored.received_at, excluded.received_at),
  push_id = greatest(stored.push_id, excluded.push_id),
  kept_from = CASE WHEN stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0
    AND (excluded.status IS NOT NULL OR stored.status IS NULL) AND (excluded.node_tasks IS NOT NULL OR stored.node_tasks IS NULL) THEN NULL
  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(
    'status', CASE WHEN excluded.status IS NOT NULL AND (stored.status IS NULL OR coalesce((stored.kept_from ->> 'status')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'status')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'status')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.status IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'status')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'node_tasks', CASE WHEN excluded.node_tasks IS NOT NULL AND (stored.node_tasks IS NULL OR coalesce((stored.kept_from ->> 'node_tasks')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'node_tasks')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'node_tasks')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.node_tasks IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'node_tasks')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END)), '{}') END;

-- workflow_statuses: lock

SELECT received_at, push_id, source, workflow_id, told_by, status, node_tasks::text, kept_from::text FROM airudder.workflow_statuses WHERE source = %s AND workflow_id = %s AND told_by = %s FOR UPDATE;

-- workflow_statuses: forget_told

DELETE FROM airudder.workflow_statuses WHERE source = %s AND workflow_id = %s AND told_by = ANY (%s::uuid[]);

-- dialer_calls: upsert

INSERT INTO airudder.dialer_calls AS stored (received_at, push_id, source, call_id, task_id, callee_number, state, hangup_reason, agent_name, nth_call, talk_remarks, record_link, body_digest, kept_from)
SELECT received_at, push_id, source, call_id, task_id, callee_number, state, hangup_reason, agent_name, nth_call, talk_remarks, record_link, body_digest, kept_from::jsonb
FROM (SELECT unnest(%b::timestamptz[]) AS received_at, unnest(%b::uuid[]) AS push_id, unnest(%b::text[]) AS source, unnest(%b::text[]) AS call_id, unnest(%b::text[]) AS task_id, unnest(%b::text[]) AS callee_number, unnest(%b::text[]) AS state, unnest(%b::integer[]) AS hangup_reason, unnest(%b::text[]) AS agent_name, unnest(%b::integer[]) AS nth_call, unnest(%b::text[]) AS talk_remarks, unnest(%b::text[]) AS record_link, unnest(%b::bytea[]) AS body_digest, unnest(%b::text[]) AS kept_from) AS row
ON CONFLICT (source, call_id) DO UPDATE SET
  task_id = CASE WHEN excluded.task_id IS NOT NULL AND (stored.task_id IS NULL OR coalesce((stored.kept_from ->> 'task_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'task_id')::uuid, excluded.push_id)) THEN excluded.task_id ELSE stored.task_id END,
  callee_number = CASE WHEN excluded.callee_number IS NOT NULL AND (stored.callee_number IS NULL OR coalesce((stored.kept_from ->> 'callee_number')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'callee_number')::uuid, excluded.push_id)) THEN excluded.callee_number ELSE stored.callee_number END,
  state = CASE WHEN excluded.state IS NOT NULL AND (stored.state IS NULL OR coalesce((stored.kept_from ->> 'state')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'state')::uuid, excluded.push_id)) THEN excluded.state ELSE stored.state END,
  hangup_reason = CASE WHEN excluded.hangup_reason IS NOT NULL AND (stored.hangup_reason IS NULL OR coalesce((stored.kept_from ->> 'hangup_reason')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'hangup_reason')::uuid, excluded.push_id)) THEN excluded.hangup_reason ELSE stored.hangup_reason END,
  agent_name = CASE WHEN excluded.agent_name IS NOT NULL AND (stored.agent_name IS NULL OR coalesce((stored.kept_from ->> 'agent_name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'agent_name')::uuid, excluded.push_id)) THEN excluded.agent_name ELSE stored.agent_name END,
  nth_call = CASE WHEN excluded.nth_call IS NOT NULL AND (stored.nth_call IS NULL OR coalesce((stored.kept_from ->> 'nth_call')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'nth_call')::uuid, excluded.push_id)) THEN excluded.nth_call ELSE stored.nth_call END,
  talk_remarks = CASE WHEN excluded.talk_remarks IS NOT NULL AND (stored.talk_remarks IS NULL OR coalesce((stored.kept_from ->> 'talk_remarks')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'talk_remarks')::uuid, excluded.push_id)) THEN excluded.talk_remarks ELSE stored.talk_remarks END,
  record_link = CASE WHEN excluded.record_link IS NOT NULL AND (stored.record_link IS NULL OR coalesce((stored.kept_from ->> 'record_link')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'record_link')::uuid, excluded.push_id)) THEN excluded.record_link ELSE stored.record_link END,
  body_digest = CASE WHEN excluded.body_digest IS NOT NULL AND (stored.body_digest IS NULL OR coalesce((stored.kept_from ->> 'body_digest')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'body_digest')::uuid, excluded.push_id)) THEN excluded.body_digest ELSE stored.body_digest END,
  received_at = greatest(stored.received_at, excluded.received_at),
  push_id = greatest(stored.push_id, excluded.push_id),
  kept_from = CASE WHEN stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0
    AND (excluded.task_id IS NOT NULL OR stored.task_id IS NULL) AND (excluded.callee_number IS NOT NULL OR stored.callee_number IS NULL) AND (excluded.state IS NOT NULL OR stored.state IS NULL) AND (excluded.hangup_reason IS NOT NULL OR stored.hangup_reason IS NULL) AND (excluded.agent_name IS NOT NULL OR stored.agent_name IS NULL) AND (excluded.nth_call IS NOT NULL OR stored.nth_call IS NULL) AND (excluded.talk_remarks IS NOT NULL OR stored.talk_remarks IS NULL) AND (excluded.record_link IS NOT NULL OR stored.record_link IS NULL) AND (excluded.body_digest IS NOT NULL OR stored.body_digest IS NULL) THEN NULL
  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(
    'task_id', CASE WHEN excluded.task_id IS NOT NULL AND (stored.task_id IS NULL OR coalesce((stored.kept_from ->> 'task_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'task_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'task_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.task_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'task_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'callee_number', CASE WHEN excluded.callee_number IS NOT NULL AND (stored.callee_number IS NULL OR coalesce((stored.kept_from ->> 'callee_number')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'callee_number')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'callee_number')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.callee_number IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'callee_number')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'state', CASE WHEN excluded.state IS NOT NULL AND (stored.state IS NULL OR coalesce((stored.kept_from ->> 'state')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'state')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'state')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.state IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'state')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'hangup_reason', CASE WHEN excluded.hangup_reason IS NOT NULL AND (stored.hangup_reason IS NULL OR coalesce((stored.kept_from ->> 'hangup_reason')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'hangup_reason')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'hangup_reason')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.hangup_reason IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'hangup_reason')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'agent_name', CASE WHEN excluded.agent_name IS NOT NULL AND (stored.agent_name IS NULL OR coalesce((stored.kept_from ->> 'agent_name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'agent_name')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'agent_name')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.agent_name IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'agent_name')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'nth_call', CASE WHEN excluded.nth_call IS NOT NULL AND (stored.nth_call IS NULL OR coalesce((stored.kept_from ->> 'nth_call')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'nth_call')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'nth_call')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.nth_call IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'nth_call')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'talk_remarks', CASE WHEN excluded.talk_remarks IS NOT NULL AND (stored.talk_remarks IS NULL OR coalesce((stored.kept_from ->> 'talk_remarks')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'talk_remarks')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'talk_remarks')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.talk_remarks IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'talk_remarks')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'record_link', CASE WHEN excluded.record_link IS NOT NULL AND (stored.record_link IS NULL OR coalesce((stored.kept_from ->> 'record_link')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'record_link')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'record_link')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.record_link IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'record_link')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'body_digest', CASE WHEN excluded.body_digest IS NOT NULL AND (stored.body_digest IS NULL OR coalesce((stored.kept_from ->> 'body_digest')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'body_digest')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'body_digest')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.body_digest IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'body_digest')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END)), '{}') END;

-- dialer_calls: lock

SELECT received_at, push_id, source, call_id, task_id, callee_number, state, hangup_reason, agent_name, nth_call, talk_remarks, record_link, body_digest, kept_from::text FROM airudder.dialer_calls WHERE source = %s AND call_id = %s FOR UPDATE;

-- dialer_calls: forget_version

UPDATE airudder.dialer_calls SET
  received_at = '-infinity', push_id = '00000000-0000-0000-0000-000000000000', kept_from = NULL,
  task_id = CASE WHEN 'task_id' <> ALL (forgotten.columns) THEN dialer_calls.task_id END,
  callee_number = CASE WHEN 'callee_number' <> ALL (forgotten.columns) THEN dialer_calls.callee_number END,
  state = CASE WHEN 'state' <> ALL (forgotten.columns) THEN dialer_calls.state END,
  hangup_reason = CASE WHEN 'hangup_reason' <> ALL (forgotten.columns) THEN dialer_calls.hangup_reason END,
  agent_name = CASE WHEN 'agent_name' <> ALL (forgotten.columns) THEN dialer_calls.agent_name END,
  nth_call = CASE WHEN 'nth_call' <> ALL (forgotten.columns) THEN dialer_calls.nth_call END,
  talk_remarks = CASE WHEN 'talk_remarks' <> ALL (forgotten.columns) THEN dialer_calls.talk_remarks END,
  record_link = CASE WHEN 'record_link' <> ALL (forgotten.columns) THEN dialer_calls.record_link END,
  body_digest = CASE WHEN 'body_digest' <> ALL (forgotten.columns) THEN dialer_calls.body_digest END
FROM (SELECT %s::text[]) AS forgotten (columns) WHERE source = %s AND call_id = %s;

-- dialer_agents: upsert

INSERT INTO airudder.dialer_agents AS stored (received_at, push_id, source, agent_name, group_name, task_id, state, register_state, call_type, talk_result_label, display_talk_result, is_conceal_callee, threeway_state, day_counters, body_digest, kept_from)
SELECT received_at, push_id, source, agent_name, group_name, task_id, state, register_state, call_type, talk_result_label, display_talk_result, is_conceal_callee, threeway_state, day_counters::jsonb, body_digest, kept_from::jsonb
FROM (SELECT unnest(%b::timestamptz[]) AS received_at, unnest(%b::uuid[]) AS push_id, unnest(%b::text[]) AS source, unnest(%b::text[]) AS agent_name, unnest(%b::text[]) AS group_name, unnest(%b::text[]) AS task_id, unnest(%b::text[]) AS state, unnest(%b::text[]) AS register_state, unnest(%b::text[]) AS call_type, unnest(%b::text[]) AS talk_result_label, unnest(%b::text[]) AS display_talk_result, unnest(%b::text[]) AS is_conceal_callee, unnest(%b::text[]) AS threeway_state, unnest(%b::text[]) AS day_counters, unnest(%b::bytea[]) AS body_digest, unnest(%b::text[]) AS kept_from) AS row
ON CONFLICT (source, agent_name) DO UPDATE SET
  group_name = CASE WHEN excluded.group_name IS NOT NULL AND (stored.group_name IS NULL OR coalesce((stored.kept_from ->> 'group_name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'group_name')::uuid, excluded.push_id)) THEN excluded.group_name ELSE stored.group_name END,
  task_id = CASE WHEN excluded.task_id IS NOT NULL AND (stored.task_id IS NULL OR coalesce((stored.kept_from ->> 'task_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'task_id')::uuid, excluded.push_id)) THEN excluded.task_id ELSE stored.task_id END,
  state = CASE WHEN excluded.state IS NOT NULL AND (stored.state IS NULL OR coalesce((stored.kept_from ->> 'state')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'state')::uuid, excluded.push_id)) THEN excluded.state ELSE stored.state END,
  register_state = CASE WHEN excluded.register_state IS NOT NULL AND (stored.register_state IS NULL OR coalesce((stored.kept_from ->> 'register_state')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'register_state')::uuid, excluded.push_id)) THEN excluded.register_state ELSE stored.register_state END,
  call_type = CASE WHEN excluded.call_type IS NOT NULL AND (stored.call_type IS NULL OR coalesce((stored.kept_from ->> 'call_type')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'call_type')::uuid, excluded.push_id)) THEN excluded.call_type ELSE stored.call_type END,
  talk_result_label = CASE WHEN excluded.talk_result_label IS NOT NULL AND (stored.talk_result_label IS NULL OR coalesce((stored.kept_from ->> 'talk_result_label')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'talk_result_label')::uuid, excluded.push_id)) THEN excluded.talk_result_label ELSE stored.talk_result_label END,
  display_talk_result = CASE WHEN excluded.display_talk_result IS NOT NULL AND (stored.display_talk_result IS NULL OR coalesce((stored.kept_from ->> 'display_talk_result')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'display_talk_result')::uuid, excluded.push_id)) THEN excluded.display_talk_result ELSE stored.display_talk_result END,
  is_conceal_callee = CASE WHEN excluded.is_conceal_callee IS NOT NULL AND (stored.is_conceal_callee IS NULL OR coalesce((stored.kept_from ->> 'is_conceal_callee')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'is_conceal_callee')::uuid, excluded.push_id)) THEN excluded.is_conceal_callee ELSE stored.is_conceal_callee END,
  threeway_state = CASE WHEN excluded.threeway_state IS NOT NULL AND (stored.threeway_state IS NULL OR coalesce((stored.kept_from ->> 'threeway_state')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'threeway_state')::uuid, excluded.push_id)) THEN excluded.threeway_state ELSE stored.threeway_state END,
  day_counters = CASE WHEN excluded.day_counters IS NOT NULL AND (stored.day_counters IS NULL OR coalesce((stored.kept_from ->> 'day_counters')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'day_counters')::uuid, excluded.push_id)) THEN excluded.day_counters ELSE stored.day_counters END,
  body_digest = CASE WHEN excluded.body_digest IS NOT NULL AND (stored.body_digest IS NULL OR coalesce((stored.kept_from ->> 'body_digest')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'body_digest')::uuid, excluded.push_id)) THEN excluded.body_digest ELSE stored.body_digest END,
  received_at = greatest(stored.received_at, excluded.received_at),
  push_id = greatest(stored.push_id, excluded.push_id),
  kept_from = CASE WHEN stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0
    AND (excluded.group_name IS NOT NULL OR stored.group_name IS NULL) AND (excluded.task_id IS NOT NULL OR stored.task_id IS NULL) AND (excluded.state IS NOT NULL OR stored.state IS NULL) AND (excluded.register_state IS NOT NULL OR stored.register_state IS NULL) AND (excluded.call_type IS NOT NULL OR stored.call_type IS NULL) AND (excluded.talk_result_label IS NOT NULL OR stored.talk_result_label IS NULL) AND (excluded.display_talk_result IS NOT NULL OR stored.display_talk_result IS NULL) AND (excluded.is_conceal_callee IS NOT NULL OR stored.is_conceal_callee IS NULL) AND (excluded.threeway_state IS NOT NULL OR stored.threeway_state IS NULL) AND (excluded.day_counters IS NOT NULL OR stored.day_counters IS NULL) AND (excluded.body_digest IS NOT NULL OR stored.body_digest IS NULL) THEN NULL
  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(
    'group_name', CASE WHEN excluded.group_name IS NOT NULL AND (stored.group_name IS NULL OR coalesce((stored.kept_from ->> 'group_name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'group_name')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'group_name')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.group_name IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'group_name')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'task_id', CASE WHEN excluded.task_id IS NOT NULL AND (stored.task_id IS NULL OR coalesce((stored.kept_from ->> 'task_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'task_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'task_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.task_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'task_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'state', CASE WHEN excluded.state IS NOT NULL AND (stored.state IS NULL OR coalesce((stored.kept_from ->> 'state')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'state')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'state')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.state IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'state')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'register_state', CASE WHEN excluded.register_state IS NOT NULL AND (stored.register_state IS NULL OR coalesce((stored.kept_from ->> 'register_state')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'register_state')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'register_state')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.register_state IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'register_state')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'call_type', CASE WHEN excluded.call_type IS NOT NULL AND (stored.call_type IS NULL OR coalesce((stored.kept_from ->> 'call_type')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'call_type')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'call_type')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.call_type IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'call_type')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'talk_result_label', CASE WHEN excluded.talk_result_label IS NOT NULL AND (stored.talk_result_label IS NULL OR coalesce((stored.kept_from ->> 'talk_result_label')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'talk_result_label')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'talk_result_label')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.talk_result_label IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'talk_result_label')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'display_talk_result', CASE WHEN excluded.display_talk_result IS NOT NULL AND (stored.display_talk_result IS NULL OR coalesce((stored.kept_from ->> 'display_talk_result')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'display_talk_result')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'display_talk_result')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.display_talk_result IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'display_talk_result')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'is_conceal_callee', CASE WHEN excluded.is_conceal_callee IS NOT NULL AND (stored.is_conceal_callee IS NULL OR coalesce((stored.kept_from ->> 'is_conceal_callee')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'is_conceal_callee')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'is_conceal_callee')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.is_conceal_callee IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'is_conceal_callee')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'threeway_state', CASE WHEN excluded.threeway_state IS NOT NULL AND (stored.threeway_state IS NULL OR coalesce((stored.kept_from ->> 'threeway_state')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'threeway_state')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'threeway_state')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.threeway_state IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'threeway_state')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'day_counters', CASE WHEN excluded.day_counters IS NOT NULL AND (stored.day_counters IS NULL OR coalesce((stored.kept_from ->> 'day_counters')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'day_counters')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'day_counters')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.day_counters IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'day_counters')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'body_digest', CASE WHEN excluded.body_digest IS NOT NULL AND (stored.body_digest IS NULL OR coalesce((stored.kept_from ->> 'body_digest')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'body_digest')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'body_digest')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.body_digest IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'body_digest')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END)), '{}') END;

-- dialer_agents: lock

SELECT received_at, push_id, source, agent_name, group_name, task_id, state, register_state, call_type, talk_result_label, display_talk_result, is_conceal_callee, threeway_state, day_counters::text, body_digest, kept_from::text FROM airudder.dialer_agents WHERE source = %s AND agent_name = %s FOR UPDATE;

-- dialer_agents: forget_version

UPDATE airudder.dialer_agents SET
  received_at = '-infinity', push_id = '00000000-0000-0000-0000-000000000000', kept_from = NULL,
  group_name = CASE WHEN 'group_name' <> ALL (forgotten.columns) THEN dialer_agents.group_name END,
  task_id = CASE WHEN 'task_id' <> ALL (forgotten.columns) THEN dialer_agents.task_id END,
  state = CASE WHEN 'state' <> ALL (forgotten.columns) THEN dialer_agents.state END,
  register_state = CASE WHEN 'register_state' <> ALL (forgotten.columns) THEN dialer_agents.register_state END,
  call_type = CASE WHEN 'call_type' <> ALL (forgotten.columns) THEN dialer_agents.call_type END,
  talk_result_label = CASE WHEN 'talk_result_label' <> ALL (forgotten.columns) THEN dialer_agents.talk_result_label END,
  display_talk_result = CASE WHEN 'display_talk_result' <> ALL (forgotten.columns) THEN dialer_agents.display_talk_result END,
  is_conceal_callee = CASE WHEN 'is_conceal_callee' <> ALL (forgotten.columns) THEN dialer_agents.is_conceal_callee END,
  threeway_state = CASE WHEN 'threeway_state' <> ALL (forgotten.columns) THEN dialer_agents.threeway_state END,
  day_counters = CASE WHEN 'day_counters' <> ALL (forgotten.columns) THEN dialer_agents.day_counters END,
  body_digest = CASE WHEN 'body_digest' <> ALL (forgotten.columns) THEN dialer_agents.body_digest END
FROM (SELECT %s::text[]) AS forgotten (columns) WHERE source = %s AND agent_name = %s;

-- dialer_tasks: upsert

INSERT INTO airudder.dialer_tasks AS stored (received_at, push_id, source, task_id, name, group_name, state, body_digest, kept_from)
SELECT received_at, push_id, source, task_id, name, group_name, state, body_digest, kept_from::jsonb
FROM (SELECT unnest(%b::timestamptz[]) AS received_at, unnest(%b::uuid[]) AS push_id, unnest(%b::text[]) AS source, unnest(%b::text[]) AS task_id, unnest(%b::text[]) AS name, unnest(%b::text[]) AS group_name, unnest(%b::text[]) AS state, unnest(%b::bytea[]) AS body_digest, unnest(%b::text[]) AS kept_from) AS row
ON CONFLICT (source, task_id) DO UPDATE SET
  name = CASE WHEN excluded.name IS NOT NULL AND (stored.name IS NULL OR coalesce((stored.kept_from ->> 'name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'name')::uuid, excluded.push_id)) THEN excluded.name ELSE stored.name END,
  group_name = CASE WHEN excluded.group_name IS NOT NULL AND (stored.group_name IS NULL OR coalesce((stored.kept_from ->> 'group_name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'group_name')::uuid, excluded.push_id)) THEN excluded.group_name ELSE stored.group_name END,
  state = CASE WHEN excluded.state IS NOT NULL AND (stored.state IS NULL OR coalesce((stored.kept_from ->> 'state')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'state')::uuid, excluded.push_id)) THEN excluded.state ELSE stored.state END,
  body_digest = CASE WHEN excluded.body_digest IS NOT NULL AND (stored.body_digest IS NULL OR coalesce((stored.kept_from ->> 'body_digest')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'body_digest')::uuid, excluded.push_id)) THEN excluded.body_digest ELSE stored.body_digest END,
  received_at = greatest(stored.received_at, excluded.received_at),
  push_id = greatest(stored.push_id, excluded.push_id),
  kept_from = CASE WHEN stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0
    AND (excluded.name IS NOT NULL OR stored.name IS NULL) AND (excluded.group_name IS NOT NULL OR stored.group_name IS NULL) AND (excluded.state IS NOT NULL OR stored.state IS NULL) AND (excluded.body_digest IS NOT NULL OR stored.body_digest IS NULL) THEN NULL
  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(
    'name', CASE WHEN excluded.name IS NOT NULL AND (stored.name IS NULL OR coalesce((stored.kept_from ->> 'name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'name')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'name')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.name IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'name')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'group_name', CASE WHEN excluded.group_name IS NOT NULL AND (stored.group_name IS NULL OR coalesce((stored.kept_from ->> 'group_name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'group_name')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'group_name')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.group_name IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'group_name')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'state', CASE WHEN excluded.state IS NOT NULL AND (stored.state IS NULL OR coalesce((stored.kept_from ->> 'state')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'state')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'state')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.state IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'state')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'body_digest', CASE WHEN excluded.body_digest IS NOT NULL AND (stored.body_digest IS NULL OR coalesce((stored.kept_from ->> 'body_digest')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'body_digest')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'body_digest')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.body_digest IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'body_digest')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END)), '{}') END;

-- dialer_tasks: lock

SELECT received_at, push_id, source, task_id, name, group_name, state, body_digest, kept_from::text FROM airudder.dialer_tasks WHERE source = %s AND task_id = %s FOR UPDATE;

-- dialer_tasks: forget_version

UPDATE airudder.dialer_tasks SET
  received_at = '-infinity', push_id = '00000000-0000-0000-0000-000000000000', kept_from = NULL,
  name = CASE WHEN 'name' <> ALL (forgotten.columns) THEN dialer_tasks.name END,
  group_name = CASE WHEN 'group_name' <> ALL (forgotten.columns) THEN dialer_tasks.group_name END,
  state = CASE WHEN 'state' <> ALL (forgotten.columns) THEN dialer_tasks.state END,
  body_digest = CASE WHEN 'body_digest' <> ALL (forgotten.columns) THEN dialer_tasks.body_digest END
FROM (SELECT %s::text[]) AS forgotten (columns) WHERE source = %s AND task_id = %s;

-- workflows: upsert

INSERT INTO airudder.workflows AS stored (received_at, push_id, source, workflow_id, name, status, kept_from)
SELECT received_at, push_id, source, workflow_id, name, status, kept_from::jsonb
FROM (SELECT unnest(%b::timestamptz[]) AS received_at, unnest(%b::uuid[]) AS push_id, unnest(%b::text[]) AS source, unnest(%b::text[]) AS workflow_id, unnest(%b::text[]) AS name, unnest(%b::text[]) AS status, unnest(%b::text[]) AS kept_from) AS row
ON CONFLICT (source, workflow_id) DO UPDATE SET
  name = CASE WHEN excluded.name IS NOT NULL AND (stored.name IS NULL OR coalesce((stored.kept_from ->> 'name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'name')::uuid, excluded.push_id)) THEN excluded.name ELSE stored.name END,
  status = CASE WHEN excluded.status IS NOT NULL AND (stored.status IS NULL OR coalesce((stored.kept_from ->> 'status')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'status')::uuid, excluded.push_id)) THEN excluded.status ELSE stored.status END,
  received_at = greatest(stored.received_at, excluded.received_at),
  push_id = greatest(stored.push_id, excluded.push_id),
  kept_from = CASE WHEN stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0
    AND (excluded.name IS NOT NULL OR stored.name IS NULL) AND (excluded.status IS NOT NULL OR stored.status IS NULL) THEN NULL
  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(
    'name', CASE WHEN excluded.name IS NOT NULL AND (stored.name IS NULL OR coalesce((stored.kept_from ->> 'name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'name')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'name')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.name IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'name')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'status', CASE WHEN excluded.status IS NOT NULL AND (stored.status IS NULL OR coalesce((stored.kept_from ->> 'status')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'status')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'status')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.status IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'status')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END)), '{}') END;

-- workflows: lock

SELECT received_at, push_id, source, workflow_id, name, status, kept_from::text FROM airudder.workflows WHERE source = %s AND workflow_id = %s FOR UPDATE;

-- workflows: forget_version

UPDATE airudder.workflows SET
  received_at = '-infinity', push_id = '00000000-0000-0000-0000-000000000000', kept_from = NULL,
  name = CASE WHEN 'name' <> ALL (forgotten.columns) THEN workflows.name END,
  status = CASE WHEN 'status' <> ALL (forgotten.columns) THEN workflows.status END
FROM (SELECT %s::text[]) AS forgotten (columns) WHERE source = %s AND workflow_id = %s;

-- nodes: upsert

INSERT INTO airudder.nodes AS stored (received_at, push_id, source, workflow_id, node_id, name, kept_from)
SELECT received_at, push_id, source, workflow_id, node_id, name, kept_from::jsonb
FROM (SELECT unnest(%b::timestamptz[]) AS received_at, unnest(%b::uuid[]) AS push_id, unnest(%b::text[]) AS source, unnest(%b::text[]) AS workflow_id, unnest(%b::text[]) AS node_id, unnest(%b::text[]) AS name, unnest(%b::text[]) AS kept_from) AS row
ON CONFLICT (source, workflow_id, node_id) DO UPDATE SET
  name = CASE WHEN excluded.name IS NOT NULL AND (stored.name IS NULL OR coalesce((stored.kept_from ->> 'name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'name')::uuid, excluded.push_id)) THEN excluded.name ELSE stored.name END,
  received_at = greatest(stored.received_at, excluded.received_at),
  push_id = greatest(stored.push_id, excluded.push_id),
  kept_from = CASE WHEN stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0
    AND (excluded.name IS NOT NULL OR stored.name IS NULL) THEN NULL
  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(
    'name', CASE WHEN excluded.name IS NOT NULL AND (stored.name IS NULL OR coalesce((stored.kept_from ->> 'name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'name')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'name')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.name IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'name')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END)), '{}') END;

-- nodes: lock

SELECT received_at, push_id, source, workflow_id, node_id, name, kept_from::text FROM airudder.nodes WHERE source = %s AND workflow_id = %s AND node_id = %s FOR UPDATE;

-- nodes: forget_version

UPDATE airudder.nodes SET
  received_at = '-infinity', push_id = '00000000-0000-0000-0000-000000000000', kept_from = NULL,
  name = CASE WHEN 'name' <> ALL (forgotten.columns) THEN nodes.name END
FROM (SELECT %s::text[]) AS forgotten (columns) WHERE source = %s AND workflow_id = %s AND node_id = %s;

-- node_tasks: upsert

INSERT INTO airudder.node_tasks AS stored (received_at, push_id, source, workflow_id, nodetask_id, name, node_type, task_id, task_status, kept_from)
SELECT received_at, push_id, source, workflow_id, nodetask_id, name, node_type, task_id, task_status, kept_from::jsonb
FROM (SELECT unnest(%b::timestamptz[]) AS received_at, unnest(%b::uuid[]) AS push_id, unnest(%b::text[]) AS source, unnest(%b::text[]) AS workflow_id, unnest(%b::text[]) AS nodetask_id, unnest(%b::text[]) AS name, unnest(%b::text[]) AS node_type, unnest(%b::text[]) AS task_id, unnest(%b::text[]) AS task_status, unnest(%b::text[]) AS kept_from) AS row
ON CONFLICT (source, workflow_id, nodetask_id) DO UPDATE SET
  name = CASE WHEN excluded.name IS NOT NULL AND (stored.name IS NULL OR coalesce((stored.kept_from ->> 'name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'name')::uuid, excluded.push_id)) THEN excluded.name ELSE stored.name END,
  node_type = CASE WHEN excluded.node_type IS NOT NULL AND (stored.node_type IS NULL OR coalesce((stored.kept_from ->> 'node_type')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'node_type')::uuid, excluded.push_id)) THEN excluded.node_type ELSE stored.node_type END,
  task_id = CASE WHEN excluded.task_id IS NOT NULL AND (stored.task_id IS NULL OR coalesce((stored.kept_from ->> 'task_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'task_id')::uuid, excluded.push_id)) THEN excluded.task_id ELSE stored.task_id END,
  task_status = CASE WHEN excluded.task_status IS NOT NULL AND (stored.task_status IS NULL OR coalesce((stored.kept_from ->> 'task_status')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'task_status')::uuid, excluded.push_id)) THEN excluded.task_status ELSE stored.task_status END,
  received_at = greatest(stored.received_at, excluded.received_at),
  push_id = greatest(stored.push_id, excluded.push_id),
  kept_from = CASE WHEN stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0
    AND (excluded.name IS NOT NULL OR stored.name IS NULL) AND (excluded.node_type IS NOT NULL OR stored.node_type IS NULL) AND (excluded.task_id IS NOT NULL OR stored.task_id IS NULL) AND (excluded.task_status IS NOT NULL OR stored.task_status IS NULL) THEN NULL
  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(
    'name', CASE WHEN excluded.name IS NOT NULL AND (stored.name IS NULL OR coalesce((stored.kept_from ->> 'name')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'name')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'name')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.name IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'name')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'node_type', CASE WHEN excluded.node_type IS NOT NULL AND (stored.node_type IS NULL OR coalesce((stored.kept_from ->> 'node_type')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'node_type')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'node_type')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.node_type IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'node_type')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'task_id', CASE WHEN excluded.task_id IS NOT NULL AND (stored.task_id IS NULL OR coalesce((stored.kept_from ->> 'task_id')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'task_id')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'task_id')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.task_id IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'task_id')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END,
    'task_status', CASE WHEN excluded.task_status IS NOT NULL AND (stored.task_status IS NULL OR coalesce((stored.kept_from ->> 'task_status')::uuid, stored.push_id) <= coalesce((excluded.kept_from ->> 'task_status')::uuid, excluded.push_id)) THEN nullif(coalesce((excluded.kept_from ->> 'task_status')::uuid, excluded.push_id), greatest(stored.push_id, excluded.push_id))
      WHEN stored.task_status IS NOT NULL THEN nullif(coalesce((stored.kept_from ->> 'task_status')::uuid, stored.push_id), greatest(stored.push_id, excluded.push_id)) END)), '{}') END;

-- node_tasks: lock

SELECT received_at, push_id, source, workflow_id, nodetask_id, name, node_type, task_id, task_status, kept_from::text FROM airudder.node_tasks WHERE source = %s AND workflow_id = %s AND nodetask_id = %s FOR UPDATE;

-- node_tasks: forget_version

UPDATE airudder.node_tasks SET
  received_at = '-infinity', push_id = '00000000-0000-0000-0000-000000000000', kept_from = NULL,
  name = CASE WHEN 'name' <> ALL (forgotten.columns) THEN node_tasks.name END,
  node_type = CASE WHEN 'node_type' <> ALL (forgotten.columns) THEN node_tasks.node_type END,
  task_id = CASE WHEN 'task_id' <> ALL (forgotten.columns) THEN node_tasks.task_id END,
  task_status = CASE WHEN 'task_status' <> ALL (forgotten.columns) THEN node_tasks.task_status END
FROM (SELECT %s::text[]) AS forgotten (columns) WHERE source = %s AND workflow_id = %s AND nodetask_id = %s;
