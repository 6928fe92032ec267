-- Indexes by which the pushes about a person are found.

---- index

CREATE INDEX CONCURRENTLY pushes_callee_number ON airudder.pushes (callee_number) WHERE callee_number IS NOT NULL;

---- index

CREATE INDEX CONCURRENTLY pushes_without_number ON airudder.pushes (case_id, received_at)
  WHERE callee_number IS NULL AND status <> 'erased';
