-- Rows as workers of the first schema left them: sixty calls, one of which was pushed with the same bytes by two workers
-- at once, and one whose transcript is of an older push than its row.
INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status, call_id, callee_number, case_id, normalised_at)
SELECT gen_random_uuid(), now() + serial * interval '1 microsecond', 'lender-a', 'custom-api',
  convert_to('push ' || serial % 60, 'UTF8'), 'normalised', 'c' || serial % 60, '+62812345678' || serial % 60,
  'case ' || serial % 60, now()
FROM generate_series(1, 61) AS serial;

INSERT INTO airudder.workflows SELECT 'lender-a', 'w1', 'collections', received_at, push_id
FROM airudder.pushes ORDER BY received_at DESC LIMIT 1;
INSERT INTO airudder.nodes SELECT 'lender-a', 'w1', 'n1', 'API1', received_at, push_id
FROM airudder.pushes ORDER BY received_at DESC LIMIT 1;

INSERT INTO airudder.callees (source, callee_number, number_as_sent, name, received_at, push_id)
SELECT DISTINCT ON (callee_number) source, callee_number, callee_number, 'Budi', received_at, push_id FROM airudder.pushes;
INSERT INTO airudder.cases (source, callee_number, case_id, due_date, received_at, push_id)
SELECT source, callee_number, 'case 1', '2026-12-01', received_at, push_id FROM airudder.callees;
INSERT INTO airudder.case_answers
SELECT source, callee_number, case_id, position, CASE WHEN position > 0 THEN 'lang' END, 'id ' || position
FROM airudder.cases CROSS JOIN generate_series(0, 1) AS position WHERE callee_number <> '+628123456781';

INSERT INTO airudder.calls (source, call_id, callee_number, started_at, ended_at, received_at, push_id,
  transcript_received_at, transcript_push_id)
SELECT DISTINCT ON (call_id) source, call_id, callee_number, '2026-11-24 09:01:52Z'::timestamptz,
  '2026-11-24 09:01:59Z'::timestamptz, received_at, push_id, received_at, push_id
FROM airudder.pushes;
UPDATE airudder.calls SET transcript_push_id = '019acdef-0000-7000-8000-000000000000' WHERE call_id = 'c2';
UPDATE airudder.calls SET ended_at = '2026-11-24 09:00:00Z', transcript_push_id = NULL, transcript_received_at = NULL
WHERE call_id = 'c3';
INSERT INTO airudder.call_turns
SELECT source, call_id, position, position * interval '9 hours 0.5 seconds', 'robot ' || position,
  CASE WHEN position <> 1 THEN 'said by callee' END
FROM airudder.calls CROSS JOIN generate_series(0, 3) AS position WHERE call_id <> 'c3';
INSERT INTO airudder.call_attributes SELECT source, call_id, 'n1', '{"a": 1}', received_at, push_id FROM airudder.calls;
